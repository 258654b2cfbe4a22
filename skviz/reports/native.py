"""What a display becomes as a native chart of an office program: series of plain numbers.

Nothing here knows PowerPoint; `skviz.reports.pptx.charts` puts a `NativeChart` on a slide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Literal

import numpy as np
from matplotlib.ticker import MaxNLocator

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.style.palette import scale_labels
from skviz.figures.wording import per_scale
from skviz.numbers import signed
from skviz.reports.document import FigurePart
from skviz.statistics.moments import nan_mean
from skviz.typing import FloatArray

MOST_NAMED = 40  # classes that are named below a chart
_MOST_MARKERS = 150
_LISTED = 5  # classes that notes name


@dataclass(frozen=True, eq=False)
class NativeChart:
    """A chart with one series per scale.

    `values` has shape (V, N), nan where there is no mark, `errors` the same or None. `x` are N
    numbers for the kind "xy", or N words for "line" and "bars". `ticks` are lowest, highest and
    step of the value axis. `joined` is False for marks without a line between them. `title` is
    the message, `alt` the alternative text, `numbers` what the notes say beside the caption.
    """

    kind: Literal["xy", "line", "bars"]
    title: str
    alt: str
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


def native_charts(part: FigurePart) -> list[NativeChart]:
    """Return the charts of a figure, one per panel; none where only a picture shows it all."""
    charts = _charts(part.display)
    if len(charts) == 1:
        return [replace(charts[0], title=part.title, alt=part.caption.alt)]
    return charts


@singledispatch
def _charts(display: object) -> list[NativeChart]:
    """Heat maps and photographs have no native chart."""
    return []


@_charts.register
def _(display: ChannelLines) -> list[NativeChart]:
    if display.null is not None:  # a band, which native charts do not have
        return []
    chart = NativeChart(
        kind="xy",
        title="",
        alt="",
        x=display.x.astype(np.float64),
        scales=display.scales,
        values=display.curves,
        errors=display.deviations,
        x_title="channel",
        y_title=display.value_label,
        ticks=ticks_of(display.curves, display.deviations),
        numbers=f"Mean over channels: {per_scale(display.means, display.scales)}.",
    )
    return [chart]


@_charts.register
def _(display: UnitBars) -> list[NativeChart]:
    if display.null is not None:
        return []
    chart = NativeChart(
        kind="bars",
        title="",
        alt="",
        x=display.units,
        scales=display.scales,
        values=display.values.T,
        errors=None if display.errors is None else display.errors.T,
        x_title="SK unit",
        y_title=display.quantity,
        ticks=ticks_of(display.values, display.errors, display.base),
        base=display.base,
        hatched=display.hatched,
    )
    return [chart]


@_charts.register
def _(display: DepthLines) -> list[NativeChart]:
    if display.null is not None:
        return []
    chart = NativeChart(
        kind="line",
        title="",
        alt="",
        x=display.units,
        scales=display.scales,
        values=display.values.T,
        errors=None if display.errors is None else display.errors.T,
        x_title="SK unit, in the order of execution",
        y_title=display.quantity,
        ticks=ticks_of(display.values, display.errors, 0.0 if display.zero else None),
    )
    return [chart]


@_charts.register
def _(display: ClassCurves) -> list[NativeChart]:
    """One chart per unit: a slide has room for one panel."""
    if display.null is not None:
        return []
    return [_class_chart(display, unit) for unit in display.units]


def _class_chart(display: ClassCurves, unit: str) -> NativeChart:
    drawn, values = display.points(unit)
    names = display.names
    named = names is not None and display.smooth == 1 and len(drawn) <= MOST_NAMED
    step = max(display.every, display.smooth)
    along = display.classes[drawn] if display.sort == "index" else np.arange(len(drawn)) * step
    order = {"index": "class index", "shift": "classes, sorted by shift", "name": "classes by name"}
    label = "class" if named and display.sort == "index" else order[display.sort]
    if step > 1:
        how = f"every {step}th" if display.every > 1 else f"means of {step} successive classes"
        label += f" ({how})"
    title, alt, numbers = _class_words(display, unit)
    return NativeChart(
        kind="line" if named else "xy",
        title=title,
        alt=alt,
        x=tuple(names[index] for index in drawn) if names and named else along.astype(np.float64),
        scales=display.scales,
        values=values,
        x_title=label,
        y_title=display.quantity,
        ticks=ticks_of(values),
        joined=not named,  # classes with names have no order
        numbers=numbers,
    )


def _class_words(display: ClassCurves, unit: str) -> tuple[str, str, str]:
    """Return title, alternative text and numbers of one panel."""
    values, scales = display.values[display.units.index(unit)], display.scales
    means = f"Mean over classes: {per_scale(nan_mean(values, axis=1), scales)}."
    kind = f"Chart of the {display.quantity} of {len(display.classes):,} classes in {unit}."
    if len(scales) < 2:
        return f"{unit}: {display.quantity} of every class", f"{kind} {means}", means
    shift = display.shift(unit)
    shift = shift[~np.isnan(shift)]
    first, last = scale_labels((scales[0], scales[-1]))
    count = f"{int((shift > 0).sum())} of {len(shift)} classes rise from {first} to {last}"
    most, least = display.extremes(unit, _LISTED)
    lines = [means, f"Mean shift {signed(shift.mean())}." if len(shift) else ""]
    if most:
        lines += [f"Most: {', '.join(most)}.", f"Least: {', '.join(least)}."]
    numbers = "\n".join(filter(None, lines))
    return f"{unit}: {count}", f"{kind} {count}. {' '.join(numbers.splitlines())}", numbers


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
