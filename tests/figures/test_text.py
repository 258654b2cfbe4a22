from __future__ import annotations

from skviz.figures.text import ELLIPSIS, clean, shorten, text_width, wrap


def test_clean_takes_out_what_files_cannot_hold() -> None:
    assert clean("a\tb\nc") == "a b c"
    assert clean("a\x00\udcffb") == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"
    assert clean("Käse 狗 🐕") == "Käse 狗 🐕"


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
