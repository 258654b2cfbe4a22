"""A suite for reading: the plain run and its controls, one folder each, and what each cost."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.errors import RunError, SkvizError, UsageError, did_you_mean
from skviz.runs.measurements import RunMeasurements
from skviz.runs.records import RUN, Run
from skviz.runs.storage import schema
from skviz.runs.storage.folder import RunFolder
from skviz.studies.controls.control import Control

if TYPE_CHECKING:
    from skviz.inference.judging import JudgeOptions
    from skviz.inference.verdicts import Verdict

PLAIN = "plain"
SUITE = RunFolder(
    "skviz controls",
    1,
    "controls.json",
    "a suite of controls",
    "skviz controls DATASET --out DIR",
    first=PLAIN,
    schema=schema.SUITE,
)


@dataclass(frozen=True)
class Entry:
    """One run of a suite: its folder, what is different in it (None: nothing), its time.

    `seconds` were needed for `measured` images; both are 0 where the time is not known.
    """

    name: str
    control: Control | None
    seconds: float = 0.0
    measured: int = 0

    @property
    def per_image(self) -> float:
        """Seconds per image; nan where the time is not known."""
        return self.seconds / self.measured if self.measured else math.nan

    def cost(self, plain: Entry) -> float:
        """Its time per image as a multiple of the plain run's; nan where one is not known."""
        return self.per_image / plain.per_image if plain.per_image else math.nan

    def to_dict(self, plain: Entry) -> dict[str, Any]:
        """Return what controls.json says of it."""
        cost = self.cost(plain)
        return {
            "name": self.name,
            "control": None if self.control is None else self.control.to_dict(),
            "seconds": round(self.seconds, 6),
            "measured": self.measured,
            "cost": None if math.isnan(cost) else round(cost, 4),
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Entry:
        """Return what `to_dict` wrote."""
        control = entry["control"]
        return cls(
            entry["name"],
            None if control is None else Control.from_dict(control),
            entry["seconds"],
            entry["measured"],
        )


class ControlSuite:
    """A folder made by `skviz controls`: a plain run and its controls, finished or not.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UsageError
        Where the folder is none.
    RunError
        For a damaged controls.json.

    Examples
    --------
    >>> suite = skviz.controls(
    ...     "images", skviz.load_model(), out="suite", scales=(1, 2), units="3_4",
    ...     only=["blur"], progress=False,
    ... )
    >>> suite = skviz.ControlSuite("suite")
    >>> suite.plain.images, suite.missing
    (6, ())
    >>> [verdict.unit for verdict in suite.verdicts()]
    ['SK_3_4']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.entries = read_entries(self.path)

    def __repr__(self) -> str:
        return f"ControlSuite({str(self.path)!r})"

    @property
    def plain(self) -> Run:
        """The run without a control."""
        return self.run(PLAIN)

    @property
    def names(self) -> tuple[str, ...]:
        """The finished runs in order, the plain one first."""
        return tuple(name for name in self.entries if self._finished(name))

    @property
    def missing(self) -> tuple[str, ...]:
        """The runs that were begun or asked for, and are not finished."""
        return tuple(name for name in self.entries if not self._finished(name))

    @property
    def costs(self) -> dict[str, float]:
        """Time per image as a multiple of the plain run's; nan where it is not known."""
        plain = self.entries[PLAIN]
        return {name: self.entries[name].cost(plain) for name in self.names}

    def control(self, name: str) -> Control | None:
        """What is different in a run; None for the plain one."""
        return self._entry(name).control

    def run(self, name: str) -> Run:
        """A finished run by its name; raises `UsageError` for one that is not there."""
        self._entry(name)
        if not self._finished(name):
            raise UsageError(
                f"expected a finished run '{name}' in '{self.path}', it is not finished; run the "
                "same `skviz controls` again to go on"
            )
        return Run(self.path / name)

    @property
    def random(self) -> tuple[Run, ...]:
        """The random networks' runs, in the order of their seeds."""
        return tuple(run for _, run in self._of("random"))

    @property
    def null(self) -> list[RunMeasurements]:
        """What the random networks measured, as figures take it for their band."""
        return [RunMeasurements(run) for run in self.random]

    def verdicts(self, options: JudgeOptions | None = None) -> tuple[Verdict, ...]:
        """Return what may be said of every unit, judged on all finished runs.

        Raises `UsageError` where the plain run is not finished, or the runs do not fit together.
        """
        from skviz.inference.judging import judge
        from skviz.studies.controls.evidence import evidence_of  # It reads suites.

        return judge(evidence_of(self), options)

    @property
    def cascade(self) -> dict[str, Run]:
        """By unit, the runs in which everything from the top down to it is random."""
        return {str(control.word): run for control, run in self._of("cascade")}

    @property
    def units(self) -> dict[str, Run]:
        """By unit, the runs in which only it is random."""
        return {str(control.word): run for control, run in self._of("unit")}

    def _of(self, kind: str) -> list[tuple[Control, Run]]:
        entries = [self.entries[name] for name in self.names]
        return [
            (entry.control, self.run(entry.name))
            for entry in entries
            if entry.control is not None and entry.control.kind == kind
        ]

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            raise UsageError(
                f"expected a run of '{self.path}' ({', '.join(self.entries)}), got '{name}'."
                f"{did_you_mean(name, self.entries)}"
            )
        return self.entries[name]

    def _finished(self, name: str) -> bool:
        return RUN.is_one(self.path / name) and Run(self.path / name).complete


def read_entries(path: Path) -> dict[str, Entry]:
    """Return what controls.json lists, by name; raises `UsageError` where there is none."""
    document = SUITE.read(path)
    try:
        entries = [Entry.from_dict(entry) for entry in document["runs"]]
    except (AttributeError, KeyError, TypeError, ValueError, SkvizError) as error:
        raise RunError(
            f"cannot read '{path / SUITE.file}': {error}; remove it and run the same "
            "`skviz controls` again: finished runs are kept"
        ) from error
    return {entry.name: entry for entry in entries}


def is_suite(folder: Path) -> bool:
    """Tell whether a folder is one of `skviz controls`."""
    return (folder / SUITE.file).is_file() and not (folder / RUN.file).is_file()
