"""The channels of a unit as points: how many channels each is the mean of."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.typing import FloatArray

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
        expected = (len(self.scales), len(self.x))
        if self.curves.shape != expected:
            raise UsageError(
                f"expected curves of shape (scales, points) = {expected}, got {self.curves.shape}"
            )
        if self.null is not None and self.null.shape != (2, len(self.x)):
            raise UsageError(
                f"expected a null of shape (2, points) = {(2, len(self.x))}, got {self.null.shape}"
            )
        if len(self.x) != math.ceil(self.channels / self.group):
            raise UsageError(
                f"expected {math.ceil(self.channels / self.group)} points for {self.channels}"
                f" channels in groups of {self.group}, got {len(self.x)}"
            )

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


def group_points(
    group: int | None, channels: int, unit: str
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Return how many channels a point has, the first channel of each, and how many it holds."""
    chosen = max(1, channels // PAPER_POINTS) if group is None else group
    if not 1 <= chosen <= channels:
        raise UsageError(f"expected a group of 1 to {channels} channels for {unit}, got {chosen}")
    x = np.arange(0, channels, chosen)
    return chosen, x, np.diff(np.append(x, channels))
