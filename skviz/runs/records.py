"""The folder of records of a data set, for reading: a `Run`.

Its format is described in the documentation ("The run folder"); nothing here needs the network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.errors import RunError, UsageError
from skviz.notes import Assumption, Note, combined, notes_on_pictures
from skviz.overview import Overview, ShowsTable
from skviz.runs.settings import FORMAT, VERSION, Settings, unit_from_dict
from skviz.runs.shards import (
    channels_file,
    errors_file,
    moments_file,
    notes_file,
    table_file,
)
from skviz.scaling import scale_label
from skviz.statistics.moments import Moments, merge, merge_groups
from skviz.units import Unit, select_units

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class ClassMoments:
    """Moments per class, over its images.

    `labels` (k,) are sorted, -1 stands for images without label. `attention` is the mean over
    channels, shape (k, S, U, M), nan where a unit has fewer branches; `difference` is the
    attention difference (section 4.4), shape (k, S, U).
    """

    labels: Labels
    attention: Moments
    difference: Moments


class Run(ShowsTable):
    """A folder of records, made by `skviz analyze`; complete or not.

    Reads what is there when it is asked. Raises `UsageError` where the folder is no run, and
    `RunError` for a file that is missing or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.settings: Settings = read_settings(self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

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
        found: set[int] = set()
        for number in self.done:
            path = moments_file(self.path, number)
            with _read(path, np.load) as file:
                arrays = _Arrays(path, file)
                if int(arrays["count"]):
                    found.update(arrays["class_labels"].tolist())
        return tuple(sorted(label for label in found if label >= 0))

    @property
    def done(self) -> list[int]:
        """Numbers of the shards that are done, in order."""
        there = {entry.name for entry in _entries(self.path / "shards")}
        count = self.settings["shards"]
        return [n for n in range(count) if table_file(self.path, n).name in there]

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards that are not done, in order."""
        done = set(self.done)
        return [n for n in range(self.settings["shards"]) if n not in done]

    @property
    def complete(self) -> bool:
        """Whether every shard is done."""
        return not self.missing

    @property
    def images(self) -> int:
        """Number of images in the records."""
        rows = sum(_rows(table_file(self.path, n)) for n in self.done)
        return rows // (len(self.scales) * len(self.units))

    @property
    def errors(self) -> list[dict[str, str]]:
        """The images that could not be read: `image` and `reason` of each."""
        found: list[dict[str, str]] = []
        for number in self.done:
            found += _read(errors_file(self.path, number), _load_json)
        return found

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was left out of the data set, and what was assumed; none in older runs."""
        listed = (Note.from_dict(entry) for entry in self.settings.get("notes", ()))
        return combined((*listed, *notes_on_pictures(self._assumed())))

    def _assumed(self) -> list[tuple[str, Assumption]]:
        found: list[tuple[str, Assumption]] = []
        for number in self.done:
            path = notes_file(self.path, number)
            if path.exists():
                entries = _read(path, _load_json)
                found += [(one["image"], Assumption(one["text"], one["detail"])) for one in entries]
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the records' columns; older runs have fewer. Raises `RunError`."""
        import pyarrow.parquet as pq

        first = table_file(self.path, self._some_done()[0])
        return tuple(_read(first, pq.read_schema).names)

    def records(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the records as a pandas frame, one row per image, scale and unit.

        `columns` chooses some of `image`, `label`, `scale`, `unit`, `attention_0`, ...,
        `difference`, `expected_kernel`, `predicted`, `probability`, `correct`, `rank`,
        `crop`; fewer read faster. Rows are sorted by image, scale and unit, and complete. Raises
        `RunError`.
        """
        frame: pd.DataFrame = self.table(columns).to_pandas()
        return frame

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records as a PyArrow table; see `records`."""
        import pyarrow as pa

        tables = list(self.shard_tables(columns))
        # Shards of an older version of skviz lack the newest columns: null there.
        return pa.concat_tables(tables, promote_options="default").unify_dictionaries()

    def shard_tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the table of one shard after another: for work in constant memory."""
        import pyarrow.parquet as pq

        done = self._some_done()
        known = self.columns
        unknown = [name for name in columns or () if name not in known]
        if unknown:
            raise UsageError(
                f"expected columns out of {', '.join(known)}, got {', '.join(unknown)}"
            )
        chosen = None if columns is None else list(columns)
        for number in done:
            path = table_file(self.path, number)
            yield _read(path, lambda file: pq.ParquetFile(file).read(columns=chosen))

    def moments(self) -> dict[str, Moments]:
        """Return per unit the moments over all images, of shape (S, M, C)."""
        total: dict[str, Moments] = {}
        for arrays in self._moments():
            count = int(arrays["count"])
            for index, unit in enumerate(self.units):
                new = Moments(count, arrays[f"u{index}_mean"], arrays[f"u{index}_m2"])
                old = total.get(unit.name)
                total[unit.name] = new if old is None else merge(old, new)
        return total

    def class_moments(self) -> ClassMoments:
        """Return the moments per class of the mean attention and of its difference."""
        attention: tuple[Labels, Moments] | None = None
        difference: tuple[Labels, Moments] | None = None
        for arrays in self._moments():
            labels, count = arrays["class_labels"], arrays["class_count"]
            new = (labels, _moments_of(arrays, "class", count))
            attention = new if attention is None else merge_groups(attention, new)
            new = (labels, _moments_of(arrays, "difference", count))
            difference = new if difference is None else merge_groups(difference, new)
        assert attention is not None
        assert difference is not None
        return ClassMoments(attention[0], attention[1], difference[1])

    def class_channel_moments(self, unit: str) -> tuple[Labels, Moments]:
        """Return the labels (k,) and the moments (k, S, M, C) of a unit per class and channel.

        Raises `RunError` unless the run was made with `class_channels`.
        """
        (index,) = self._numbers(unit)
        if not self.settings["class_channels"]:
            raise RunError(
                f"expected moments per class and channel in '{self.path}', it has none; "
                "analyze with --class-channels"
            )
        total: tuple[Labels, Moments] | None = None
        for arrays in self._moments():
            moments = _moments_of(arrays, f"u{index}_class", arrays["class_count"])
            new = (arrays["class_labels"], moments)
            total = new if total is None else merge_groups(total, new)
        assert total is not None
        return total

    def channels(self, unit: str) -> NDArray[np.float16]:
        """Return the whole vectors of a unit, (images, S, M, C) in the order of the records.

        Raises `RunError` unless the run was made with `channels` for this unit.
        """
        (index,) = self._numbers(unit)
        found = self.units[index]
        if found.name not in self.settings["channels"]:
            raise RunError(
                f"expected the vectors of {found.name} in '{self.path}', they were not kept; "
                f"analyze with --channels {found.short}"
            )
        files = [channels_file(self.path, n, index, found) for n in self._some_done()]
        return np.concatenate([_read(file, _load_array) for file in files])

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

    def _numbers(self, unit: str) -> list[int]:
        chosen = select_units(unit, self.units)
        if len(chosen) != 1:
            names = ", ".join(found.short for found in chosen)
            raise UsageError(f"expected the name of one unit, got '{unit}', which means {names}")
        return [index for index, found in enumerate(self.units) if found in chosen]

    def _some_done(self) -> list[int]:
        done = self.done
        if not done:
            raise RunError(
                f"expected records in '{self.path}', there are none yet; run the same "
                "`skviz analyze` again to go on"
            )
        return done

    def _moments(self) -> Iterator[_Arrays]:
        """Yield the arrays of every shard that has images."""
        empty = True
        for number in self._some_done():
            path = moments_file(self.path, number)
            with _read(path, np.load) as file:
                arrays = _Arrays(path, file)
                if int(arrays["count"]):
                    empty = False
                    yield arrays
        if empty:
            raise RunError(f"expected images in '{self.path}', every one of them was unreadable")


@dataclass(frozen=True)
class _Arrays:
    """The arrays of one shard's moments, each read when it is asked for."""

    path: Path
    file: Any

    def __getitem__(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = _read(self.path, lambda _: self.file[name])
        return array


def read_settings(path: Path) -> Settings:
    """Return what `run.json` says; raises `UsageError` where the folder is no run."""
    file = path / "run.json"
    if not file.is_file():
        raise UsageError(
            f"expected the folder of a run, with a run.json in it, got '{path}'; make one with "
            "`skviz analyze DATASET --out RUN`"
        )
    settings = _read(file, _load_json)
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise UsageError(f"expected '{file}' to describe a run of skviz, it describes other work")
    if settings.get("version") != VERSION:
        raise UsageError(
            f"expected a run of format {VERSION} in '{path}', got {settings.get('version')}; "
            "use the version of skviz that made it"
        )
    return settings


def _moments_of(arrays: _Arrays, name: str, count: Labels) -> Moments:
    mean, m2 = arrays[f"{name}_mean"], arrays[f"{name}_m2"]
    return Moments(count.reshape(-1, *[1] * (mean.ndim - 1)), mean, m2)


def _read(path: Path, reader: Any) -> Any:
    """Read a file of a run; whatever is wrong with it becomes a `RunError` that names it."""
    try:
        return reader(path)
    except Exception as error:
        reason = "it is missing" if isinstance(error, FileNotFoundError) else error
        raise RunError(
            f"cannot read '{path}': {reason}; remove the files of this shard and run the same "
            "`skviz analyze` again"
        ) from error


def _load_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _load_array(path: Path) -> Any:
    return np.load(path, allow_pickle=False)


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(_read(path, lambda file: pq.read_metadata(file).num_rows))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
