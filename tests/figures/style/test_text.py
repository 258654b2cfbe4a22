from __future__ import annotations

import matplotlib
import pytest

from skviz.figures import figure_style
from skviz.figures.style.fonts import fallback_fonts
from skviz.figures.style.text import ELLIPSIS, clean, shorten, storable, text_width, wrap

BROKEN = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("made", [clean, storable])
def test_text_without_what_files_cannot_hold(made) -> None:
    assert made("a\tb\nc") == "a b c"
    assert made("a\x00\udcffb\uffff") == f"a{BROKEN}{BROKEN}b{BROKEN}"
    assert made("Käse ä") == "Käse ä"


def test_what_is_stored_is_what_was_given() -> None:
    text = "狗 🐕 قطة \u202e $x$ <b> \\alpha"
    assert storable(text) == text


def test_what_no_font_can_draw_is_replaced_visibly() -> None:
    with matplotlib.rc_context({"font.family": ["DejaVu Sans"]}):
        assert clean("a 狗 b") == f"a {BROKEN} b"
        assert clean("قطة Ω 😀") == "قطة Ω 😀"  # DejaVu Sans has these
        assert clean("\ufe0fdog\u200b") in ("dog", "\ufe0fdog\u200b")
        assert clean("a\u202eb\u2066") == "ab"  # nothing turns the rest of the line around
        assert clean(BROKEN) == BROKEN


def test_installed_fonts_help_out() -> None:
    if not any("CJK" in name or "Source Han" in name for name in fallback_fonts()):
        pytest.skip("no Chinese font is installed here, or Matplotlib's list of fonts is older")
    with figure_style("default"):
        assert clean("狗") == "狗"
        assert text_width("狗", 10) == pytest.approx(10, rel=0.1)


def test_shorten_fits() -> None:
    text = "a very long name of a file.jpg"
    assert shorten(text, 1000, 10) == text
    short = shorten(text, 60, 10)
    assert short.endswith(ELLIPSIS)
    assert text_width(short, 10) <= 60
    assert shorten(text, 60, 10, keep_end=True).endswith("file.jpg")


def test_a_dollar_is_no_formula() -> None:
    assert text_width("$x$", 10) > text_width("x", 10)


def test_wrap_keeps_to_its_lines() -> None:
    lines = wrap("one two three four five six seven eight", 60, 10, 3)
    assert len(lines) == 3
    assert all(text_width(line, 10) <= 60 for line in lines)
    assert lines[-1].endswith(ELLIPSIS)
    assert wrap("", 60, 10, 3) == []
    assert wrap("one two", 1000, 10, 3) == ["one two"]
