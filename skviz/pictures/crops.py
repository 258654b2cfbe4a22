"""Cut a square out of a picture and resize it, also where it reaches beyond the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.errors import ScaleError, UsageError

# Those that every version of Pillow has.
RESAMPLING = {
    name: Image.Resampling[name.upper()]
    for name in ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
}
FILLS = ("mean", "black", "white", "edge", "reflect")
# Zooming out pads the picture to a canvas of at most this many pixels (about 1 GiB).
MAX_CANVAS_PIXELS = 2**28

Box = tuple[float, float, float, float]
Colour = tuple[int, int, int]


def square(
    size: tuple[int, int], share: float, box: Sequence[float] | None
) -> tuple[tuple[float, float], float]:
    """Return centre (x, y) and side of the square that is seen at 1.0x, in original pixels.

    `share` of the shorter side is seen, or of what a box stands for.
    """
    width, height = size
    if box is None:
        return (width / 2, height / 2), share * min(width, height)
    try:
        left, top, right, bottom = (float(edge) for edge in box)
    except (TypeError, ValueError):
        raise UsageError(f"expected box as (left, top, right, bottom), got {box!r}") from None
    # Comparisons with nan are false, so nan fails here too.
    ordered = left < right and top < bottom
    touching = left < width and top < height and right > 0 and bottom > 0
    if not (ordered and touching and math.isfinite(right - left + bottom - top)):
        raise UsageError(
            "expected box as (left, top, right, bottom) with left < right and top < bottom,"
            f" within or across a picture of {width} x {height} pixels, got {tuple(box)}"
        )
    centre = ((left + right) / 2, (top + bottom) / 2)
    return centre, max(right - left, bottom - top) / share


def around(
    size: tuple[int, int], share: float, centre: Sequence[float]
) -> tuple[float, float, float, float]:
    """Return the box at a centre (x, y) whose square is as large as that of the whole picture.

    Raises `UsageError` for a centre that is not in the picture.
    """
    width, height = size
    try:
        x, y = (float(part) for part in centre)
    except (TypeError, ValueError):
        raise UsageError(f"expected center as (x, y), got {centre!r}") from None
    if not (0 <= x <= width and 0 <= y <= height):  # nan fails here too
        raise UsageError(
            f"expected center as (x, y) in a picture of {width} x {height} pixels, got ({x:g}, "
            f"{y:g})"
        )
    half = share**2 * min(width, height) / 2
    return (x - half, y - half, x + half, y + half)


def crop_box(centre: tuple[float, float], side: float) -> Box:
    x, y = centre
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def check_crop(scale: float, side: float, crop: Box, size: tuple[int, int], name: str) -> None:
    width, height = size
    if side < 1:
        raise ScaleError(
            f"scale {scale:g} is too large for '{name}' ({width} x {height} pixels): it leaves"
            f" {side:.3g} of an original pixel; use scales up to {side * scale:g}"
        )
    # Compared as floats, before anything is made: the sides may be astronomic, or infinite.
    canvas = (max(crop[2], width) - min(crop[0], 0)) * (max(crop[3], height) - min(crop[1], 0))
    if not canvas <= max(MAX_CANVAS_PIXELS, width * height):
        raise ScaleError(
            f"scale {scale:g} is too small for '{name}' ({width} x {height} pixels): it needs a"
            f" canvas of more than {MAX_CANVAS_PIXELS} pixels; use a larger scale"
        )


def render(
    image: Image.Image, crop: Box, size: int, resample: str, fill: str, mean: Colour
) -> NDArray[np.uint8]:
    """Return one view, uint8 of shape (size, size, 3)."""
    left, top, right, bottom = crop
    pads = (
        math.ceil(max(0.0, -left)),
        math.ceil(max(0.0, -top)),
        math.ceil(max(0.0, right - image.width)),
        math.ceil(max(0.0, bottom - image.height)),
    )
    canvas = _padded(image, pads, fill, mean) if any(pads) else image
    # Rounding must not push the box beyond the canvas: Pillow refuses it then.
    inside = (
        max(0.0, left + pads[0]),
        max(0.0, top + pads[1]),
        min(float(canvas.width), right + pads[0]),
        min(float(canvas.height), bottom + pads[1]),
    )
    view = canvas.resize((size, size), RESAMPLING[resample], box=inside)
    return np.asarray(view)


def _padded(
    image: Image.Image, pads: tuple[int, int, int, int], fill: str, mean: Colour
) -> Image.Image:
    left, top, right, bottom = pads
    if fill in ("edge", "reflect"):
        rows = _source_index(image.height, top, bottom, fill)
        columns = _source_index(image.width, left, right, fill)
        return Image.fromarray(np.asarray(image)[np.ix_(rows, columns)])
    colour = {"mean": mean, "black": (0, 0, 0), "white": (255, 255, 255)}[fill]
    canvas = Image.new("RGB", (left + image.width + right, top + image.height + bottom), colour)
    canvas.paste(image, (left, top))
    return canvas


def _source_index(length: int, before: int, after: int, fill: str) -> NDArray[np.intp]:
    """Return which original row (or column) each row of the padded canvas repeats."""
    index = np.arange(-before, length + after, dtype=np.intp)
    if fill == "edge":
        return np.clip(index, 0, length - 1)
    period = max(1, 2 * (length - 1))
    index %= period
    return np.minimum(index, period - index) if length > 1 else index
