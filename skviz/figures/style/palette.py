"""One look per scale: a colour, a marker, a dash and a hatch.

The usual hues are those of Okabe and Ito (2008), seaborn's "colorblind", which people with a
colour vision deficiency tell apart, on white so dark that each has a contrast of 3 at least (WCAG
2, for marks). They come in an order in which the first ones also differ most in lightness, so that
they stay apart in print without colour. "paper" has the paper's own, blue, green and red; every
other palette is seaborn's.

1.0x, 1.5x and 2.0x always have the first three looks, and within `of_scales` every scale keeps its
own, whichever of them a figure shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.typing import ColorType
from numpy.typing import NDArray

from skviz.errors import UsageError, did_you_mean
from skviz.scales import scale_labels
from skviz.typing import FloatArray

T = TypeVar("T")
Dash = Literal["-"] | tuple[float, tuple[float, ...]]

# blue, orange, black, purple, vermillion, yellow, green, sky blue: of those as dark as that, the
# ones that stay furthest apart (tests/figures/style/test_colour_vision.py)
_ON_LIGHT = (
    "#08476F", "#C18502", "#000000", "#C45097", "#9D4505", "#423A00", "#0D7555", "#1D90C6",
)  # fmt: skip
# Those of Okabe and Ito themselves, but for black, which would be lost.
_ON_DARK = (
    "#0072B2", "#E69F00", "#FFFFFF", "#CC79A7", "#D55E00", "#F0E442", "#009E73", "#56B4E9",
)  # fmt: skip
# The paper's blue, green and red; for more scales some of the others.
_PAPER = {
    False: ("#1F4EAD", "#1B8A3A", "#C8171E", "#000000", "#C18502", "#C45097", "#0D7555", "#1D90C6"),
    True: ("#6C9BFF", "#43C46A", "#FF6B66", "#FFFFFF", "#E69F00", "#CC79A7", "#F0E442", "#56B4E9"),
}
COLORBLIND, PAPER = "colorblind", "paper"
_FIRST = (1.0, 1.5, 2.0)  # the paper's scales have the first looks, whatever else is drawn
_LEAST_CONTRAST = 3.0
_palette: ContextVar[str] = ContextVar("palette", default=COLORBLIND)
_among: ContextVar[tuple[float, ...]] = ContextVar("among", default=())
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
    """How one scale is drawn.

    Attributes
    ----------
    scale
        The scale.
    label
        Its name in the paper's way, "1.5x".
    colour
        Hexadecimal.
    marker, dash, hatch
        As Matplotlib takes them.

    Examples
    --------
    >>> from skviz.figures import scale_styles
    >>> scale_styles((1.0,))[0].label
    '1.0x'
    """

    scale: float
    label: str
    colour: str
    marker: str
    dash: Dash
    hatch: str

    @property
    def line(self) -> dict[str, Any]:
        """Colour, marker, dash and label, as `plot` takes them."""
        look = {"color": self.colour, "marker": self.marker, "linestyle": self.dash}
        return {**look, "label": self.label}

    def bar(self, background: ColorType, hatched: bool) -> dict[str, Any]:
        """Colours, hatch and label of a bar without an edge."""
        look = {"facecolor": self.colour, "edgecolor": background, "linewidth": 0}
        return {**look, "hatch": self.hatch if hatched else "", "label": self.label}


def scale_styles(
    scales: Iterable[float], background: ColorType = "white"
) -> tuple[ScaleStyle, ...]:
    """Return one look per scale, distinct for up to 64 scales.

    The first eight differ in colour, marker, dash and hatch; after that colours return with other
    markers. The colours are those of `figure_style(palette=...)`.

    Parameters
    ----------
    scales
        In any order.
    background
        Any Matplotlib colour: on a dark one, light colours stand in for the dark ones.

    Returns
    -------
    tuple of ScaleStyle
        One per scale, in the order given.

    Examples
    --------
    >>> [style.marker for style in scale_styles((1.0, 2.0))]
    ['o', '^']
    """
    scales = tuple(scales)
    places = _places(scales)
    colours = palette_colours(_palette.get(), background, 1 + max(places, default=0))
    count, looks = len(colours), len(_MARKERS)
    return tuple(
        ScaleStyle(
            scale=scale,
            label=label,
            colour=colours[place % count],
            marker=_MARKERS[(place + place // looks) % looks],
            dash=_DASHES[(place + place // looks) % looks],
            hatch=_HATCHES[(place + place // looks) % looks],
        )
        for place, scale, label in zip(places, scales, scale_labels(scales), strict=True)
    )


def palette_colours(name: str, background: ColorType = "white", count: int = 8) -> tuple[str, ...]:
    """Return the colours of a palette, hexadecimal, `count` of them or as many as it has.

    "colorblind", "paper", or any name that `seaborn.color_palette` takes. All have a contrast of
    3 at least against the background: those of seaborn are darkened, or lightened, for it.

    Raises `UsageError` for an unknown name.

    Examples
    --------
    >>> palette_colours("paper")[:3]
    ('#1F4EAD', '#1B8A3A', '#C8171E')
    """
    if name == COLORBLIND:
        return _ON_DARK if is_dark(background) else _ON_LIGHT
    if name == PAPER:
        return _PAPER[is_dark(background)]
    import seaborn  # takes a second

    if name not in palette_names():
        hint = did_you_mean(name, palette_names())
        raise UsageError(
            f"unknown palette '{name}'.{hint} There are {COLORBLIND}, {PAPER}, and seaborn's: deep,"
            " muted, bright, pastel, dark, Set2, viridis, rocket, ..."
        )
    qualitative = name in seaborn.palettes.SEABORN_PALETTES
    found = seaborn.color_palette(name, None if qualitative else max(count, 3))
    return tuple(_readable(to_hex(colour), background) for colour in found)


def palette_names() -> list[str]:
    """Return every name that a palette may have; imports seaborn."""
    import matplotlib
    import seaborn

    theirs = {*seaborn.palettes.SEABORN_PALETTES, "husl", "hls", *matplotlib.colormaps}
    return [COLORBLIND, PAPER, *sorted(theirs - {COLORBLIND, PAPER})]


@contextmanager
def held(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Within a `with` block, have a variable hold a value."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def in_palette(name: str) -> AbstractContextManager[None]:
    """Take the colours of scales from a palette within a `with` block."""
    return held(_palette, name)


def of_scales(scales: Iterable[float]) -> AbstractContextManager[None]:
    """Give every scale the look that it has among these, whichever of them a figure shows."""
    return held(_among, tuple(scales))


def _places(scales: tuple[float, ...]) -> list[int]:
    """Return the place of each scale in the order of looks, among all that there are."""
    among = _among.get()
    known = [round(scale, 6) for scale in (among if {*scales} <= {*among} else scales)]
    places = {scale: _FIRST.index(scale) for scale in known if scale in _FIRST}
    free = iter([place for place in range(len(known)) if place not in places.values()])
    for scale in known:
        if scale not in places:
            places[scale] = next(free)
    return [places[round(scale, 6)] for scale in scales]


def _readable(colour: str, background: ColorType) -> str:
    """Return the colour, mixed with black or white until it stands out from the background."""
    end = (1.0, 1.0, 1.0) if is_dark(background) else (0.0, 0.0, 0.0)
    own = to_rgb(colour)
    for step in range(21):
        red, green, blue = (a + (b - a) * step / 20 for a, b in zip(own, end, strict=True))
        mixed = (red, green, blue)
        if contrast(mixed, background) >= _LEAST_CONTRAST:
            return to_hex(mixed)
    return to_hex(end)


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
    return [Line2D([], [], **style.line) for style in styles]


def draw_line(
    ax: Axes,
    x: NDArray[Any],
    curve: FloatArray,
    style: ScaleStyle,
    spread: FloatArray | None,
    **more: Any,
) -> None:
    """Draw the line of a scale, and what it spreads to either side as a pale band."""
    ax.plot(x, curve, **style.line, **more)
    if spread is not None:
        band = np.nan_to_num(spread)
        ax.fill_between(x, curve - band, curve + band, color=style.colour, alpha=0.1, linewidth=0)


def bar_handles(styles: Iterable[ScaleStyle], background: ColorType, hatched: bool) -> list[Patch]:
    """Return one legend entry per scale for a bar chart."""
    return [Patch(**style.bar(background, hatched)) for style in styles]


def paired_handles(
    styles: Sequence[ScaleStyle], background: ColorType, hatched: bool
) -> list[tuple[Patch, Line2D]]:
    """Return one legend entry per scale for bars and lines on one page, to draw with `PAIRED`."""
    bars = bar_handles(styles, background, hatched)
    return list(zip(bars, line_handles(styles), strict=True))


def error_bars(mean: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return how far intervals reach below and above a mean, (2, N), nothing without one."""
    reach: FloatArray = np.clip(np.nan_to_num([mean - low, high - mean]), 0, None)
    return reach


# Draws the entries of a pair, bar and line, side by side.
PAIRED = {tuple: HandlerTuple(ndivide=None, pad=0.4)}
