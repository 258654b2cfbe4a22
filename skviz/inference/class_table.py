"""The long tables of a summary: per class, the points of the paper's figure 4, and per channel."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.capture.attention import channel_frame
from skviz.quantities import DIFFERENCE, EXPECTED_KERNEL, Quantity
from skviz.runs.measurements import AnyMeasurements
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ClassTable:
    """Mean attention difference per class: `means` and `counts` of shape (U, V, K).

    `labels` (K,) are the classes that have images, ascending; a mean without images is nan.
    The paired share of classes uses these means: an image missing at one scale is rare.
    """

    labels: NDArray[np.int64]
    means: FloatArray
    counts: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        measurements: AnyMeasurements,
        units: Sequence[int] | None = None,
        scales: Sequence[int] | None = None,
        quantity: Quantity = DIFFERENCE,
    ) -> ClassTable:
        """Average the images of each class; images without a label are left out.

        `units` and `scales` choose some of those measured, by index.
        """
        cube = quantity.per_image(measurements)
        units = range(cube.shape[2]) if units is None else units
        scales = range(cube.shape[1]) if scales is None else scales
        if measurements.labels is None:
            nothing = np.empty((len(units), len(scales), 0))
            return cls(np.empty(0, np.int64), nothing, nothing.astype(np.int64))
        labelled = measurements.labels >= 0
        labels, members = np.unique(measurements.labels[labelled], return_inverse=True)
        size = len(labels)
        sums, counts = np.zeros((2, len(units), len(scales), size))
        for u, v in itertools.product(range(len(units)), range(len(scales))):
            values = cube[labelled, scales[v], units[u]].astype(np.float64)
            present = ~np.isnan(values)
            counts[u, v] = np.bincount(members[present], minlength=size)
            sums[u, v] = np.bincount(members[present], values[present], minlength=size)
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return cls(labels, means, counts.astype(np.int64))


def class_rows(table: ClassTable, measured: AnyMeasurements) -> pd.DataFrame:
    """Return one row per class, unit and scale."""
    import pandas as pd

    index = pd.MultiIndex.from_product(
        [table.labels, [unit.name for unit in measured.units], measured.scales],
        names=["label", "unit", "scale"],
    )
    columns = {
        "n": table.counts.transpose(2, 0, 1).ravel(),
        "mean": table.means.transpose(2, 0, 1).ravel(),
    }
    frame = pd.DataFrame(columns, index=index).reset_index()
    known = dict(enumerate(measured.class_names or ()))
    frame.insert(1, "name", frame["label"].map(known).astype("str" if known else object))
    return frame


def channel_rows(measured: AnyMeasurements) -> pd.DataFrame:
    """Return one row per unit, scale, branch and channel."""
    import pandas as pd

    frames = []
    for unit in measured.units:
        found = measured.channels[unit.name]
        count = np.broadcast_to(found.count[:, None, None], found.mean.shape)
        values = {"n": count, "mean": found.mean, "std": found.std}
        frames.append(channel_frame(unit, "scale", measured.scales, values))
    return pd.concat(frames, ignore_index=True)


def channel_kernel_rows(measured: AnyMeasurements) -> pd.DataFrame:
    """Return one row per unit, scale and channel: its expected kernel size."""
    import pandas as pd

    frames = []
    for unit in measured.units:
        found = measured.channels[unit.name]
        sizes = EXPECTED_KERNEL.of(found.mean, unit, axis=1)
        index = pd.MultiIndex.from_product(
            [measured.scales, range(sizes.shape[1])], names=["scale", "channel"]
        )
        frame = pd.DataFrame({"expected_kernel": sizes.ravel()}, index=index).reset_index()
        frame.insert(0, "unit", unit.name)
        frame.insert(3, "n", np.repeat(found.count, sizes.shape[1]))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
