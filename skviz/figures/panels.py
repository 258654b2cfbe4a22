"""Several charts of one kind on a page: panels of equal size, as many as there are units."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.errors import ScaleError
from skviz.figures.layout import new_figure

_MOST_IN_ONE_COLUMN = 4


def panel_columns(count: int) -> int:
    """Return in how many columns so many panels stand."""
    return 1 if count <= _MOST_IN_ONE_COLUMN else 2 if count <= 12 else 3


def panels(
    count: int, height: float, columns: int, bottom: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` axes in columns, each `height` em (font sizes) high.

    The figure is as wide as the style says; `bottom` em are added below the last row.
    """
    rows = -(-count // columns)
    em = float(matplotlib.rcParams["font.size"]) / 72
    width = float(matplotlib.rcParams["figure.figsize"][0])
    figure = new_figure(width, (rows * height + bottom + 4) * em, constrained=True)
    grid = figure.add_gridspec(rows, columns)
    return figure, [figure.add_subplot(grid[divmod(index, columns)]) for index in range(count)]


def panel_points(columns: int) -> float:
    """Return about how wide a panel's axes are, in points, before the figure is laid out."""
    width = 72 * float(matplotlib.rcParams["figure.figsize"][0])
    em = float(matplotlib.rcParams["font.size"])
    return (width - 2 * em) / columns - 6 * em


def choose_scales(known: Sequence[float], wanted: Sequence[float] | None) -> list[int]:
    """Return the indices of the wanted scales, in the run's order; all of them for None.

    Raises `ScaleError` for a scale that the run does not have.
    """
    if wanted is None:
        return list(range(len(known)))
    found = set()
    for scale in wanted:
        near = [index for index, own in enumerate(known) if abs(own - scale) < 1e-6 * own]
        if not near:
            have = ", ".join(f"{own:g}" for own in known)
            raise ScaleError(f"expected scales of the run ({have}), got {scale:g}")
        found.update(near)
    return sorted(found)
