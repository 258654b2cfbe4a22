"""One look per scale: an Okabe-Ito colour, a marker, a dash and a hatch.

The colours are those of Okabe and Ito (2008), which people with a colour vision deficiency
tell apart. They come in an order in which the first ones also differ most in lightness, so
that they stay apart in print without colour; a scale keeps its look when others are added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from matplotlib.colors import to_rgb
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import ColorType

from skviz.scales import scale_labels as scale_labels

Dash = Literal["-"] | tuple[float, tuple[float, ...]]

# blue, orange, black, purple, vermillion, yellow, green, sky blue
_ON_LIGHT = (
    "#0072B2", "#E69F00", "#000000", "#CC79A7", "#D55E00", "#5C5200", "#009E73", "#56B4E9",
)  # fmt: skip
# Black is lost on black, and yellow on white: each has a stand-in of its own hue there.
_ON_DARK = (
    "#0072B2", "#E69F00", "#FFFFFF", "#CC79A7", "#D55E00", "#F0E442", "#009E73", "#56B4E9",
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES: tuple[Dash, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (6, 1.5, 1.2, 1.5)),
    (0, (9, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (2.5, 2.5)),
    (0, (8, 1.5, 3, 1.5)),
)
_HATCHES = ("", "///", "...", "\\\\\\", "xxx", "---", "|||", "+++")
WARNING_COLOUR = "#D55E00"


@dataclass(frozen=True)
class ScaleStyle:
    """How one scale is drawn; `label` is its name in the paper's way, "1.5x"."""

    scale: float
    label: str
    colour: str
    marker: str
    dash: Dash
    hatch: str


def scale_styles(
    scales: Iterable[float], background: ColorType = "white"
) -> tuple[ScaleStyle, ...]:
    """Return one look per scale, in the order given, distinct for up to 64 scales.

    The first eight differ in colour, marker, dash and hatch; after that colours return with
    other markers. `background` is any Matplotlib colour: on a dark one, light colours stand
    in for the dark ones.
    """
    scales = tuple(scales)
    colours = _ON_DARK if is_dark(background) else _ON_LIGHT
    count = len(colours)
    return tuple(
        ScaleStyle(
            scale=scale,
            label=label,
            colour=colours[index % count],
            marker=_MARKERS[(index + index // count) % count],
            dash=_DASHES[(index + index // count) % count],
            hatch=_HATCHES[(index + index // count) % count],
        )
        for index, (scale, label) in enumerate(zip(scales, scale_labels(scales), strict=True))
    )


def luminance(colour: ColorType) -> float:
    """Return the relative luminance of a colour, from 0 (black) to 1 (white), as in WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def is_dark(colour: ColorType) -> bool:
    """Whether white reads better on this colour than black."""
    return luminance(colour) < 0.18


def line_handles(styles: Iterable[ScaleStyle]) -> list[Line2D]:
    """Return one legend entry per scale for a line chart."""
    return [
        Line2D([], [], color=s.colour, marker=s.marker, linestyle=s.dash, label=s.label)
        for s in styles
    ]


def bar_handles(styles: Iterable[ScaleStyle], background: ColorType, hatched: bool) -> list[Patch]:
    """Return one legend entry per scale for a bar chart."""
    return [
        Patch(
            facecolor=s.colour,
            edgecolor=background,
            linewidth=0,
            hatch=s.hatch if hatched else "",
            label=s.label,
        )
        for s in styles
    ]


# Draws the entries of a pair, bar and line, side by side.
PAIRED = {tuple: HandlerTuple(ndivide=None, pad=0.4)}
