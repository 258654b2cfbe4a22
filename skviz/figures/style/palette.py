"""One look per scale: a colour after Okabe and Ito, a marker, a dash and a hatch.

The hues are those of Okabe and Ito (2008), which people with a colour vision deficiency tell
apart, on white so dark that each has a contrast of 3 at least (WCAG 2, for marks). They come in
an order in which the first ones also differ most in lightness, so that they stay apart in print
without colour; a scale keeps its look when others are added.
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

from skviz.scales import scale_labels

Dash = Literal["-"] | tuple[float, tuple[float, ...]]

# blue, orange, black, purple, vermillion, yellow, green, sky blue: of those as dark as that, the
# ones that stay furthest apart (tests/figures/test_colour_vision.py)
_ON_LIGHT = (
    "#08476F", "#C18502", "#000000", "#C45097", "#9D4505", "#423A00", "#0D7555", "#1D90C6",
)  # fmt: skip
# Those of Okabe and Ito themselves, but for black, which would be lost.
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
WARNING_COLOUR, _WARNING_ON_DARK = "#B34700", "#F08A3C"


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


def warning_colour(background: ColorType) -> str:
    """Return the colour of a warning, whose contrast as a text is 4.5 at least."""
    return _WARNING_ON_DARK if is_dark(background) else WARNING_COLOUR


def luminance(colour: ColorType) -> float:
    """Return the relative luminance of a colour, from 0 (black) to 1 (white), as in WCAG 2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: ColorType, other: ColorType) -> float:
    """Return the contrast of two colours, from 1 to 21, as in WCAG 2.

    Examples
    --------
    >>> contrast("white", "black")
    21.0
    """
    low, high = sorted((luminance(one), luminance(other)))
    return round((high + 0.05) / (low + 0.05), 6)


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
