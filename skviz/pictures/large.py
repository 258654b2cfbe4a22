"""Large pictures in little memory: reduced while they are decoded, or converted in strips."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from PIL import Image

from skviz.errors import ImageError
from skviz.notes import Assumption

# Pixels. A JPEG above it is decoded at a half, a quarter or an eighth of its side, which its
# format can do before there are any pixels; 64 million take 200 MB.
WHOLE = 64_000_000
# What a picture of a data set may have by default, where its format cannot be reduced.
MOST_OF_A_DATA_SET = 100_000_000
# Above it a picture is converted in strips, and read by one process at a time.
_LARGE = 16_000_000
_STRIP = 4_000_000
_REDUCED = "a large JPEG was decoded at reduced size"

Notes = TypeVar("Notes")
_turns: list[AbstractContextManager[object]] = []


def take_turns(lock: AbstractContextManager[object]) -> None:
    """Read large pictures only while holding a lock that other processes share."""
    _turns[:] = [lock]


def turn(image: Image.Image) -> AbstractContextManager[object]:
    """Return what to hold while an opened picture is decoded."""
    return _turns[0] if _turns and _pixels(image) > _LARGE else nullcontext()


def reduce(image: Image.Image, most: int | None, whole: bool) -> tuple[int, tuple[Assumption, ...]]:
    """Let a picture that was opened, not decoded, be decoded smaller, if it is a large JPEG.

    Returns by which its sides are divided, and what is to be said. Raises `ImageError` where it
    then still has more than `most` pixels.
    """
    width, height = image.size
    factor = 1
    allowed = WHOLE if most is None else min(WHOLE, most)
    if image.format == "JPEG" and not whole:
        while factor < 8 and width * height > allowed * factor**2:
            factor *= 2
        if factor > 1:
            image.draft(None, (width // factor, height // factor))
            factor = round(width / image.size[0])
    if most is not None and _pixels(image) > most:
        raise ImageError(
            f"it has {width} x {height} pixels, more than {most} (--max-pixels, in Python "
            "max_pixels); make it smaller, or allow more"
        )
    if factor == 1:
        return 1, ()
    return factor, (Assumption(_REDUCED, f"1/{factor} of {width} x {height} pixels"),)


def in_strips(
    image: Image.Image, convert: Callable[[Image.Image], tuple[Image.Image, Notes]]
) -> tuple[Image.Image, Notes]:
    """Convert a decoded picture, pixel by pixel, to RGB: a large one in strips of its rows."""
    width, height = image.size
    if _pixels(image) <= _LARGE:
        return convert(image)
    rows = max(1, _STRIP // width)
    whole = Image.new("RGB", image.size)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        strip.info = image.info
        converted, notes = convert(strip)
        whole.paste(converted, (0, top))
    return whole, notes


def _pixels(image: Image.Image) -> int:
    return int(image.size[0] * image.size[1])
