"""Fonts: which of the installed ones help out, and which characters can be drawn at all.

Matplotlib's own DejaVu Sans covers Latin, Greek, Cyrillic, Arabic and Hebrew. For other
scripts the fonts that systems commonly have are asked after it.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from pathlib import Path

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

# Per script: the first of these that is installed. Colour fonts cannot be drawn.
_SCRIPTS = (
    (
        "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC",
        "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei",
        "Arial Unicode MS",
    ),
    ("Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic"),
    ("Noto Sans Devanagari", "Kohinoor Devanagari", "Nirmala UI"),
    ("Noto Sans Bengali", "Kohinoor Bangla"),
    ("Noto Sans Tamil", "Tamil MN"),
    ("Noto Sans Thai", "Thonburi", "Leelawadee UI"),
    ("Noto Emoji",),
)  # fmt: skip


@cache
def fallback_fonts() -> tuple[str, ...]:
    """Return the installed fonts to ask for what the main font lacks, one per script."""
    # Matplotlib warns of a weight that a font lacks, text by text: both that are drawn are asked.
    weights: dict[str, set[int | str]] = {}
    for entry in fontManager.ttflist:
        weights.setdefault(entry.name, set()).add(entry.weight)
    installed = {
        name for name, known in weights.items() if known & {400, "normal"} and known & {700, "bold"}
    }
    first = (next((name for name in names if name in installed), "") for names in _SCRIPTS)
    return tuple(name for name in first if name)


def font_folders() -> list[str]:
    """Return the folders of Matplotlib's own fonts and of those that help out."""
    return sorted({str(Path(_file(name)).parent) for name in ("DejaVu Sans", *fallback_fonts())})


def can_draw(character: str) -> bool:
    """Whether one of the fonts that the settings name has a glyph for the character."""
    settings = matplotlib.rcParams
    generic = tuple(settings["font.sans-serif"]), tuple(settings["font.serif"])
    return _can_draw(character, tuple(settings["font.family"]), *generic)


@lru_cache(maxsize=4096)
def _can_draw(character: str, families: tuple[str, ...], *_settings: object) -> bool:
    return any(get_font(_file(name)).get_char_index(ord(character)) for name in families)


def _file(family: str) -> str:
    return str(findfont(FontProperties(family=[family])))


def is_invisible(character: str) -> bool:
    """Whether a character only steers others: joiners, direction marks, variation selectors."""
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"
