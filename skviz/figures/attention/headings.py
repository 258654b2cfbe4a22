"""What stands above a chart of channels: the name of its unit, and the legend."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from skviz.figures.layout.page import root_figure, size_in_points
from skviz.figures.runs.null_bands import legend_columns
from skviz.figures.style.text import clean, font_points, shorten, text_width


def legend_above(ax: Axes, handles: Sequence[Artist], room: float) -> None:
    """Put the legend above the axes: within them there may be no free corner."""
    ax.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1, 1),
        ncols=legend_columns(list(handles), 0.85 * room),
        borderaxespad=0.2,
    )


def name_above(ax: Axes, unit: str, *, beside_legend: bool = False) -> None:
    """Write the unit's name above the axes, cut where it is wider than they are.

    It stands beside the legend, or where it has no room there above it.
    """
    size = font_points(matplotlib.rcParams["axes.titlesize"])
    room = size_in_points(ax)[0]
    name = shorten(clean(unit), room, size, weight="bold", keep_end=True)
    pad = float(matplotlib.rcParams["axes.titlepad"])
    legend = ax.get_legend()
    if beside_legend and legend is not None:
        box, point = legend.get_window_extent(), root_figure(ax).dpi / 72
        if text_width(name, size, "bold") + size > room - box.width / point:
            pad += box.height / point
    ax.set_title(name, parse_math=False, pad=pad)
