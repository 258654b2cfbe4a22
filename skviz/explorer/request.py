"""What the page asks for, checked: nothing of it is a path, an option or a name of a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skviz.errors import UsageError

SMALLEST, LARGEST, STEP = 0.5, 3.0, 0.05
MOST_SCALES = 12
_FURTHEST = 1e9  # pixels from the corner of a picture
# What the page calls them, and the control that they are; see `skviz controls --help`.
CONTROLS = {
    "none": None,
    "blur": "blur",
    "blank": "object-constant",
    "blurred": "object-blurred",
}
# What may be saved, with its media type.
FORMATS = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "csv": "text/csv",
    "json": "application/json",
}


@dataclass(frozen=True)
class Look:
    """Which picture, what of it, and how it is shown to which network."""

    picture: str
    box: tuple[float, ...] | None = None
    center: tuple[float, ...] | None = None
    control: str | None = None
    untrained: bool = False

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Look:
        """Read it from a request; raises `UsageError` for anything that does not belong."""
        shown = payload.get("control", "none")
        if not isinstance(shown, str) or shown not in CONTROLS:
            raise UsageError(f"expected control {', '.join(CONTROLS)}, got {str(shown)[:40]!r}")
        picture, untrained = payload.get("picture"), payload.get("untrained", False)
        if not isinstance(picture, str) or not isinstance(untrained, bool):
            raise UsageError("expected the name of a picture, and untrained as true or false")
        box, center = _numbers(payload, "box", 4), _numbers(payload, "center", 2)
        return cls(picture, box, center, CONTROLS[shown], untrained)


def scale_of(value: object) -> float:
    """Return a scale in the range of the slider; raises `UsageError`."""
    if not _is_number(value) or not SMALLEST <= value <= LARGEST:  # type: ignore[operator]
        raise UsageError(
            f"expected a scale from {SMALLEST:g} to {LARGEST:g}, got {repr(value)[:40]}"
        )
    return round(float(value), 4)  # type: ignore[arg-type]


def scales_of(value: object) -> tuple[float, ...]:
    """Return scales to draw, each once, 1.0 among them; raises `UsageError`."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_SCALES:
        raise UsageError(f"expected 1 to {MOST_SCALES} scales")
    return tuple(dict.fromkeys((1.0, *sorted(map(scale_of, value)))))


def serial_of(value: object) -> int | None:
    """Return the number that the page gave its request; raises `UsageError`."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise UsageError(f"expected serial as a whole number, got {str(value)[:40]!r}")
    return value


def _numbers(payload: Mapping[str, Any], name: str, count: int) -> tuple[float, ...] | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != count or not all(map(_is_number, value)):
        raise UsageError(f"expected {name} as {count} numbers, got {str(value)[:40]!r}")
    return tuple(float(number) for number in value)


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) <= _FURTHEST  # false for nan; whole numbers may be too large for a float
