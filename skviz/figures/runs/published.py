"""The paper's own values, read from its figures, to lay over ours or stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.channel_points import PAPER_POINTS
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.layout.page import legend_above
from skviz.figures.style.palette import line_handles, scale_styles
from skviz.inference.published import (
    has_paper_kernels,
    published_deviation,
    published_difference,
    published_values,
)
from skviz.numbers import first_of
from skviz.scales import scale_label
from skviz.typing import FloatArray
from skviz.units import Unit

if TYPE_CHECKING:
    from skviz.figures.attention.unit_values import UnitValues
    from skviz.figures.runs.classes import ClassCurves

SKNET50 = tuple(
    f"SK_{stage}_{unit}"
    for stage, units in zip((2, 3, 4, 5), (3, 4, 6, 3), strict=True)
    for unit in range(1, units + 1)
)
_CLASSES = 1000
_CHANNELS = 256  # of SK_3_4


def require_sknet50(units: Sequence[Unit]) -> None:
    """Raise `UsageError` unless the units are those of SKNet-50, which the paper shows."""
    names = tuple(unit.name for unit in units)
    other = [unit.name for unit in units if not has_paper_kernels(unit)]
    if names == SKNET50 and other:
        found = units[names.index(other[0])]
        labels = ", ".join(found.branch_label(k) for k in range(found.branches))
        raise UsageError(
            "expected two branches of 3x3 and 5x5, between which the paper's attention differs, got"
            f" {labels} in {other[0]}; leave the paper's values out"
        )
    if names != SKNET50:
        shown = first_of(names)
        raise UsageError(
            "expected the units of SKNet-50 (2_1 to 5_3; 3, 4, 6 and 3 per stage), for which the"
            f" paper has published values, got {len(names)} units: {shown}; leave the paper's"
            " values out"
        )


def published_bars(unit: str, scale: float) -> tuple[float, float] | None:
    """Return mean and deviation of the attention difference, of figure 3 (c), right.

    `unit` is "2_3", "3_4", "4_6" or "5_3"; None for another unit or scale.
    """
    mean = published_difference(unit, scale_label(scale))
    deviation = published_deviation(unit, scale_label(scale))
    return None if mean is None or deviation is None else (mean, deviation)


def published_lines(part: str, scales: tuple[float, ...], unit: str) -> ChannelLines:
    """Return the curves of SK_3_4 in figure 3, left, under a name; nan at scales without any.

    `part` is "b_one_image" or "c_all_validation_images".
    """
    left = published_values("figure3")["left"]
    nothing = [np.nan] * PAPER_POINTS
    curves = [left[part].get(scale_label(scale), nothing) for scale in scales]
    group, x = _CHANNELS // PAPER_POINTS, np.array(left["x"])
    return ChannelLines(np.array(curves), x, scales, unit, "5x5", group, _CHANNELS)


def published_curve(unit: str, scale: float) -> tuple[NDArray[np.int64], FloatArray] | None:
    """Return class indices and attention differences, each (100,), of figure 4.

    SK_2_3, SK_3_4 and SK_5_3 at 1.0x and 1.5x; None for others.
    """
    figure = published_values("figure4")
    values = figure["curves"].get(unit.removeprefix("SK_"), {}).get(scale_label(scale))
    return None if values is None else (np.array(figure["x"]), np.array(values))


def lay_over_units(ax: Axes, display: UnitValues) -> None:
    """Mark the published means of figure 3 (c) on what is drawn, of bars with their deviations."""
    bars, look = isinstance(display, UnitBars), _open_diamond(ax)
    count, found = len(display.scales), 0
    for index, style in enumerate(scale_styles(display.scales, ax.get_facecolor())):
        for position, unit in enumerate(display.units):
            value = published_bars(unit, style.scale)
            if value is None:
                continue
            at, error, colour = float(position), None, {"color": style.colour}
            if bars:
                # Beside the error bar of our own, which stands in the middle.
                at += (index - (count - 1) / 2 + 0.25) * 0.8 / count
                error, colour = None if display.errors is None else value[1], {}
            ax.errorbar(at, value[0], error, elinewidth=0.8, **(look | colour))
            found += 1
    _require(found, display.scales, "2_3, 3_4, 4_6 or 5_3")
    legend = ax.get_legend()
    assert legend is not None
    paper = Line2D([], [], label="published, figure 3 (c)", **look)
    handles = [handle for handle in (*legend.legend_handles, paper) if handle is not None]
    legend_above(ax, handles, len(handles))


def published_chart(charts: Sequence[ChannelLines]) -> ChannelLines:
    """Return the published curves of SK_3_4, figure 3 (c), left, as a chart to stand beside ours.

    It has the scales of ours, without a curve where the paper has none. Raises `UsageError` for
    other units than 3_4, another kernel than 5x5, and scales of which none is published.
    """
    chart = charts[0]
    names = [each.unit for each in charts]
    if names != ["SK_3_4"]:
        raise UsageError(
            f"expected the unit 3_4 alone, whose channels the paper shows, got {', '.join(names)}"
        )
    if chart.branch_label != "5x5":
        raise UsageError(
            "expected the attention of the 5x5 kernel, which the paper shows, got"
            f" {chart.branch_label}; leave the branch or the paper's values out"
        )
    paper = published_lines("c_all_validation_images", chart.scales, "published, figure 3 (c)")
    _require(int(np.isfinite(paper.curves).sum()), chart.scales, "3_4")
    return paper


def lay_over_classes(figure: Figure, curves: ClassCurves) -> None:
    """Draw the published curves of figure 4 behind ours, one panel per unit.

    Raises `UsageError` unless the classes are ImageNet's 1,000, by index.
    """
    if len(curves.classes) != _CLASSES:
        raise UsageError(
            f"expected a run over ImageNet's 1000 classes, which the paper's figure 4 shows, got"
            f" {len(curves.classes)} classes; leave the paper's values out"
        )
    if curves.sort != "index":
        raise UsageError(
            f"expected classes sorted by index, as the paper's are, got '{curves.sort}'"
        )
    found = 0
    for ax, unit in zip(figure.axes, curves.units, strict=True):
        styles = scale_styles(curves.scales, ax.get_facecolor())
        for scale, style in zip(curves.scales, styles, strict=True):
            curve = published_curve(unit, scale)
            if curve is not None:
                ax.plot(*curve, color=style.colour, **_FAINT)
                found += 1
    _require(found, curves.scales, "2_3, 3_4 or 5_3")
    styles = scale_styles(curves.scales, figure.axes[0].get_facecolor())
    colour = matplotlib.rcParams["text.color"]
    paper = Line2D([], [], color=colour, label="published, figure 4", **_FAINT)
    handles = [*line_handles(styles), paper]
    figure.legends.clear()
    figure.legend(handles=handles, loc="upper right", ncols=len(handles))


_FAINT: dict[str, Any] = {"linestyle": "-", "linewidth": 2.6, "alpha": 0.35, "zorder": 1.5}


def _open_diamond(ax: Axes) -> dict[str, Any]:
    return {
        "color": matplotlib.rcParams["text.color"],
        "marker": "D",
        "markersize": 0.9 * matplotlib.rcParams["lines.markersize"],
        "markerfacecolor": ax.get_facecolor(),
        "linestyle": "",
        "zorder": 5,
    }


def _require(found: int, scales: Sequence[float], units: str) -> None:
    if not found:
        shown = ", ".join(map(scale_label, scales))
        raise UsageError(
            f"expected a unit and a scale that the paper has published (units {units}; scales 1,"
            f" 1.5 and 2), got none of them at {shown}"
        )
