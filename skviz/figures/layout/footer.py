"""What stands in the picture below a figure: network, images, what bars and bands are, warnings."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib
from matplotlib.figure import Figure

from skviz.figures.caption import Caption
from skviz.figures.display import Display, figure_of
from skviz.figures.layout.page import add_below, figure_size, reserved
from skviz.figures.style.palette import warning_colour
from skviz.figures.style.text import clean, font_points, wrap

Line = tuple[str, bool]  # and whether it is a warning
_LINE = 1.5  # height of a line, in its font size
_EDGE = 0.6  # left of the lines and below them, in font sizes
_MOST = 5  # lines


def with_note(draw: Callable[[], Figure | Display], caption: Caption) -> Figure:
    """Draw a figure, write its caption's note and warning below it, and return it.

    The figure gets higher by that, but on a slide, where there is less room for the rest.

    Parameters
    ----------
    draw
        Draws it: a display's `plot`, or what returns a figure.
    caption
        Of which the note and the warning are written.

    Returns
    -------
    Figure
        What was drawn, with the lines below it.

    Examples
    --------
    >>> from skviz.figures import Provenance, UnitBars
    >>> summary = skviz.summarise("runs/example", resamples=0)
    >>> bars = UnitBars.from_summary(summary)
    >>> figure = with_note(bars.plot, bars.caption(Provenance.of_summary(summary)))
    >>> len(figure.texts) > 0
    True
    """
    edge = _EDGE * float(matplotlib.rcParams["font.size"]) / 72
    page, _ = figure_size()
    lines = footer_lines(caption.note, caption.warning, page - 2 * edge)
    with reserved(footer_height(lines, edge)):
        figure = figure_of(draw())
    width, _ = figure.get_size_inches()
    lines = footer_lines(caption.note, caption.warning, width - 2 * edge)
    if lines:
        add_below(figure, footer_height(lines, edge))
        draw_footer(figure, lines, edge)
    return figure


def footer_lines(note: str, warning: str, width: float) -> list[Line]:
    """Return the lines of a footer of so many inches across."""
    # Drawn in pixels, text is a little wider than measured.
    room, size = 0.95 * 72 * width, font_points("small")
    notes = wrap(clean(note), room, size, _MOST)
    warnings = wrap(clean(warning), room, size, _MOST, weight="bold")
    return [(line, False) for line in notes] + [(line, True) for line in warnings]


def footer_height(lines: list[Line], edge: float) -> float:
    """Return the height of the lines in inches, with so many around them."""
    return len(lines) * _LINE * font_points("small") / 72 + 1.5 * edge if lines else 0.0


def draw_footer(figure: Figure, lines: list[Line], margin: float, below: float = 0.0) -> None:
    """Write the lines at the foot of a figure, so many inches from its edges.

    `below` inches are left free below them.
    """
    width, height = figure.get_size_inches()
    step = _LINE * font_points("small") / 72
    for index, (text, is_warning) in enumerate(reversed(lines)):
        line = figure.text(
            margin / width, (below + margin + (index + 0.5) * step) / height, text,
            ha="left", va="center", size="small", parse_math=False,
        )  # fmt: skip
        if is_warning:
            line.set(color=warning_colour(figure.get_facecolor()), weight="bold")
        else:
            line.set_alpha(0.8)
