"""How wide a map is: measures of a receptive field, and what a stack of convolutions gives."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from skviz.errors import UsageError
from skviz.typing import FloatArray

SHARE = 0.95


def moments(maps: ArrayLike) -> FloatArray:
    """Return the moments of maps (..., H, W): mean of y, x, y squared and x squared, (..., 4).

    In pixels from the middle of the map. They are nan for a map without any mass. Moments of
    an average of maps of mass 1 are the averages of their moments.
    """
    table = np.asarray(maps, np.float64)
    mass = table.sum(axis=(-2, -1))
    height, width = table.shape[-2:]
    y, x = np.arange(height) - (height - 1) / 2, np.arange(width) - (width - 1) / 2
    rows, columns = table.sum(axis=-1), table.sum(axis=-2)
    sums = np.stack([rows @ y, columns @ x, rows @ y**2, columns @ x**2], axis=-1)
    mass = mass[..., None]
    found: FloatArray = np.divide(sums, mass, out=np.full_like(sums, np.nan), where=mass > 0)
    return found


def width_of(found: FloatArray) -> FloatArray:
    """Return the width that moments (..., 4) mean, in pixels, shape (...).

    The side of the box kernel that has the same variance, sqrt(12 variance + 1), the variance
    being the mean of both axes: of one k x k box exactly k. It is the measure that adds up
    over convolutions (see `stack_width`), and it counts the whole map, its far ends most.
    """
    y, x, yy, xx = np.moveaxis(found, -1, 0)
    variance = np.maximum((yy - y**2 + xx - x**2) / 2, 0)
    width: FloatArray = np.sqrt(12 * variance + 1)
    return width


def map_extent(field: ArrayLike, share: float = SHARE) -> float:
    """Return the side of the square around the map's centre that holds `share` of it, in pixels.

    A pixel counts with the part of it that lies inside. nan for an empty map. Far ends hardly
    count: it says where most of the map is.
    """
    table = np.asarray(field, np.float64)
    total = float(table.sum())
    if not total > 0:
        return float("nan")
    y, x = moments(table)[:2]
    height, width = table.shape
    low: float = 0.0
    high: float = 2.0 * (height + width)
    for _ in range(60):  # The mass grows with the side: halve the interval until it is a point.
        side = (low + high) / 2
        rows = _inside(height, y, side)
        columns = _inside(width, x, side)
        if np.dot(rows @ table, columns) < share * total:
            low = side
        else:
            high = side
    return (low + high) / 2


def stack_width(layers: Iterable[tuple[int, int, int]]) -> float:
    """Return the width of the field of a stack of convolutions with equal positive weights.

    `layers` are (kernel size, stride, dilation) from the input on, in pixels of their input.
    Variances add: each layer has dilation squared times (k squared - 1) / 12, in steps of the
    product of the strides before it. A dilated 3x3 is wider than the 5x5 box it stands for:
    all of its weight but the middle is at the ends.

    Raises `UsageError` for numbers below 1.
    """
    variance, step = 0.0, 1
    for size, stride, dilation in layers:
        if min(size, stride, dilation) < 1:
            raise UsageError(
                "expected layers of (kernel size, stride, dilation), each at least 1, got "
                f"{(size, stride, dilation)}"
            )
        variance += step**2 * dilation**2 * (size**2 - 1) / 12
        step *= stride
    return math.sqrt(12 * variance + 1)


def _inside(count: int, centre: float, side: float) -> FloatArray:
    """Return which part of each pixel of a line lies within `side` around the centre."""
    left = np.arange(count) - count / 2 - centre
    part: FloatArray = np.minimum(left + 1, side / 2) - np.maximum(left, -side / 2)
    return np.clip(part, 0, 1)
