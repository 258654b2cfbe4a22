"""The paper's own values, read from its figures, to lay over ours or stand beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.attention.channel_points import PAPER_POINTS
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.style.palette import line_handles, scale_styles
from skviz.inference.published import has_paper_kernels
from skviz.numbers import first_of
from skviz.scales import scale_label
from skviz.typing import FloatArray
from skviz.units import Unit

if TYPE_CHECKING:
    from skviz.figures.attention.bars import UnitBars
    from skviz.figures.runs.classes import ClassCurves
    from skviz.figures.runs.depth import DepthLines

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
    right = published_values("figure3")["right"]
    label = scale_label(scale)
    values = right["c_all_validation_images"]
    if label not in values or unit not in right["units"]:
        return None
    index = right["units"].index(unit)
    low, high = right["c_error_bars_low_high"][label][index]
    return values[label][index], (high - low) / 2


def published_line(unit: str, scale: float) -> tuple[FloatArray, FloatArray] | None:
    """Return channels, of 256, and attention of the 5x5 kernel, each (16,).

    Figure 3 (c), left: SK_3_4 only; None for another unit or scale.
    """
    left = published_values("figure3")["left"]
    values = left["c_all_validation_images"].get(scale_label(scale))
    if unit != "SK_3_4" or values is None:
        return None
    return np.array(left["x"]), np.array(values)


def published_curve(unit: str, scale: float) -> tuple[NDArray[np.int64], FloatArray] | None:
    """Return class indices and attention differences, each (100,), of figure 4.

    SK_2_3, SK_3_4 and SK_5_3 at 1.0x and 1.5x; None for others.
    """
    figure = published_values("figure4")
    curves = figure["curves"].get(unit.removeprefix("SK_"), {})
    values = curves.get(scale_label(scale))
    return None if values is None else (np.array(figure["x"]), np.array(values))


def lay_over_bars(ax: Axes, bars: UnitBars) -> None:
    """Mark the published means and deviations of figure 3 (c) on bars that are drawn."""
    count = len(bars.scales)
    found = 0
    for index, scale in enumerate(bars.scales):
        for position, unit in enumerate(bars.units):
            value = published_bars(unit, scale)
            if value is not None:
                # Beside the error bar of our own, which stands in the middle.
                at = position + (index - (count - 1) / 2 + 0.25) * 0.8 / count
                ax.errorbar(
                    at, value[0], value[1] if bars.errors is not None else None, **_mark(ax)
                )
                found += 1
    _require(found, bars.scales, "2_3, 3_4, 4_6 or 5_3")
    _add_legend(ax, "figure 3 (c)", marked=True)


def lay_over_depth(ax: Axes, lines: DepthLines) -> None:
    """Mark the published means of figure 3 (c) on the lines along depth."""
    found = 0
    for scale, style in zip(
        lines.scales, scale_styles(lines.scales, ax.get_facecolor()), strict=True
    ):
        for position, unit in enumerate(lines.units):
            value = published_bars(unit, scale)
            if value is not None:
                ax.errorbar(position, value[0], None, **(_mark(ax) | {"color": style.colour}))
                found += 1
    _require(found, lines.scales, "2_3, 3_4, 4_6 or 5_3")
    _add_legend(ax, "figure 3 (c)", marked=True)


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
    found = [published_line(chart.unit, scale) for scale in chart.scales]
    _require(sum(curve is not None for curve in found), chart.scales, "3_4")
    none = np.full(PAPER_POINTS, np.nan)
    return ChannelLines(
        curves=np.stack([none if curve is None else curve[1] for curve in found]),
        x=np.arange(0, _CHANNELS, _CHANNELS // PAPER_POINTS),
        scales=chart.scales,
        unit="published, figure 3 (c)",
        branch_label="5x5",
        group=_CHANNELS // PAPER_POINTS,
        channels=_CHANNELS,
    )


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
    handles = [
        *line_handles(styles),
        published_handle(figure.axes[0], "figure 4", marked=False),
    ]
    figure.legends.clear()
    figure.legend(handles=handles, loc="upper right", ncols=len(handles))


_FAINT: dict[str, Any] = {"linestyle": "-", "linewidth": 2.6, "alpha": 0.35, "zorder": 1.5}


def _mark(ax: Axes) -> dict[str, Any]:
    return {
        "color": matplotlib.rcParams["text.color"],
        "marker": "D",
        "markersize": 0.9 * matplotlib.rcParams["lines.markersize"],
        "markerfacecolor": ax.get_facecolor(),
        "elinewidth": 0.8,
        "linestyle": "",
        "zorder": 5,
    }


def published_handle(ax: Axes, figure: str, *, marked: bool) -> Line2D:
    """Return the legend entry of the paper's values."""
    label = f"published, {figure}"
    colour = matplotlib.rcParams["text.color"]
    if not marked:
        return Line2D([], [], color=colour, label=label, **_FAINT)
    look = {key: value for key, value in _mark(ax).items() if key != "elinewidth"}
    return Line2D([], [], label=label, **look)


def _add_legend(ax: Axes, figure: str, *, marked: bool) -> None:
    """Put the paper's values into the legend that the axes have."""
    legend = ax.get_legend()
    assert legend is not None
    handles = [*legend.legend_handles, published_handle(ax, figure, marked=marked)]
    place: dict[str, Any] = {}
    if isinstance(legend._loc_real, int) and legend.get_bbox_to_anchor() is not ax.bbox:  # type: ignore[attr-defined]
        place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
    ax.legend(handles=handles, ncols=len(handles) if place else 1, **place)


def _require(found: int, scales: Sequence[float], units: str) -> None:
    if not found:
        shown = ", ".join(map(scale_label, scales))
        raise UsageError(
            f"expected a unit and a scale that the paper has published (units {units}; scales 1,"
            f" 1.5 and 2), got none of them at {shown}"
        )


@cache
def published_values(name: str) -> Any:
    """Return "figure3" or "figure4" as it is kept in `skviz.assets.published`."""
    text = (files("skviz.assets") / "published" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text)
