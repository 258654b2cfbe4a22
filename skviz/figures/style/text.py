"""Text that fits: measured, shortened and wrapped before it is drawn."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from functools import lru_cache

import matplotlib
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from skviz.figures.style.fonts import can_draw, is_invisible, note_missing

ELLIPSIS = "…"
# Tabs and line breaks, among them those that only Unicode knows.
_BREAKS = re.compile("[\t\n\u2028\u2029]")
_BROKEN = "\N{REPLACEMENT CHARACTER}"
# Embeddings, overrides and isolates: one that is left open turns the rest of the line.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def storable(text: str) -> str:
    """Return text that a file can hold: no control characters, no broken Unicode, one line.

    File names and class names come from anywhere; an XML file, for one, cannot hold them all.
    """
    return "".join(
        _BROKEN
        if unicodedata.category(character) in ("Cc", "Cs") or character in "\ufffe\uffff"
        else character
        for character in _BREAKS.sub(" ", text)
    )


def clean(text: str) -> str:
    """Return text that can be drawn: what is not storable, or in no font, is replaced visibly.

    Marks that nobody sees and that no font has are left out, and so are those that turn the
    direction of the text around them.
    """
    if text.isascii() and text.isprintable():
        return text
    drawn = []
    for character in storable(text):
        if character in _TURNING or (is_invisible(character) and not can_draw(character)):
            continue
        if can_draw(character):
            drawn.append(character)
        else:
            note_missing(character)
            drawn.append(_BROKEN)
    return "".join(drawn)


def closed(name: str) -> str:
    """Return a name such that what follows it stands behind it, also where it reads leftwards.

    Without a mark, the number behind an Arabic name is drawn on its other side.
    """
    leftwards = any(unicodedata.bidirectional(character) in ("R", "AL") for character in name)
    return f"{name}\N{LEFT-TO-RIGHT MARK}" if leftwards else name


def font_points(size: float | str) -> float:
    """Return a font size such as "small" in points, as the settings have it now."""
    return float(FontProperties(size=size).get_size_in_points())


def text_width(text: str, points: float, weight: str = "normal") -> float:
    """Return the width of one line of text, in points; a dollar is a dollar, no formula."""
    # What the width depends on beside the arguments, so that it can be remembered.
    settings = matplotlib.rcParams
    fonts = (*settings["font.family"], *settings["font.sans-serif"], *settings["font.serif"])
    return _text_width(text, points, weight, *fonts)


@lru_cache(maxsize=4096)
def _text_width(text: str, points: float, weight: str, *_settings: object) -> float:
    prop = FontProperties(size=points, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, prop, False)[0])


def shorten(
    text: str, width: float, points: float, *, weight: str = "normal", keep_end: bool = False
) -> str:
    """Return the text, cut with an ellipsis where it is wider than `width` points."""

    def cut(count: int) -> str:
        if keep_end:
            return ELLIPSIS + text[len(text) - count :].lstrip()
        return text[:count].rstrip() + ELLIPSIS

    if text_width(text, points, weight) <= width:
        return text
    # The largest number of characters that fits.
    counts = range(1, len(text))
    return cut(
        bisect_right(counts, width, key=lambda count: text_width(cut(count), points, weight))
    )


def wrap(text: str, width: float, points: float, lines: int, weight: str = "normal") -> list[str]:
    """Break a text at spaces into at most `lines` lines of `width` points; the rest is cut."""
    done: list[str] = []
    for word in text.split():
        longer = f"{done[-1]} {word}" if done else word
        if done and (len(done) == lines or text_width(longer, points, weight) <= width):
            done[-1] = longer
        else:
            done.append(word)
    return [shorten(line, width, points, weight=weight) for line in done]
