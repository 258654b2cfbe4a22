"""The folder of records of a data set, for reading: a `Run`.

Its format is described in the documentation ("The run folder"); nothing here needs the network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from skviz.errors import RunError, UsageError
from skviz.frames import Overview, ShowsTable
from skviz.notes import Assumption, Note, combined, notes_on_pictures
from skviz.runs.storage import schema
from skviz.runs.storage.checksums import shard_file
from skviz.runs.storage.folder import RunFolder
from skviz.runs.storage.settings import unit_from_dict
from skviz.runs.storage.shards import ShardedRecords
from skviz.scales import scale_label
from skviz.statistics.moments import Groups, Moments, merge, merge_groups
from skviz.typing import IntArray
from skviz.units import Unit, select_units

if TYPE_CHECKING:
    import pandas as pd

RUN = RunFolder(
    "skviz run", 1, "run.json", "a run", "skviz analyze DATASET --out RUN", schema=schema.RUN
)
Part = TypeVar("Part")


@dataclass(frozen=True)
class ClassMoments:
    """Moments per class, over its images.

    `labels` (k,) are sorted, -1 stands for images without label. `attention` is the mean over
    channels, shape (k, S, U, M), nan where a unit has fewer branches; `difference` is the
    attention difference (section 4.4), shape (k, S, U).
    """

    labels: IntArray
    attention: Moments
    difference: Moments


def channels_file(run: Path, number: int, index: int, unit: Unit) -> Path:
    """Path of the whole attention vectors of one unit in a shard."""
    # A unit of a foreign network is called by its module path, which may hold anything.
    safe = re.sub(r"[^A-Za-z0-9_-]", "_", unit.name)[:80]
    return run / "channels" / f"{number:05d}.{index:02d}.{safe}.npy"


class Run(ShardedRecords, ShowsTable):
    """A folder of records, made by `skviz analyze`; complete or not.

    The records have one row per image, scale and unit, sorted so, and complete. Columns:
    `image`, `label`, `scale`, `unit`, `attention_0`, ..., `difference`, `expected_kernel`,
    `predicted`, `probability`, `correct`, `rank`, `crop`. Reads what is there when it is asked.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UsageError
        Where the folder is no run.
    RunError
        For a file that is missing or damaged, when it is read.

    Examples
    --------
    >>> run = skviz.Run("runs/example")
    >>> run.images, run.scales
    (6, (1.0, 2.0))
    >>> run.records(["unit", "scale", "difference"]).groupby(["unit", "scale"]).mean().shape
    (2, 1)
    """

    FOLDER = RUN
    _kept: Any = None

    @classmethod
    def from_frame(cls, frame: object, out: str | os.PathLike[str] | None = None) -> Run:
        """Make a run of what a `BatchAnalyzer` returned.

        Parameters
        ----------
        frame
            All its rows, in any order: a table of pandas, PyArrow, Polars or Spark, a dictionary
            of columns, or the folder of Parquet files that an engine wrote.
        out
            The folder of the run; without it one that goes when the run is no longer used.

        Returns
        -------
        Run
            With it summaries, figures and reports work as with any other.

        Raises
        ------
        UsageError
            For rows that are of no analyzer or of several, that are missing, or there twice.
        OutputError
            Where the folder cannot be written, or holds other things.

        Examples
        --------
        >>> analyzer = skviz.BatchAnalyzer("sknet50_lite", scales=(1, 2), units="3_4")
        >>> run = skviz.Run.from_frame(analyzer({"image": [skviz.example_photo()]}))
        >>> run.images, run.complete
        (1, True)
        """
        from skviz.runs.gathered import run_from_frame

        return run_from_frame(frame, out)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """The units, in the order of execution."""
        return tuple(unit_from_dict(entry) for entry in self.settings["units"])

    @property
    def scales(self) -> tuple[float, ...]:
        """The S scales."""
        return tuple(float(scale) for scale in self.settings["scales"])

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the data set's classes, by label; empty without labels."""
        return tuple(self.settings["dataset"]["classes"])

    @cached_property
    def present(self) -> tuple[int, ...]:
        """Labels of the classes that have images in the records, ascending."""
        found = {
            label for a in self._arrays("class_labels") for label in a["class_labels"].tolist()
        }
        self._check_labels(found)
        return tuple(sorted(label for label in found if label >= 0))

    @property
    def images(self) -> int:
        """Number of images in the records."""
        return self.rows // (len(self.scales) * len(self.units))

    @property
    def errors(self) -> list[dict[str, str]]:
        """The images that could not be read: `image` and `reason` of each."""
        found: list[dict[str, str]] = []
        for number in self.done:
            found += RUN.load(shard_file(self.path, "errors", number), schema.ERRORS)
        return found

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was left out of the data set, and what was assumed; none in older runs."""
        listed = (Note.from_dict(entry) for entry in self.settings.get("notes", ()))
        paths = (shard_file(self.path, "notes", number) for number in self.done)
        assumed = [
            (one["image"], Assumption(one["text"], one["detail"]))
            for path in paths
            if path.exists()
            for one in RUN.load(path, schema.ASSUMED)
        ]
        return combined((*listed, *notes_on_pictures(assumed)))

    def moments(self) -> dict[str, Moments]:
        """Return per unit the moments over all images, of shape (S, M, C)."""
        numbers = range(len(self.units))
        names = [f"u{n}_{moment}" for n in numbers for moment in ("mean", "m2")]
        total = self._merged(
            (
                [Moments(int(a["count"]), a[f"u{n}_mean"], a[f"u{n}_m2"]) for n in numbers]
                for a in self._arrays(*names)
            ),
            lambda old, new: list(map(merge, old, new)),
        )
        return {unit.name: moments for unit, moments in zip(self.units, total, strict=True)}

    def class_moments(self) -> ClassMoments:
        """Return the moments per class of the mean attention and of its difference."""
        (labels, attention), (_, difference) = self._groups("class", "difference")
        self._check_labels(labels.tolist())
        return ClassMoments(labels, attention, difference)

    def class_channel_moments(self, unit: str) -> Groups:
        """Return the labels (k,) and the moments (k, S, M, C) of a unit per class and channel.

        Raises `RunError` unless the run was made with `class_channels`.
        """
        number = self._number(unit)
        if not self.settings["class_channels"]:
            raise RunError(
                f"expected moments per class and channel in '{self.path}', it has none; "
                "analyze with --class-channels"
            )
        return self._groups(f"u{number}_class")[0]

    def channels(self, unit: str) -> NDArray[np.float16]:
        """Return the whole vectors of a unit, (images, S, M, C) in the order of the records.

        Raises `RunError` unless the run was made with `channels` for this unit.
        """
        number = self._number(unit)
        found = self.units[number]
        if found.name not in self.settings["channels"]:
            raise RunError(
                f"expected the vectors of {found.name} in '{self.path}', they were not kept; "
                f"analyze with --channels {found.short}"
            )
        parts = []
        for shard in self._some_done():
            with RUN.open(channels_file(self.path, shard, number, found)) as file:
                parts.append(np.load(file, allow_pickle=False))
        return np.concatenate(parts)

    def to_frame(self) -> pd.DataFrame:
        """Return the records as a pandas frame; see `records`."""
        return self.records()

    def to_numpy(self, column: str = "difference") -> dict[str, NDArray[Any]]:
        """Return a dictionary from unit name to a column per image and scale, (images, S).

        The images and scales are in the order of the records. Raises `RunError`, and
        `UsageError` for an unknown column.
        """
        values = self.table([column]).column(column).to_numpy()
        cube = values.reshape(-1, len(self.scales), len(self.units))
        return {unit.name: cube[:, :, u] for u, unit in enumerate(self.units)}

    def overview(self) -> Overview:
        """Return what the run is, as it is shown in a notebook; reads no records."""
        import pandas as pd

        model, dataset = self.settings["model"], self.settings["dataset"]
        shards = f"{len(self.done)} of {self.settings['shards']} shards"
        control = self.settings.get("control")
        facts = {
            "folder": str(self.path),
            "network": f"{model['name']}, weights: {model['weights']}",
            "data set": f"{dataset['root']}, {dataset['images']} images",
            "classes": str(len(self.present) or "none"),
            "scales": ", ".join(scale_label(scale) for scale in self.scales),
            "units": f"{len(self.units)}: {', '.join(unit.name for unit in self.units)}",
            "control": "none" if control is None else str(control["kind"]),
            "state": f"{'complete' if self.complete else 'not complete'}, {shards}",
        }
        table = pd.DataFrame(list(facts.items()), columns=["what", "value"])
        return Overview("run of skviz", table)

    def _check_labels(self, labels: Iterable[int]) -> None:
        largest = max(labels, default=-1)
        if largest >= len(self.classes):
            raise RunError(
                f"expected labels below {len(self.classes)}, the number of classes that "
                f"'{self.path / RUN.file}' names, found {largest}; it was edited or is damaged"
            )

    def _number(self, unit: str) -> int:
        chosen = select_units(unit, self.units)
        if len(chosen) != 1:
            names = ", ".join(found.short for found in chosen)
            raise UsageError(f"expected the name of one unit, got '{unit}', which means {names}")
        return self.units.index(chosen[0])

    def _arrays(self, *names: str) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield arrays of the moments of every shard that has images, and its `count`."""
        for number in self.done:
            found = {}
            with (
                RUN.open(shard_file(self.path, "moments", number)) as file,
                np.load(file) as arrays,
            ):
                if arrays["count"]:
                    found = {name: arrays[name] for name in ("count", *names)}
            if found:
                yield found

    def _groups(self, *names: str) -> list[Groups]:
        """Return moments per class over all images, with the labels of the classes."""
        moments = [f"{name}_{moment}" for name in names for moment in ("mean", "m2")]
        return self._merged(
            (
                [(a["class_labels"], _moments_of(a, name, a["class_count"])) for name in names]
                for a in self._arrays("class_labels", "class_count", *moments)
            ),
            lambda old, new: list(map(merge_groups, old, new)),
        )

    def _merged(self, parts: Iterator[Part], merge: Callable[[Part, Part], Part]) -> Part:
        self._some_done()
        total = next(parts, None)
        if total is None:
            raise RunError(f"expected images in '{self.path}', every one of them was unreadable")
        for part in parts:
            total = merge(total, part)
        return total


def _moments_of(arrays: Mapping[str, NDArray[Any]], name: str, count: NDArray[Any]) -> Moments:
    mean, m2 = arrays[f"{name}_mean"], arrays[f"{name}_m2"]
    return Moments(count.reshape(-1, *[1] * (mean.ndim - 1)), mean, m2)
