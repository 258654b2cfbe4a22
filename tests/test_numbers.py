"""One formatter of numbers: what it promises of every number."""

from __future__ import annotations

import doctest
import math

import pytest
from hypothesis import given, strategies as st

from skviz import numbers

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
