"""How the attention of channels is drawn: as lines, or of many channels as dots and their means.

A line through hundreds of channels is noise over noise. There each channel is a small dot, and
the line is the mean over successive points, as many as the paper draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from skviz.figures.attention.channel_points import PAPER_POINTS
from skviz.figures.runs.null_bands import draw_band
from skviz.figures.style.palette import scale_styles
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.figures.attention.lines import ChannelLines


def mean_starts(lines: ChannelLines) -> NDArray[np.int64]:
    """Return the index of the first point of each mean, shape (P,)."""
    return np.arange(0, len(lines.x), len(lines.x) // PAPER_POINTS)


def successive_means(lines: ChannelLines, values: FloatArray) -> FloatArray:
    """Return the means of successive points, (..., N) to (..., P), each channel counting once."""
    starts, sizes = mean_starts(lines), lines.group_sizes
    means: FloatArray = np.add.reduceat(values * sizes, starts, axis=-1) / np.add.reduceat(
        sizes, starts
    )
    return means


def draw_curves(ax: Axes, lines: ChannelLines) -> None:
    """Draw the curves, their bands, and the band of random networks, one colour per scale."""
    x, curves, bands, null = (
        lines.x.astype(np.float64), lines.curves, lines.deviations, lines.null,
    )  # fmt: skip
    styles = scale_styles(lines.scales, ax.get_facecolor())
    if lines.dense:
        size = 0.4 * matplotlib.rcParams["lines.markersize"]
        for style, curve in zip(styles, curves, strict=True):
            ax.plot(x, curve, ".", color=style.colour, markersize=size, alpha=0.6, zorder=1.5)
        x, curves = successive_means(lines, x), successive_means(lines, curves)
        bands = None if bands is None else successive_means(lines, bands)
        null = None if null is None else successive_means(lines, null)
    if null is not None:
        draw_band(ax, x, *null)
    for index, (style, curve) in enumerate(zip(styles, curves, strict=True)):
        ax.plot(
            x,
            curve,
            color=style.colour,
            marker=style.marker,
            linestyle=style.dash,
            label=style.label,
        )
        if bands is not None:
            band = np.nan_to_num(bands[index])
            ax.fill_between(
                x, curve - band, curve + band, color=style.colour, alpha=0.1, linewidth=0
            )
