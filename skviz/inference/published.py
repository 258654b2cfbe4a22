"""The values that the paper publishes in figure 3 (c) and figure 4, by unit and scale.

They were read from the vector paths of the figures (precision about 1e-4).
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skviz.units import Unit

# Of figure 3 (c), right, and of figure 4.
UNITS = ("SK_2_3", "SK_3_4", "SK_4_6", "SK_5_3")
CLASS_UNITS = ("SK_2_3", "SK_3_4", "SK_5_3")
SCALES = (1.0, 1.5, 2.0)


def published_difference(unit: str, scale: str) -> float | None:
    """Mean attention difference that the paper publishes (figure 3 c), or None."""
    value = _right("c_all_validation_images", unit, scale)
    return None if value is None else float(value)


def published_deviation(unit: str, scale: str) -> float | None:
    """Standard deviation that the paper's error bars show (figure 3 c), or None."""
    bar = _right("c_error_bars_low_high", unit, scale)
    return None if bar is None else (float(bar[1]) - float(bar[0])) / 2


def published_class_shifts(unit: str) -> NDArray[np.float64] | None:
    """Shift from 1.0x to 1.5x of each of figure 4's 100 points, (100,); None for other units."""
    curves = published_values("figure4")["curves"].get(unit.removeprefix("SK_"))
    if curves is None:
        return None
    shifts: NDArray[np.float64] = np.subtract(curves["1.5x"], curves["1.0x"])
    return shifts


def has_paper_kernels(unit: Unit) -> bool:
    """Whether the unit has the branches of the paper's SKNet-50, 3x3 and 5x5, and no others."""
    kernels = (unit.smallest, unit.largest)
    return unit.branches == 2 and [unit.branch_label(k) for k in kernels] == ["3x3", "5x5"]


def _right(key: str, unit: str, scale: str) -> Any:
    right, name = published_values("figure3")["right"], unit.removeprefix("SK_")
    return dict(zip(right["units"], right[key].get(scale, ()), strict=False)).get(name)


@cache
def published_values(name: str) -> Any:
    """Return "figure3" or "figure4" as it is kept in `skviz.assets.published`."""
    text = files("skviz.assets").joinpath("published", f"{name}.json").read_text("utf-8")
    return json.loads(text)
