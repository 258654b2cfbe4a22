"""Pictures as the page shows them, and how many of them are kept."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_HELD = 120_000_000  # pixels of all pictures that were dropped on the page, 3 bytes each
# Pixels of the longer side of what the page shows of a picture.
_SHOWN = 1200


def jpeg(image: Image.Image) -> bytes:
    """Return a picture as the page shows it, reduced."""
    share = min(1, _SHOWN / max(image.size))
    size = (max(1, round(share * image.width)), max(1, round(share * image.height)))
    buffer = io.BytesIO()
    # Not `thumbnail` of a copy: the copies of many requests would fill the memory.
    image.resize(size, reducing_gap=2).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def png(pixels: NDArray[np.uint8]) -> str:
    """Return a view, (size, size, 3), as an address with the data in it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def too_many(dropped: Mapping[str, Any], most: int) -> list[str]:
    """Return the oldest of the pictures that were dropped on the page, to be forgotten.

    At most `most` stay, and `MOST_HELD` pixels; the newest stays whatever its size.
    """
    area, kept = 0, 0
    for image in reversed(dropped.values()):  # type: ignore[call-overload]
        area += image.width * image.height
        if kept == most or (kept and area > MOST_HELD):
            break
        kept += 1
    return list(dropped)[: len(dropped) - kept]
