"""How a number is written for a reader, once for captions, tables, slides and the terminal.

Minus is a minus sign, what rounds to zero has no sign of a negative one, and what is not known
(None or nan) is an en dash. Data files hold the numbers themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
DIGITS = 4
_PLAIN = str.maketrans({MINUS: "-", NOTHING: "-"})

Writer = Callable[[Any], str]


def known(value: Any) -> bool:
    """Whether there is a value: neither None nor nan."""
    return value is not None and value == value


def number(
    value: float | None, digits: int = DIGITS, *, sign: str = "", nothing: str = NOTHING
) -> str:
    """Return "0.1234" with so many decimals, or `nothing` where there is no value.

    With `sign="+"` a number that is not negative has a sign as well.

    Examples
    --------
    >>> number(-0.00001), number(1.5, 2), number(float("nan"), nothing="no value")
    ('0.0000', '1.50', 'no value')
    """
    if value is None or not known(value):
        return nothing
    return f"{round(float(value), digits) + 0.0:{sign}.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = DIGITS, *, nothing: str = NOTHING) -> str:
    """Return a change with its sign.

    Examples
    --------
    >>> signed(0.12345), signed(-0.5, 2) == f"{MINUS}0.50"
    ('+0.1235', True)
    """
    return number(value, digits, sign="+", nothing=nothing)


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in [0, 1] as "12.3 %".

    Examples
    --------
    >>> percent(0.1234), percent(0.5, 0)
    ('12.3 %', '50 %')
    """
    return f"{number(100 * share, digits)} %" if share is not None and known(share) else NOTHING


def interval(low: float | None, high: float | None, write: Writer = signed) -> str:
    """Return "+0.0100 to +0.0150"; empty where it was not computed.

    Examples
    --------
    >>> interval(0.01, 0.015)
    '+0.0100 to +0.0150'
    """
    return f"{write(low)} to {write(high)}" if known(low) and known(high) else ""


def estimate(
    value: float | None, low: float | None, high: float | None, write: Writer = signed
) -> str:
    """Return a value with its interval, where that was computed.

    Examples
    --------
    >>> estimate(0.0123, 0.01, 0.015), estimate(0.0123, None, None)
    ('+0.0123 (+0.0100 to +0.0150)', '+0.0123')
    """
    ends = interval(low, high, write)
    return f"{write(value)} ({ends})" if ends else write(value)


def p_value(p: float | None, least: float = 1e-300) -> str:
    """Return a p value with two digits; of one below `least`, say that it is.

    Examples
    --------
    >>> p_value(0.0123), p_value(0), p_value(2e-7, least=1e-4)
    ('0.012', '<1e-300', '<0.0001')
    """
    if p is None or not known(p):
        return NOTHING
    return f"<{least:g}" if p < least else f"{p:.2g}"


def count(value: int | float | None) -> str:
    """Return "1,000".

    Examples
    --------
    >>> count(12345)
    '12,345'
    """
    return f"{int(value):,}" if value is not None and known(value) else NOTHING


def significant(value: float | None, digits: int) -> str:
    """Return a number with so many digits, however large or small it is.

    Examples
    --------
    >>> significant(0.123456, 2), significant(1.0, 6), significant(2.3e-7, 1)
    ('0.12', '1', '2e-07')
    """
    return f"{value:.{digits}g}" if value is not None and known(value) else NOTHING


def rounding(error: float) -> str:
    """Return an error by its order of magnitude.

    Examples
    --------
    >>> rounding(0.00001234)
    '1.2e-05'
    """
    return f"{error:.1e}"


def giga(value: float) -> str:
    """Return a number of multiply-adds.

    Examples
    --------
    >>> giga(4_463_000_000)
    '4.463 G'
    """
    return f"{number(value / 1e9, 3)} G"


def file_size(bytes_: int) -> str:
    """Return a number of bytes.

    Examples
    --------
    >>> file_size(12), file_size(3_612_000)
    ('12 bytes', '3.6 MB')
    """
    amount, units = float(bytes_), ["bytes", "kB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{number(amount, 0 if units[0] == 'bytes' else 1)} {units[0]}"


def counted(value: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(1000, "class", "classes")
    ('1 image', '1,000 classes')
    """
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Return words as one text.

    Examples
    --------
    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"]), listed([])
    ('a', 'a and b', 'a, b and c', '')
    """
    return " and ".join(part for part in (", ".join(words[:-1]), *words[-1:]) if part)


def first_of(words: Sequence[str], most: int = 4) -> str:
    """Return the first words of a list that may be long.

    Examples
    --------
    >>> first_of("abcdef"), first_of("ab")
    ('a, b, c, d, ...', 'a, b')
    """
    return ", ".join((*words[:most], *(["..."] if len(words) > most else [])))


def plain(words: str) -> str:
    """Return written numbers in ASCII, as other programs and narrow encodings take them.

    Examples
    --------
    >>> plain(signed(-0.5)), plain(number(None))
    ('-0.5000', '-')
    """
    return words.translate(_PLAIN)


def text(value: Any) -> str:
    """Return a value that is no number as it is."""
    return str(value) if known(value) else NOTHING
