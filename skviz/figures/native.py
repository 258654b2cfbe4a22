"""What a display becomes as a native chart of an office program: series of plain numbers.

Nothing here knows PowerPoint; `skviz.reports.pptx.charts` puts a `NativeChart` on a slide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.ticker import MaxNLocator

from skviz.figures.caption import Caption
from skviz.typing import FloatArray

_MOST_MARKERS = 150


@dataclass(frozen=True, eq=False)
class NativeChart:
    """A chart with one series per scale.

    `values` has shape (V, N), nan where there is no mark, `errors` the same or None. `x` are N
    numbers for the kind "xy", or N words for "line" and "bars". `ticks` are lowest, highest and
    step of the value axis. `joined` is False for marks without a line between them. `caption` is
    that of this chart, `numbers` what the notes say beside it.
    """

    kind: Literal["xy", "line", "bars"]
    caption: Caption
    x: FloatArray | tuple[str, ...]
    scales: tuple[float, ...]
    values: FloatArray
    x_title: str
    y_title: str
    ticks: tuple[float, float, float]
    errors: FloatArray | None = None
    base: float = 0.0
    joined: bool = True
    hatched: bool = False
    numbers: str = ""

    @property
    def marked(self) -> bool:
        """Whether points are few enough to be marked one by one."""
        return len(self.x) <= _MOST_MARKERS


def ticks_of(
    values: FloatArray, errors: FloatArray | None = None, base: float | None = None
) -> tuple[float, float, float]:
    """Return lowest, highest and step of an axis with round numbers that holds all marks."""
    spread = np.zeros_like(values) if errors is None else np.nan_to_num(errors)
    ends = [values - spread, values + spread, np.array([[np.nan if base is None else base]])]
    known = np.concatenate([part[np.isfinite(part)] for part in ends])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    return _round_ticks(low, high)


def numbers_along(x: Sequence[float] | FloatArray) -> tuple[float, float, float]:
    """Return lowest, highest and step of an axis of whole numbers, such as channels."""
    low, high = float(np.min(x)), float(np.max(x))
    step = _round_ticks(low, max(high, low + 4), whole=True)[2]
    return np.floor(low / step) * step, np.ceil(max(high, low + 1) / step) * step, step


def _round_ticks(low: float, high: float, whole: bool = False) -> tuple[float, float, float]:
    locator = MaxNLocator(10 if whole else 6, steps=[1, 2, 2.5, 5, 10], integer=whole)
    ticks = locator.tick_values(low, high)
    # Programs add up steps: without dust in the last digits they meet zero.
    low, high, step = (float(f"{tick:.9g}") for tick in (ticks[0], ticks[-1], ticks[1] - ticks[0]))
    return low, high, step
