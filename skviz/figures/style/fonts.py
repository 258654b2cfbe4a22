"""Fonts: which of the installed ones help out, and which characters can be drawn at all.

Matplotlib's own DejaVu Sans covers Latin, Greek, Cyrillic, Arabic and Hebrew. For other
scripts the fonts that systems commonly have are asked after it.
"""

from __future__ import annotations

import logging
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
    ("Noto Emoji", "Symbola"),
)  # fmt: skip
_CJK = "fonts-noto-cjk"
# By the first word of a character's Unicode name: its script, and Debian's package for it.
_PACKAGES = {
    **dict.fromkeys(("CJK", "IDEOGRAPHIC", "FULLWIDTH"), ("Chinese or Japanese", _CJK)),
    **dict.fromkeys(("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"), ("Japanese", _CJK)),
    "HANGUL": ("Korean", _CJK),
    **{
        script.upper(): (script, "fonts-noto-core")
        for script in ("Arabic", "Hebrew", "Devanagari", "Bengali", "Tamil", "Thai")
    },
}
_SYMBOLS = ("emoji or symbols", "fonts-symbola")
_ONE_WEIGHT = {"Symbola"}
_MISSING: dict[tuple[str, str], dict[str, None]] = {}


class _QuietWeights(logging.Filter):
    """Drops Matplotlib's word on a weight that a font lacks: it draws the weight there is."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Failed to find font weight" not in record.getMessage()


logging.getLogger("matplotlib.font_manager").addFilter(_QuietWeights())


@cache
def fallback_fonts() -> tuple[str, ...]:
    """Return the installed fonts to ask for what the main font lacks, one per script."""
    # A bold text is best drawn in bold, where the font is not the only one of its kind.
    weights: dict[str, set[int | str]] = {}
    for entry in fontManager.ttflist:
        weights.setdefault(entry.name, set()).add(entry.weight)
    installed = {
        name
        for name, known in weights.items()
        if known & {400, "normal"} and (known & {700, "bold"} or name in _ONE_WEIGHT)
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


def can_draw_all(text: str) -> bool:
    """Whether nothing of a text is left out when it is drawn; what is missing is remembered."""
    lacking = [one for one in text if not (is_invisible(one) or can_draw(one))]
    for character in lacking:
        note_missing(character)
    return not lacking


def note_missing(character: str) -> None:
    """Remember a character that no font has, for `missing_fonts`."""
    word = unicodedata.name(character, "").partition(" ")[0]
    if unicodedata.category(character)[0] not in "CZ":
        _MISSING.setdefault(_PACKAGES.get(word, _SYMBOLS), {})[character] = None


def missing_fonts() -> tuple[str, ...]:
    """Return a line per script that no installed font could draw so far, and forget them.

    Each names the package of Debian and Ubuntu that has a font for it.
    """
    lines = tuple(
        f"no installed font has the {script} characters {''.join(list(found)[:5])!r}; figures show"
        f" a replacement, or the number of the class; install the package {package}"
        for (script, package), found in _MISSING.items()
    )
    _MISSING.clear()
    return lines


def _file(family: str) -> str:
    return str(findfont(FontProperties(family=[family])))


def is_invisible(character: str) -> bool:
    """Whether a character only steers others: joiners, direction marks, variation selectors."""
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"
