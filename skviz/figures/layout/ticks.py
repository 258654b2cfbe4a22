"""Ticks: channels at powers of two, and the names of units, as many as there is room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import Locator

from skviz.figures.layout.page import fit_label, is_slide, root_figure, size_in_points
from skviz.figures.style.text import clean, font_points, shorten, text_width

_SMALLEST_LABEL, SMALLEST_ON_SLIDE = 5.0, 14.0  # points


class ChannelLocator(Locator):
    """Ticks at multiples of a power of two, as channels come: 0, 32, 64, ..."""

    def __call__(self) -> Any:
        low, high = self.axis.get_view_interval()  # type: ignore[union-attr]
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the positions of the ticks between two channels."""
        low, high = sorted((vmin, vmax))
        step = 1
        while (high - low) / step > self._room(high):
            step *= 2
        return np.arange(math.ceil(max(low, 0) / step), math.floor(high / step) + 1) * step

    def _room(self, high: float) -> float:
        """Return how many labels as wide as the last one fit along the axis."""
        axes = getattr(self.axis, "axes", None)
        if axes is None:
            return 9
        size = axes.xaxis.get_major_ticks(1)[0].label1.get_fontsize()
        label = (0.65 * len(str(int(high))) + 1) * size
        return float(min(9.0, max(1.0, size_in_points(axes)[0] / label)))


def label_units(ax: Axes, units: Sequence[str], *, settle: bool = False) -> None:
    """Write the units' names below the bars: upright, smaller or fewer where space is short.

    With `settle` they are fitted, as the label of the y axis is, once the axes have their size.
    """
    ax.set_xlim(-0.6, len(units) - 0.4)
    ax.tick_params(axis="x", length=0)
    room = size_in_points(ax)[0] / (len(units) + 0.2)
    size = font_points(matplotlib.rcParams["xtick.labelsize"])
    names, pattern = _distinct_parts([clean(name) for name in units], 8 * size)
    names = [shorten(name, 8 * size, size, keep_end=True) for name in names]
    label_size = font_points(matplotlib.rcParams["axes.labelsize"])
    label = f"SK unit: {pattern}" if pattern else "SK unit"
    ax.set_xlabel(shorten(label, size_in_points(ax)[0], label_size), parse_math=False)
    rotation, every = 0, 1
    if max(text_width(name, size) for name in names) + 0.4 * size > room:
        rotation = 90
        smallest = SMALLEST_ON_SLIDE if is_slide() else _SMALLEST_LABEL
        size = max(smallest, min(size, room / 1.2))
        every = max(1, math.ceil(1.2 * size / room - 1e-6))
    ax.set_xticks(np.arange(0, len(names), every), names[::every])
    for text in ax.get_xticklabels():
        text.set(rotation=rotation, fontsize=size, parse_math=False)
    if settle:
        root_figure(ax).draw_without_rendering()
        label_units(ax, units)
        fit_label(ax)


def _distinct_parts(names: list[str], width: float) -> tuple[list[str], str]:
    """Return what differs between long dotted names, and the pattern that they share.

    "net.layer1.attn" and "net.layer2.attn" are "layer1" and "layer2" of "net.*.attn". Names
    that are no wider than `width` at their usual size stay as they are, without a pattern.
    """
    size = font_points(matplotlib.rcParams["xtick.labelsize"])
    if len(names) < 2 or max(text_width(name, size) for name in names) <= width:
        return names, ""
    parts = [name.split(".") for name in names]
    shortest = min(map(len, parts)) - 1  # something has to be left of each
    head = 0
    while head < shortest and len({part[head] for part in parts}) == 1:
        head += 1
    tail = 0
    while tail < shortest - head and len({part[-1 - tail] for part in parts}) == 1:
        tail += 1
    if head + tail == 0:
        return names, ""
    first = parts[0]
    pattern = ".".join([*first[:head], "*", *first[len(first) - tail :]])
    return [".".join(part[head : len(part) - tail]) for part in parts], pattern
