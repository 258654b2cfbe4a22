"""What a change over the scales may be called: one rule for titles, captions and texts.

A mean that rises by less than chance would have it is no finding. A change is one only where
its interval over images is beyond zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from skviz.inference.paired import Bootstrap
from skviz.inference.verdicts import VERDICTS, Estimate
from skviz.quantities import DIFFERENCE, EXPECTED_KERNEL, Quantity
from skviz.typing import FloatArray
from skviz.units import Unit

if TYPE_CHECKING:
    from skviz.inference.summary import Summary

NO_CLEAR_CHANGE = VERDICTS["no clear change"]


def change_intervals(
    summary: Summary, quantity: Quantity, rows: Sequence[int], columns: Sequence[int]
) -> FloatArray:
    """Return low and high of the mean change of units, (U, 2), from the first to the last scale.

    Of the scales in `columns`. The intervals are those of `Summary.shifts`: the usual bootstrap
    where the summary has none. nan for a single scale, and for too few images.
    """
    first, last = min(columns), max(columns)
    nothing = np.full((len(rows), 2), np.nan)
    if first == last:
        return nothing
    cube = quantity.per_image(summary.measurements)
    change = cube[:, last][:, rows].astype(np.float64) - cube[:, first][:, rows]
    bootstrap = summary.options if summary.options.resamples else Bootstrap()
    found = bootstrap.of(change, summary.measurements.labels)
    return np.stack([found.low, found.high], axis=-1)


def change_name(interval: Sequence[float] | FloatArray | None) -> str:
    """Return "rises", "falls" or "no clear change"; empty where there is no interval.

    Examples
    --------
    >>> change_name((0.01, 0.03)), change_name((-0.02, 0.01)), change_name(None)
    ('rises', 'no clear change', '')
    """
    if interval is None or math.isnan(interval[0]) or math.isnan(interval[1]):
        return ""
    change = Estimate(math.nan, float(interval[0]), float(interval[1]))
    return "rises" if change.clear(1) else "falls" if change.clear(-1) else NO_CLEAR_CHANGE


def channel_change(
    summary: Summary, unit: Unit, branch: int, columns: Sequence[int], kernels: bool
) -> FloatArray | None:
    """Return the interval of the mean's change; of one of three branches it is not recorded."""
    rows = [summary.units.index(unit)]
    if kernels:
        (interval,) = change_intervals(summary, EXPECTED_KERNEL, rows, columns)
        return np.asarray(interval)
    if unit.branches != 2:
        return None
    # Two branches sum to one: the attention of the larger changes by half of the difference.
    low, high = change_intervals(summary, DIFFERENCE, rows, columns)[0] / 2
    return np.array([low, high] if branch == unit.largest else [-high, -low])
