"""Mean attention difference per class: the points of the paper's figure 4."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skviz.quantities import DIFFERENCE, Quantity
from skviz.runs.measurements import AnyMeasurements
from skviz.typing import FloatArray


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
