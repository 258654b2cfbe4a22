"""How a number is written for a reader, once for captions, tables, slides and the terminal.

Minus is a minus sign, what rounds to zero has no sign of a negative one, and what is not known
(None or nan) is an en dash. Data files hold the numbers themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
DIGITS = 4

Writer = Callable[[Any], str]


def known(value: Any) -> bool:
    """Whether there is a value: neither None nor nan."""
    return value is not None and value == value


def number(value: float | None, digits: int = DIGITS, pattern: str = "") -> str:
    """Return "0.1234" with so many decimals; `pattern` is what stands before them in a format.

    Examples
    --------
    >>> number(-0.00001), number(1.5, 2), number(float("nan"))
    ('0.0000', '1.50', '–')
    """
    if value is None or not known(value):
        return NOTHING
    return f"{round(float(value), digits) + 0.0:{pattern}.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = DIGITS) -> str:
    """Return a change with its sign.

    Examples
    --------
    >>> signed(0.12345), signed(-0.5, 2)
    ('+0.1235', '−0.50')
    """
    return number(value, digits, "+")


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in [0, 1] as "12.3 %".

    Examples
    --------
    >>> percent(0.1234), percent(0.5, 0)
    ('12.3 %', '50 %')
    """
    return f"{number(100 * share, digits)} %" if share is not None and known(share) else NOTHING


def interval(low: float | None, high: float | None, write: Writer = signed) -> str:
    """Return "+0.0100 to +0.0150"; nothing where it was not computed.

    Examples
    --------
    >>> interval(0.01, 0.015)
    '+0.0100 to +0.0150'
    """
    return f"{write(low)} to {write(high)}" if known(low) and known(high) else ""


def p_value(p: float | None) -> str:
    """Return a p value with two digits; one that is too small for a float says so.

    Examples
    --------
    >>> p_value(0.0123), p_value(0)
    ('0.012', '<1e−300')
    """
    if p is None or not known(p):
        return NOTHING
    return (f"{p:.2g}" if p else "<1e-300").replace("-", MINUS)


def count(value: int | float | None) -> str:
    """Return "1,000".

    Examples
    --------
    >>> count(12345)
    '12,345'
    """
    return f"{int(value):,}" if value is not None and known(value) else NOTHING


def counted(value: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(1000, "class", "classes")
    ('1 image', '1,000 classes')
    """
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def text(value: Any) -> str:
    """Return a value that is no number as it is."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return NOTHING if missing else str(value)
