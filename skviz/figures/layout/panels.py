"""Several charts of one kind on a page: panels of equal size, as many as there are units.

They are placed by hand, in font sizes, because letting Matplotlib find the place takes longer
than drawing them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.figures.layout.page import Slot, most_height, new_figure, place, size_in_points

# Font sizes that a panel's axes need at least, across and, on a slide, from top to bottom.
_NARROWEST, _LOWEST = 12.0, 3.0


@dataclass(frozen=True)
class PanelSizes:
    """Heights in em (font sizes): of a panel's axes, of what stands above and below each.

    `left` is the space for the labels of the y axis, `last` is added below the last row and
    `legend` above the first.
    """

    body: float
    head: float
    foot: float = 2.0
    last: float = 1.8
    left: float = 6.6
    right: float = 1.2
    legend: float = 2.2


def panel_columns(count: int) -> int:
    """Return in how many columns so many panels stand."""
    return fitting_columns(1 if count <= 4 else 2 if count <= 12 else 3)


def fitting_columns(columns: int) -> int:
    """Return so many columns, or fewer where the page is too narrow for them."""
    em = float(matplotlib.rcParams["font.size"])
    while columns > 1 and panel_width(columns) < _NARROWEST * em:
        columns -= 1
    return columns


def on_slide(
    count: int, columns: int, sizes: PanelSizes, narrowest: float = _NARROWEST
) -> tuple[int, PanelSizes]:
    """Return in how many columns, and how high, panels stay on a slide.

    More columns are taken only while axes are at least `narrowest` font sizes wide.

    Elsewhere, and where there are too many of them, both are as they were.
    """
    em = float(matplotlib.rcParams["font.size"])
    room = most_height() * 72 / em - sizes.legend - sizes.last
    for wanted in range(columns, count + 1):
        if wanted > columns and panel_width(wanted, sizes) < narrowest * em:
            break
        body = room / -(-count // wanted) - sizes.head - sizes.foot
        if body >= _LOWEST:
            return wanted, replace(sizes, body=min(body, sizes.body))
    return columns, sizes


def panels(count: int, columns: int, sizes: PanelSizes) -> tuple[Figure, list[Axes]]:
    """Return a figure, as wide as the style says, with `count` axes in columns."""
    em = float(matplotlib.rcParams["font.size"]) / 72
    width = float(matplotlib.rcParams["figure.figsize"][0])
    rows = -(-count // columns)
    row = (sizes.head + sizes.body + sizes.foot) * em
    figure = new_figure(width, (sizes.legend + sizes.last) * em + rows * row)
    across = width / columns
    axes = []
    for index in range(count):
        ax = figure.add_axes((0, 0, 1, 1))
        slot = Slot(
            left=index % columns * across + sizes.left * em,
            top=(sizes.legend + sizes.head) * em + index // columns * row,
            width=across - (sizes.left + sizes.right) * em,
            height=sizes.body * em,
        )
        place(ax, slot)
        axes.append(ax)
    return figure, axes


def panel_width(columns: int, sizes: PanelSizes = PanelSizes(0, 0)) -> float:
    """Return the width in points of the axes of a panel, as the style has it."""
    em = float(matplotlib.rcParams["font.size"])
    page = 72 * float(matplotlib.rcParams["figure.figsize"][0])
    return page / columns - (sizes.left + sizes.right) * em


def room_across(ax: Axes) -> float:
    """Return the width of the axes in font sizes."""
    return size_in_points(ax)[0] / float(matplotlib.rcParams["font.size"])
