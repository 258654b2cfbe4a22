"""What a run measured, as arrays: the ground on which summary and figures stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.errors import RunError
from skviz.scales import Scales
from skviz.statistics.moments import Statistics, compute
from skviz.units import Unit

if TYPE_CHECKING:
    import pyarrow as pa

    from skviz.runs.records import Run


@dataclass(frozen=True, eq=False)
class Measurements:
    """One value per image (N), scale (V, ascending) and unit (U); nan where there is none.

    `difference` (N, V, U) is the attention difference, `expected_kernel` (N, V, U) in pixels,
    `labels` (N,) the class index (-1: none) or None without labels, `correct` (N, V) is 1 or
    0, `crop` (N, V) the side of the crop in original pixels. `channels` maps a unit's name to
    the statistics of its attention over the images: count (V,), mean and std (V, M, C).
    `about` says which run it was.
    """

    units: tuple[Unit, ...]
    scales: tuple[float, ...]
    difference: NDArray[np.float32]
    expected_kernel: NDArray[np.float32]
    labels: NDArray[np.int64] | None = None
    class_names: tuple[str, ...] | None = None
    correct: NDArray[np.float32] | None = None
    crop: NDArray[np.float32] | None = None
    channels: Mapping[str, Statistics] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)


class RunMeasurements:
    """The measurements of a run, each read from its folder when it is first asked for.

    Has the attributes of `Measurements`. Reads single columns of the Parquet files, whose rows
    are complete and sorted by image, scale and unit (docs/run-folder.md).
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.units = run.units
        self._order = np.argsort(run.scales, kind="stable")
        self.scales = Scales(sorted(run.scales))
        self.class_names = tuple(run.classes) or None

    @cached_property
    def difference(self) -> NDArray[np.float32]:
        return self._cube(self._usual["difference"])

    @cached_property
    def expected_kernel(self) -> NDArray[np.float32]:
        return self._cube(self.run.table(["expected_kernel"])["expected_kernel"])

    @cached_property
    def labels(self) -> NDArray[np.int64] | None:
        labels = _array(self._usual["label"])[:: len(self.scales) * len(self.units)]
        return labels.astype(np.int64) if (labels >= 0).any() else None

    @cached_property
    def correct(self) -> NDArray[np.float32] | None:
        correct = self._cube(self.run.table(["correct"])["correct"])[:, :, 0]
        return None if np.isnan(correct).all() else correct

    @cached_property
    def rank(self) -> NDArray[np.float32] | None:
        """Number of classes more probable than the right one, (N, V); None where not known."""
        if "rank" not in self.run.columns:
            return None
        rank = self._cube(self.run.table(["rank"])["rank"])[:, :, 0]
        return None if np.isnan(rank).any() else rank

    @cached_property
    def crop(self) -> NDArray[np.float32]:
        """Side of the crop in original pixels, (N, V); nan in runs of older versions."""
        if "crop" not in self.run.columns:
            images = len(self.difference)
            return np.full((images, len(self.scales)), np.nan, np.float32)
        return self._cube(self.run.table(["crop"])["crop"])[:, :, 0]

    @cached_property
    def channels(self) -> Mapping[str, Statistics]:
        found = {}
        for name, moments in self.run.moments().items():
            count, mean, std = compute(moments)
            every = np.full(len(self.scales), count, np.int64)
            found[name] = Statistics(every, mean[self._order], std[self._order])
        return found

    @property
    def about(self) -> Mapping[str, Any]:
        settings = self.run.settings
        model, data = settings["model"], settings["dataset"]
        return {
            "run": str(self.run.path),
            "complete": self.run.complete,
            "model": {key: model.get(key) for key in ("name", "weights", "trained", "notes")},
            "control": settings.get("control"),
            "dataset": {key: data.get(key) for key in ("kind", "root", "digest")},
            "unreadable": len(self.run.errors),
            "notes": [note.to_dict() for note in self.run.notes],
        }

    @cached_property
    def _usual(self) -> pa.Table:
        # Every figure needs both: one pass over the files reads them.
        return self.run.table(["label", "difference"])

    def _cube(self, column: pa.ChunkedArray) -> NDArray[np.float32]:
        """Return a column as (images, scales, units), the scales ascending; nan for null."""
        rows = len(self.scales) * len(self.units)
        if len(column) % rows:
            raise RunError(
                f"expected {rows} rows per image in the records of '{self.run.path}' (scales times"
                f" units), got {len(column)} rows: the run is damaged; make it again"
            )
        cube = _array(column).reshape(-1, len(self.scales), len(self.units))
        if (self._order == np.arange(len(self.scales))).all():
            return cube
        return cube[:, self._order]


AnyMeasurements = Measurements | RunMeasurements


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of numbers or truth values as an array; nan for null.

    PyArrow's own `to_numpy` imports pandas, which takes longer than reading.
    """
    import pyarrow as pa

    if pa.types.is_boolean(column.type) or column.null_count:
        column = column.cast(pa.float32())
    if column.null_count:
        column = column.fill_null(float("nan"))
    return np.from_dlpack(column.combine_chunks())
