"""What the controls show the network: one photograph, a row for each, a column for each scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.layout import new_figure, root_figure
from skviz.figures.palette import scale_styles
from skviz.figures.text import clean, font_points, shorten, text_width

Row = tuple[str, tuple[float, ...], NDArray[np.uint8]]
_TILE = 1.0  # inches
_GAP = 0.08


@dataclass(frozen=True, eq=False)
class ControlViews:
    """Rows of views: name, scales (V,) and pixels, uint8 of shape (V, H, W, 3), of each control.

    Raises `UsageError` for other arrays, for no rows, and for rows of unequal length.
    """

    rows: Sequence[Row]
    title: str = ""

    def __post_init__(self) -> None:
        if not self.rows:
            raise UsageError("expected at least one row of views, got none")
        count = len(self.rows[0][1])
        for name, scales, pixels in self.rows:
            good = pixels.ndim == 4 and pixels.shape[3] == 3 and pixels.dtype == np.uint8
            if not good or not len(pixels) == len(scales) == count:
                raise UsageError(
                    f"expected {count} views as uint8 of shape (V, H, W, 3) in every row, got "
                    f"{pixels.dtype} of shape {pixels.shape} for {len(scales)} scales in '{name}'"
                )

    def plot(self) -> Figure:
        """Draw the views, each framed in its scale's colour with the scale above it."""
        size = font_points("medium")
        label = font_points("small")
        names = [clean(name) for name, _, _ in self.rows]
        left = (max(text_width(name, size) for name in names) + 1.5 * size) / 72
        columns = len(self.rows[0][1])
        head = 1.5 * label / 72  # above each row, for the scales
        top = 2.0 * size / 72 if self.title else _GAP
        width = left + columns * (_TILE + _GAP) + _GAP
        height = top + len(self.rows) * (_TILE + head + _GAP) + _GAP
        figure = new_figure(width, height)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()
        for number, (name, (_, scales, pixels)) in enumerate(zip(names, self.rows, strict=True)):
            y = top + number * (_TILE + head + _GAP) + head
            ax.text(
                left - 0.6 * size / 72, y + _TILE / 2, name,
                ha="right", va="center", size=size, parse_math=False,
            )  # fmt: skip
            styles = scale_styles(scales, root_figure(ax).get_facecolor())
            for column, style in enumerate(styles):
                x = left + column * (_TILE + _GAP)
                ax.imshow(
                    pixels[column], extent=(x, x + _TILE, y + _TILE, y), interpolation="nearest"
                )
                ax.add_patch(
                    Rectangle(
                        (x, y), _TILE, _TILE, fill=False, edgecolor=style.colour, linewidth=1.5
                    )
                )
                ax.text(
                    x + _TILE / 2, y - 0.35 * label / 72, style.label,
                    ha="center", va="baseline", size=label, parse_math=False,
                )  # fmt: skip
        ax.set(xlim=(0, width), ylim=(height, 0))
        if self.title:
            room = 72 * (width - 2 * _GAP)
            ax.text(
                width / 2, 0.5 * top, shorten(clean(self.title), room, size, keep_end=True),
                ha="center", va="center", size=size, parse_math=False,
            )  # fmt: skip
        return figure
