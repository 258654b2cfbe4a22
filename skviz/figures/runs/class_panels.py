"""How curves over classes are drawn: panels, heads with names, ticks and marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.layout.page import (
    fit_label,
    keep_ticks,
    root_figure,
    size_in_points,
    write_beside,
)
from skviz.figures.layout.panels import (
    PanelSizes,
    on_slide,
    panel_columns,
    panel_width,
    panels,
    room_across,
)
from skviz.figures.runs.null_bands import draw_band, null_handle
from skviz.figures.style.palette import ScaleStyle, line_handles, scale_styles
from skviz.figures.style.text import clean, closed, font_points, shorten, text_width
from skviz.scales import scale_labels
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.figures.runs.classes import ClassCurves

MOST_NAMED = 40  # classes that are named on the axis
_MOST_MARKERS = 150
_NARROWEST = 16.0  # font sizes across, for the names in a panel's head


def draw_classes(curves: ClassCurves, ax: Axes | None = None) -> Figure:
    """Draw one panel per unit on a new figure, or a single unit on `ax`; return the figure."""
    if ax is not None:
        if len(curves.units) > 1:
            raise UsageError(
                f"expected one unit to draw on the given axes, got {len(curves.units)};"
                " leave the axes out"
            )
        figure, axes, columns = root_figure(ax), [ax], 1
    else:
        columns, figure, axes = _make_panels(curves)
    with_names = named(curves, columns)
    for index, (panel, unit) in enumerate(zip(axes, curves.units, strict=True)):
        lowest = index + columns >= len(curves.units)
        keep_ticks(panel)
        _draw(curves, panel, unit, with_names)
        panel.set_ylabel(curves.quantity if index % columns == 0 else "")
        fit_label(panel)
        if with_names and not (lowest or curves.sort == "shift"):
            panel.set_xticklabels([])
        if lowest:
            label = _x_label(curves, with_names)
            size = font_points(matplotlib.rcParams["axes.labelsize"])
            # Too long for a narrow panel: without what each point is, which the caption says.
            fits = text_width(label, size) <= size_in_points(panel)[0] + 2 * size
            panel.set_xlabel(label if fits else label.partition(" (")[0])
    if ax is None:
        styles = scale_styles(curves.scales, axes[0].get_facecolor())
        lines = line_handles(styles)
        for line in lines if with_names else ():
            line.set_linestyle("")  # the marks of a class are not joined to the next
        handles: list[Artist] = [*lines]
        if curves.null is not None:
            handles.append(null_handle(scale_labels(curves.scales)[-1]))
        figure.legend(handles=handles, loc="upper right", ncols=len(handles))
    return figure


def named(curves: ClassCurves, columns: int) -> bool:
    points = math.ceil(len(curves.classes) / curves.every)
    if curves.names is None or curves.smooth > 1 or points > MOST_NAMED // columns:
        return False
    # Every name is a line of text on end.
    size = font_points(matplotlib.rcParams["xtick.labelsize"])
    return 1.25 * size * points <= panel_width(columns)


def _make_panels(curves: ClassCurves) -> tuple[int, Figure, list[Axes]]:
    """Make the page, and say in how many columns its panels stand."""
    count = len(curves.units)
    columns, _ = on_slide(
        count, panel_columns(count), _sizes(curves, panel_columns(count)), _NARROWEST
    )
    # In other columns there may be no room for names, and so more for the panels.
    columns, sizes = on_slide(count, columns, _sizes(curves, columns), _NARROWEST)
    return columns, *panels(count, columns, sizes)


def _sizes(curves: ClassCurves, columns: int) -> PanelSizes:
    """Return the heights, with names below each panel, or below the last row only."""
    lines = 1.2 * font_points("small") / font_points("medium")
    head = 2.2 + (2 * lines if len(curves.scales) > 1 else 0)
    names = _name_height(curves) if named(curves, columns) else 0.0
    own = curves.sort == "shift" and names > 0
    foot = names + 1 if own else 1.0 if names else 2.0
    return PanelSizes(body=10.4, head=head, foot=foot, last=1.8 if own else 1.8 + names)


def _draw(curves: ClassCurves, ax: Axes, unit: str, named: bool) -> None:
    """Draw one unit, with the name of every class or along an axis of numbers."""
    drawn, values = curves.points(unit)
    styles = scale_styles(curves.scales, ax.get_facecolor())
    x = curves.along(drawn, named)
    if curves.null is not None:
        order = curves.order(unit)
        _, (low, high) = curves.thinned(order, curves.null[curves.index(unit)][:, order])
        along = x
        if named:  # Steps, apart from one another: classes have no order.
            along = np.stack([x - 0.4, x + 0.4, np.full(len(x), np.nan)], axis=1).ravel()
            low, high = low.repeat(3), high.repeat(3)
        draw_band(ax, along, low, high)
    if named:
        _draw_pairs(ax, x, values, styles)
        _name_ticks(curves, ax, drawn)
    else:
        _draw_curves(ax, x, values, styles)
        ax.xaxis.set_major_locator(MaxNLocator(min(10, int(room_across(ax) / 4)), integer=True))
    if np.nanmin(values, initial=0) < 0 < np.nanmax(values, initial=0):
        ax.axhline(0, color=matplotlib.rcParams["text.color"], linewidth=0.6, zorder=1)
    _describe(curves, ax, unit)


def _describe(curves: ClassCurves, ax: Axes, unit: str) -> None:
    """Write above a panel: its unit, how many classes rise, and which shift most."""
    small = font_points("small")
    room = size_in_points(ax)[0]
    title = clean(unit)
    lines = []
    if len(curves.scales) > 1:
        first, last = scale_labels((curves.scales[0], curves.scales[-1]))
        count = curves.rising(unit)
        spare = room - text_width(title, font_points("medium"), "bold") - small
        words = (f"{count} {curves.counts} rise from {first} to {last}", f"{count} rise", "")
        lines.append(next(word for word in words if not word or text_width(word, small) <= spare))
        ends = zip(("most", "least"), curves.extremes(unit, drawn=True), strict=True)
        lines += [text for end in ends if (text := _listed(*end, room, small))]
    # The first line stands beside the title, a little above the others.
    heights = [4 + 1.3 * small * index for index in range(len(lines))] or [4]
    heights[-1] += 0.3 * small if len(lines) > 1 else 0
    ax.set_title(title, pad=heights[-1], parse_math=False)
    for index, line in enumerate(reversed(lines)):
        x, side = (1, "right") if index == len(lines) - 1 else (0, "left")
        look = {"ha": side, "va": "bottom", "size": small, "parse_math": False}
        write_beside(ax, line, (x, 1), (0, heights[index]), **look)


def _name_ticks(curves: ClassCurves, ax: Axes, drawn: NDArray[np.int64]) -> None:
    size = font_points(matplotlib.rcParams["xtick.labelsize"])
    names = [shorten(clean(curves.drawn_name(index)), 12 * size, size) for index in drawn]
    ax.set_xticks(np.arange(len(names)), names)
    for label in ax.get_xticklabels():
        label.set(rotation=90, parse_math=False)
    ax.set_xlim(-0.7, len(names) - 0.3)
    ax.tick_params(axis="x", length=0)


def _name_height(curves: ClassCurves) -> float:
    """Return how high the names below a panel are, in font sizes."""
    size = font_points(matplotlib.rcParams["xtick.labelsize"])
    names = map(curves.drawn_name, range(len(curves.names or ())))
    widths = [text_width(clean(name), size) for name in names]
    return min(12 * size, max(widths)) / float(matplotlib.rcParams["font.size"])


def _x_label(curves: ClassCurves, named: bool) -> str:
    label = curves.order_label(named)
    if curves.smooth > 1:
        label += f" (each point the mean of {curves.smooth} consecutive classes)"
    elif curves.every > 1:
        label += f" (every {curves.every}th)"
    return label


def _draw_curves(
    ax: Axes, x: NDArray[np.int64], values: FloatArray, styles: Sequence[ScaleStyle]
) -> None:
    """Draw a line per scale; with many points only the lines, thin and solid."""
    dense = len(x) > _MOST_MARKERS
    width = matplotlib.rcParams["lines.linewidth"] * (0.5 if dense else 0.8)
    size = matplotlib.rcParams["lines.markersize"] * (0.75 if len(x) > 50 else 1)
    for style, curve in zip(styles, values, strict=True):
        look = style.line | ({"marker": "", "linestyle": "-"} if dense else {})
        ax.plot(x, curve, linewidth=width, markersize=size, **look)
    ax.set_xmargin(0.01)


def _draw_pairs(
    ax: Axes, x: NDArray[np.int64], values: FloatArray, styles: Sequence[ScaleStyle]
) -> None:
    """Draw a mark per scale and class, those of a class joined: classes have no order."""
    known = ~np.isnan(values).all(axis=0)
    low, high = np.nanmin(values[:, known], axis=0), np.nanmax(values[:, known], axis=0)
    ax.vlines(x[known], low, high, color=matplotlib.rcParams["xtick.color"], linewidth=0.9)
    for style, curve in zip(styles, values, strict=True):
        ax.plot(x, curve, **(style.line | {"linestyle": ""}))


def _listed(word: str, names: list[str], room: float, size: float) -> str:
    """Return "most: a +0.1, b +0.2", as many as there is room for, long names cut."""
    if not names:
        return ""
    parts = [clean(name).rpartition(" ") for name in names]
    words = [f"{closed(shorten(text, 11 * size, size))} {number}" for text, _, number in parts]
    while len(words) > 1 and text_width(f"{word}: {', '.join(words)}", size) > room:
        words.pop()
    return f"{word}: {', '.join(words)}"
