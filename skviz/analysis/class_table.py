"""Mean attention difference per class: the points of the paper's figure 4."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skviz.analysis.measurements import FloatArray, Measurements, RunMeasurements


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
    def of(cls, measurements: Measurements | RunMeasurements) -> ClassTable:
        """Average the images of each class; images without a label are left out."""
        cube = measurements.difference
        _, scales, units = cube.shape
        if measurements.labels is None:
            nothing = np.empty((units, scales, 0))
            return cls(np.empty(0, np.int64), nothing, nothing.astype(np.int64))
        labelled = measurements.labels >= 0
        labels, members = np.unique(measurements.labels[labelled], return_inverse=True)
        size = len(labels)
        sums, counts = np.zeros((2, units, scales, size))
        for u, v in itertools.product(range(units), range(scales)):
            values = cube[labelled, v, u].astype(np.float64)
            present = ~np.isnan(values)
            counts[u, v] = np.bincount(members[present], minlength=size)
            sums[u, v] = np.bincount(members[present], values[present], minlength=size)
        means = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
        return cls(labels, means, counts.astype(np.int64))
