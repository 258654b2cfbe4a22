"""Scales: how large the central object is shown, such as 1.0x, 1.5x and 2.0x."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from skviz.errors import ScaleError

# Scales that differ by less, relative to their size, are one: records hold 32-bit floats.
TOLERANCE = 1e-6
_EXPECTED = "expected positive finite scales such as 1,1.5,2"


class Scales(tuple[float, ...]):
    """Positive finite scales, each once, in the given order: a tuple of floats.

    Raises `ScaleError` when there are none, when one is not a positive finite number, or
    comes twice.

    Examples
    --------
    >>> scales = Scales([1, 1.5, 2])
    >>> scales, scales.labels
    ((1.0, 1.5, 2.0), ('1.0x', '1.5x', '2.0x'))
    >>> scales.index(1.5), scales.reference
    (1, 0)
    """

    __slots__ = ()

    def __new__(cls, scales: Iterable[float]) -> Scales:
        if isinstance(scales, cls):
            return scales
        if isinstance(scales, (str, bytes)) or not isinstance(scales, Iterable):
            raise ScaleError(f"{_EXPECTED}, in a list or tuple, got {scales!r}")
        checked: list[float] = []
        for value in scales:
            scale = _checked(value)
            if scale in checked:
                raise ScaleError(f"expected each scale once, got {scale:g} twice; leave one out")
            checked.append(scale)
        if not checked:
            raise ScaleError(f"{_EXPECTED}, got none")
        return super().__new__(cls, checked)

    @property
    def labels(self) -> tuple[str, ...]:
        """The scales as the paper writes them: "1.0x", "1.25x"; see `scale_labels`."""
        return scale_labels(self)

    @property
    def reference(self) -> int:
        """Index of the scale that others are compared with: 1.0x, or the first without it."""
        return self.find(1.0) or 0

    def find(self, scale: float) -> int | None:
        """Return where a scale stands, or None where it is not among them."""
        return next((i for i, own in enumerate(self) if same_scale(own, scale)), None)

    def index(self, scale: float, expected: str = "a scale of {}") -> int:  # type: ignore[override]
        """Return where a scale stands; raises `ScaleError` where it is not among them.

        `expected` says what was, with the scales in place of the braces.
        """
        found = self.find(scale)
        if found is None:
            have = expected.format(in_numbers(self))
            raise ScaleError(f"expected {have}, got {scale:g}")
        return found

    def common(self, other: Iterable[float]) -> tuple[list[int], list[int]]:
        """Return where the scales that both have stand, in this one and in the other.

        Examples
        --------
        >>> Scales([1, 1.5, 2]).common([2, 1])
        ([0, 2], [1, 0])
        """
        there = list(other)
        found = [
            (i, j)
            for i, own in enumerate(self)
            for j, scale in enumerate(there)
            if same_scale(own, scale)
        ]
        return [i for i, _ in found], [j for _, j in found]


def same_scale(one: float, other: float) -> bool:
    """Whether two scales are one, but for rounding."""
    return abs(one - other) < TOLERANCE * abs(other)


def scale_label(scale: float) -> str:
    """Return a scale as the paper writes it: "1.0x", "1.25x"."""
    text = f"{scale:g}"
    return f"{text}x" if "." in text or "e" in text else f"{text}.0x"


def scale_labels(scales: Iterable[float]) -> tuple[str, ...]:
    """Return the scales' labels, to four digits where those tell them apart."""
    scales = tuple(scales)
    short = tuple(scale_label(float(f"{scale:.4g}")) for scale in scales)
    return short if len(set(short)) == len(short) else tuple(map(scale_label, scales))


def in_numbers(scales: Sequence[float]) -> str:
    """Return scales as an option takes them, with spaces: "1, 1.5, 2"."""
    return ", ".join(f"{scale:g}" for scale in scales)


def parse_scales(text: str) -> Scales:
    """Return the scales in a comma-separated list such as "1,1.5,2".

    Raises `ScaleError` for anything but positive finite numbers, each named once.
    """
    scales = []
    for part in text.split(","):
        try:
            scales.append(float(part))
        except ValueError:
            raise ScaleError(f"{_EXPECTED}, got {part.strip()!r} in {text!r}") from None
    return Scales(scales)


def _checked(value: object) -> float:
    # A bool is a number to Python and to NumPy, and text would become one: neither is a scale.
    if isinstance(value, (str, bytes)) or type(value).__name__ in ("bool", "bool_"):
        raise ScaleError(f"{_EXPECTED}, got {value!r}")
    try:
        scale = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ScaleError(f"{_EXPECTED}, got {value!r}") from None
    if not (math.isfinite(scale) and scale > 0):
        raise ScaleError(f"{_EXPECTED}, got {scale:g}")
    return scale


DEFAULT_SCALES = Scales((1.0, 1.5, 2.0))
