"""The channels of a unit as points: how many channels each is the mean of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.display import check_shape
from skviz.frames import grid_frame
from skviz.typing import FloatArray
from skviz.units import Unit

if TYPE_CHECKING:
    import pandas as pd

PAPER_POINTS = 16  # of a line in figure 3, left
MOST_POINTS = 64  # that a line is drawn through


@dataclass(frozen=True, eq=False)
class ChannelPoints:
    """Curves over channels, (V, N), each point the mean of a group of consecutive channels.

    The fields are those of `ChannelLines`.
    """

    curves: FloatArray
    x: NDArray[np.int64]
    scales: tuple[float, ...]
    unit: str
    branch_label: str
    group: int
    channels: int
    deviations: FloatArray | None = None
    quantity: str | None = None
    null: FloatArray | None = None
    change: FloatArray | None = None

    def __post_init__(self) -> None:
        points = len(self.x)
        check_shape("curves", self.curves, "scales, points", (len(self.scales), points))
        check_shape("a null", self.null, "2, points", (2, points))
        expected = math.ceil(self.channels / self.group)
        if points != expected:
            raise UsageError(
                f"expected {expected} points for {self.channels} channels in groups of"
                f" {self.group}, got {points}"
            )

    @classmethod
    def _grouped(
        cls,
        values: FloatArray,
        scales: tuple[float, ...],
        unit: Unit,
        branch: int,
        group: int | None,
    ) -> Self:
        """Take the attention of a branch, (V, C), of which each point averages a group."""
        channels = values.shape[1]
        chosen = max(1, channels // PAPER_POINTS) if group is None else group
        if not 1 <= chosen <= channels:
            raise UsageError(
                f"expected a group of 1 to {channels} channels for {unit.name}, got {chosen}"
            )
        x = np.arange(0, channels, chosen)
        curves = np.add.reduceat(values, x, axis=1) / np.diff(np.append(x, channels))
        return cls(curves, x, scales, unit.name, unit.branch_label(branch), chosen, channels)

    @property
    def group_sizes(self) -> NDArray[np.int64]:
        """How many channels each of the N points is the mean of, shape (N,)."""
        return np.diff(np.append(self.x, self.channels))

    @property
    def dense(self) -> bool:
        """Whether the points are too many for a line: then it goes through their means."""
        return len(self.x) > MOST_POINTS

    @property
    def means(self) -> FloatArray:
        """Mean attention over all channels per scale, shape (V,), in [0, 1].

        Points are weighted with their number of channels. For two branches, twice the mean
        less one is the attention difference that the bars show.
        """
        means: FloatArray = np.average(self.curves, axis=1, weights=self.group_sizes)
        return means

    @property
    def mean_starts(self) -> NDArray[np.int64]:
        """The index of the first point of each mean that a dense line goes through, shape (P,)."""
        return np.arange(0, len(self.x), len(self.x) // PAPER_POINTS)

    def successive_means(self, values: FloatArray) -> FloatArray:
        """Return means of successive points, (..., N) to (..., P), each channel counting once."""
        starts, sizes = self.mean_starts, self.group_sizes
        sums: FloatArray = np.add.reduceat(values * sizes, starts, axis=-1)
        return sums / np.add.reduceat(sizes, starts)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per scale and point."""
        axes = {"unit": [self.unit], "kernel": [self.branch_label], "scale": self.scales}
        channels = np.tile(self.group_sizes, len(self.scales))
        std = {} if self.deviations is None else {"std": self.deviations}
        return grid_frame(
            {**axes, "channel": self.x}, {"channels": channels, "attention": self.curves, **std}
        )
