"""Deep pictures to 8 bits: 16-bit values, 32-bit integers and floats (one grey channel)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.notes import Assumption

DEEP_MODES = ("I", "F")
# Values that 32-bit pictures usually have as white.
_WHITES = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}
# Of the values, what is left out at each end: a few hot pixels must not say what is white.
_OUTLIERS = 1 / 1000
# Fewer pixels than this have no outliers.
_FEW_PIXELS = 16
# Formats whose values Pillow scales to 16 bits, in mode "I".
_SCALED_TO_16_BITS = ("PNG", "PPM")
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1


def is_deep(image: Image.Image) -> bool:
    """Whether a picture has more than 8 bits in its one channel."""
    return image.mode.startswith(DEEP_MODES)


def to_8_bits(image: Image.Image) -> tuple[Image.Image, tuple[Assumption, ...]]:
    """Return a deep picture as grey of 8 bits (mode "L"), and what was taken for white.

    Black and white are the ends of the format's own range where it has one: 16-bit values, or
    12-bit ones in a TIFF. 32-bit integers and floats do not say: white is the smallest of 1
    (floats only), 255 and 65535 that 99.9 % of the values are within, and black is 0; where
    none is, or values are negative, the values between the darkest and the brightest 0.1 % are
    stretched. At least one pixel at each end counts as an outlier. TIFF's white-is-zero is
    turned around. Values that are not finite are black (nan, -inf) or white (inf).
    """
    stored = np.asarray(image)
    if _tag(image, _SAMPLE_FORMAT) == _UNSIGNED and stored.dtype == np.int32:
        stored = stored.view(np.uint32)  # Pillow has no unsigned mode of 32 bits.
    values: NDArray[np.floating[Any]] = stored.astype(
        np.float64 if stored.dtype.itemsize > 2 else np.float32
    )
    bits = _stated_bits(image)
    notes: tuple[Assumption, ...] = ()
    if bits:
        low, high = 0.0, 2.0**bits - 1
    else:
        low, high, notes = _assumed_range(values, image.mode)
    values = np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high)
    grey = np.rint((values - low) * 255 / (high - low)).astype(np.uint8)
    if _tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(stored == transparent, np.uint8(255), grey)
    return Image.fromarray(grey), notes


def _stated_bits(image: Image.Image) -> int:
    """Bits of a format that says its range, else 0."""
    if image.mode.startswith("I;16"):
        bits = _tag(image, _BITS_PER_SAMPLE)
        return bits if isinstance(bits, int) and 8 < bits < 16 else 16
    return 16 if image.mode == "I" and image.format in _SCALED_TO_16_BITS else 0


def _tag(image: Image.Image, number: int) -> Any:
    """First value of a TIFF's tag; None in other formats."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value


def _assumed_range(
    values: NDArray[np.floating[Any]], mode: str
) -> tuple[float, float, tuple[Assumption, ...]]:
    """Return what counts as black and as white, and the notes that say so."""
    what = "32-bit floats" if mode == "F" else "32-bit integers"
    finite = values[np.isfinite(values)]
    notes: tuple[Assumption, ...] = ()
    if finite.size < values.size:
        count = f"{values.size - finite.size:,} of {values.size:,}"
        notes = (
            Assumption("values that are not finite are shown black (nan, -inf) or white", count),
        )
    if finite.size == 0:
        return 0.0, 1.0, notes
    low, high = _without_outliers(finite)
    for white in _WHITES[mode]:
        if low >= 0 and high <= white:
            beyond = int(np.count_nonzero((finite < 0) | (finite > white)))
            detail = (
                f"{beyond:,} of {finite.size:,} values lie outside and are clipped"
                if beyond
                else ""
            )
            text = f"{what} do not define white: {white:g} was taken as white, 0 as black"
            return 0.0, white, (Assumption(text, detail), *notes)
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    if low == high:
        high = low + max(1.0, abs(low))
    text = f"{what} do not define white: the values were stretched, except 0.1 % at each end"
    return low, high, (Assumption(text, f"{low:g} was taken as black, {high:g} as white"), *notes)


def _without_outliers(finite: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Smallest and largest of the values, but for the outliers."""
    last = finite.size - 1
    cut = max(1, int(finite.size * _OUTLIERS)) if finite.size >= _FEW_PIXELS else 0
    parted = np.partition(finite, (cut, last - cut))
    return float(parted[cut]), float(parted[last - cut])
