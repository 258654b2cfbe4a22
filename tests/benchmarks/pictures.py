"""JPEG photographs that are none: made from a number, with the spectrum of photographs."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZES = ((500, 375), (500, 333), (375, 500), (500, 375))
QUALITY = 90
CLASSES = 8
_PERIOD = 1024


def photograph(number: int) -> bytes:
    """Return a JPEG file of about 500 x 375 pixels; the same for the same number.

    Amplitudes fall with 1/f as those of photographs do, brightness varies more than colour, and
    a soft-edged disc is the object: so decoding costs what a photograph's does.
    """
    width, height = SIZES[number % len(SIZES)]
    random = np.random.default_rng(number)
    brightness = _part(0, random, width, height)
    colours = [0.3 * _part(number, random, width, height) for number in (1, 2, 3)]
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x - width / 2, y - height / 2) / (height / 4)
    disc = 60 / (1 + np.exp(20 * (radius - 1)))
    pixels = np.stack([105 + 45 * (brightness + colour) + disc for colour in colours], axis=-1)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def write_photographs(folder: Path, count: int) -> list[Path]:
    """Write so many photographs into folders of classes, those that are not there yet."""
    files = []
    for number in range(count):
        file = folder / f"class_{number % CLASSES}" / f"photo_{number:05d}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(photograph(number))
        files.append(file)
    return files


@cache
def _fields() -> NDArray[np.float64]:
    """Noise with a 1/f spectrum, of mean 0 and deviation 1: periodic, (4, _PERIOD, _PERIOD)."""
    random = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(_PERIOD)[:, None], np.fft.rfftfreq(_PERIOD)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(random.normal(size=(4, _PERIOD, _PERIOD))) / frequency
    fields = np.fft.irfft2(spectrum, s=(_PERIOD, _PERIOD))
    found: NDArray[np.float64] = fields / fields.std(axis=(1, 2), keepdims=True)
    return found


def _part(number: int, random: np.random.Generator, width: int, height: int) -> NDArray[np.float64]:
    """Another part of a field for every picture; a period has no edges, so any part will do."""
    top, left = random.integers(0, _PERIOD, 2)
    rows = (top + np.arange(height)) % _PERIOD
    columns = (left + np.arange(width)) % _PERIOD
    return _fields()[number][np.ix_(rows, columns)]
