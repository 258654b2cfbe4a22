"""Words from data for files of other programs: cleaned, and shortened where room is short."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from skviz.figures.text import ELLIPSIS, clean, shorten, storable
from skviz.reports.parts import Contents, FigurePart, TablePart

# Embeddings, overrides and isolates: one that is left open turns the rest of the line.
_TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


def plain(text: str) -> str:
    """Return text for programs that have fonts of their own.

    Control characters, which XML cannot hold, are replaced visibly; marks that turn the
    direction of the text around them are left out.
    """
    return "".join(
        character
        for character in storable(text)
        if unicodedata.bidirectional(character) not in _TURNING
    )


def fitted(text: str, width: float, points: float, weight: str = "normal") -> str:
    """Return text cut with an ellipsis where it is wider than `width` points, about.

    It is measured with fonts that are here, whatever the program that shows it has.
    """
    text = plain(text)
    measured = shorten(clean(text), width, points, weight=weight)
    return text if measured == clean(text) else text[: len(measured) - 1].rstrip() + ELLIPSIS


def with_names(contents: Contents) -> Contents:
    """Return contents in which parts of several images say in their title whose they are."""
    if len(contents.images) < 2:
        return contents
    names = {part.name: image.title for image in contents.images for part in image.figures}
    names |= {part.name: image.title for image in contents.images for part in image.tables}

    def title(part: FigurePart | TablePart) -> str:
        name = names.get(part.name, "")
        return part.title if name in part.title else f"{name}: {part.title}"

    return replace(
        contents,
        figures=[replace(part, title=title(part)) for part in contents.figures],
        tables=[replace(part, title=title(part)) for part in contents.tables],
    )


def for_office(text: str) -> str:
    """Return text that a spreadsheet takes for a text, and for no formula or link."""
    text = plain(text)
    return f" {text}" if re.match(r"[={+@-]|[a-z]+:", text) else text
