"""Words from data for files of other programs: cleaned, and shortened where room is short."""

from __future__ import annotations

import re
import unicodedata

from skviz.figures.text import storable

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


def for_office(text: str) -> str:
    """Return text that a spreadsheet takes for a text, and for no formula or link."""
    text = plain(text)
    return f" {text}" if re.match(r"[={+@-]|[a-z]+:", text) else text
