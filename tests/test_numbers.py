"""One formatter of numbers: what it promises of every number."""

from __future__ import annotations

import doctest
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from skviz import numbers

ROOT = Path(__file__).resolve().parent.parent
FINITE = st.floats(-1e6, 1e6)
DIGITS = st.integers(0, 6)
WRITERS = [numbers.number, numbers.signed, numbers.percent]
UNKNOWN = [None, math.nan]


def test_examples() -> None:
    found = doctest.testmod(numbers)
    assert found.attempted > 8
    assert found.failed == 0


@given(FINITE, DIGITS)
def test_a_written_number_is_the_number_to_its_decimals(value: float, digits: int) -> None:
    for write in (numbers.number, numbers.signed):
        assert float(numbers.plain(write(value, digits))) == round(value, digits)


@given(st.floats(-0.499, 0.0), DIGITS)
def test_what_rounds_to_zero_is_no_negative_zero(part: float, digits: int) -> None:
    value = part * 10.0**-digits
    assert numbers.MINUS not in numbers.signed(value, digits) + numbers.number(value, digits)
    assert numbers.MINUS not in numbers.percent(value / 100, digits)


@given(FINITE)
def test_a_minus_is_a_minus_sign(value: float) -> None:
    for write in WRITERS:
        assert "-" not in write(value)


@pytest.mark.parametrize("value", UNKNOWN)
def test_what_is_not_known_is_a_dash(value: float | None) -> None:
    for write in (*WRITERS, numbers.p_value, numbers.count, numbers.text):
        assert write(value) == numbers.NOTHING
    assert numbers.signed(value, nothing="no value") == "no value"
    assert numbers.interval(value, 1.0) == numbers.interval(1.0, value) == ""
    assert numbers.estimate(0.5, value, value) == "+0.5000"


# "{x:.3f}", "{x:,}": digits and their groups. "{x:g}" is a number as it was given.
FORMAT = re.compile(r":[-+ ]?[<>^]?\d*(?:,\w?|,?\.\{?\w+\}?[efgEFG%])\}")
# Coordinates of a drawing, which nobody reads.
DRAWING = ROOT / "skviz" / "reports" / "html" / "inline_svg.py"


def formats(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if FORMAT.search(line)]


def test_numbers_are_written_in_one_place() -> None:
    files = [*(ROOT / "cli").rglob("*.py"), *(ROOT / "skviz" / "reports").rglob("*.py")]
    found = {str(file): formats(file.read_text()) for file in files if file != DRAWING}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text", ["{a:.3f}", "{a:,}", "{a:.0%}", "{a:+.4f}", "{a:>7.{d}f}", "{a:.1e}"]
)
def test_a_format_is_seen(text: str) -> None:
    assert formats(text) == [text]
    assert formats("{a:g}: {b:>5} {c:02d} {d!r}") == []
