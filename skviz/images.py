"""Any image file to RGB, safely.

Files come from anywhere: whatever is wrong with one becomes an `ImageError` that names it.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from skviz.errors import ImageError
from skviz.names import escaped

with contextlib.suppress(ImportError):  # HEIC images, where the user has installed a reader.
    from pillow_heif import register_heif_opener

    register_heif_opener()

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image

# What undoes each EXIF orientation (1 is upright).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112
_DEEP_MODES = ("I", "F")


def read_image(source: ImageSource) -> Image.Image:
    """Read any image that Pillow can decode, as upright RGB with 8 bits per channel.

    `source` is a file name, the bytes of a file, a binary file that can seek, or a Pillow
    image (which is left as it is; of an animation its present frame is taken).

    The EXIF orientation is undone, transparency is laid over white, and of an animation the
    first frame is taken. 16-bit values are scaled, not clipped: 65535 becomes 255. Images of
    32-bit integers or floats do not say what white is: white is the smallest of 1 (floats
    only), 255 and 65535 that no value exceeds; otherwise the values are stretched from their
    minimum to their maximum.

    Raises `ImageError` naming the file and the reason: missing, a folder, empty, truncated,
    not an image, not permitted, or a decompression bomb (more than twice
    `PIL.Image.MAX_IMAGE_PIXELS` pixels; between once and twice Pillow itself warns). EPS is
    refused: it is a program, and reading it would run it.
    """
    name = escaped(source_name(source) or "the image")
    if isinstance(source, Image.Image):
        return _decode(source, name)
    if isinstance(source, (str, os.PathLike)):
        with _open_file(source, name) as file:
            return _open_image(file, name)
    if isinstance(source, bytes):
        if not source:
            raise ImageError(f"cannot read {name}: there are no bytes")
        return _open_image(io.BytesIO(source), name)
    if hasattr(source, "read"):
        return _open_image(source, name)
    raise ImageError(
        "expected a file name, the bytes of an image file, a binary file or a Pillow image,"
        f" got {type(source).__name__}; for an array use PIL.Image.fromarray"
    )


def source_name(source: ImageSource) -> str | None:
    """Return the file name behind an image source, or None where there is none."""
    if isinstance(source, (str, os.PathLike)):
        name: object = os.fspath(source)
    else:
        name = getattr(source, "filename", None) or getattr(source, "name", None)
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    return name if isinstance(name, str) and name else None


def _open_file(path: str | os.PathLike[str], name: str) -> BinaryIO:
    try:
        found = os.stat(path)
        # Checked before it is opened: opening a pipe would wait for a writer.
        if stat.S_ISDIR(found.st_mode):
            raise ImageError(f"cannot read '{name}': it is a folder, expected an image file")
        if not stat.S_ISREG(found.st_mode):
            raise ImageError(f"cannot read '{name}': it is a device or pipe, expected a file")
        if found.st_size == 0:
            raise ImageError(f"cannot read '{name}': the file is empty")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise ImageError(f"cannot read '{name}': no such file") from error
    except PermissionError as error:
        raise ImageError(f"cannot read '{name}': permission denied") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot read '{name}': {reason}") from error


def _open_image(file: BinaryIO, name: str) -> Image.Image:
    try:
        image = Image.open(file)
    except Exception as error:
        raise ImageError(f"cannot read '{name}': {_reason(error)}") from error
    with image:
        return _decode(image, name)


def _decode(image: Image.Image, name: str) -> Image.Image:
    if image.format == "EPS":
        raise ImageError(
            f"cannot read '{name}': EPS is a program that would have to run; convert it to PNG"
        )
    if 0 in image.size:
        raise ImageError(f"cannot read '{name}': the image has no pixels")
    try:
        image.load()
        return _to_rgb(_upright(image))
    # Damaged files raise anything: OSError, SyntaxError, struct.error, zlib.error, IndexError.
    except Exception as error:
        raise ImageError(f"cannot read '{name}': {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large, perhaps a decompression bomb ({error})"
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow knows, or damaged at its start"
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    return f"the file is truncated or damaged ({type(error).__name__}: {error})"


def _upright(image: Image.Image) -> Image.Image:
    # Pillow's exif_transpose also writes the EXIF data anew, which fails where it is damaged.
    # The orientation alone is wanted, and a picture with unreadable EXIF is still a picture.
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except Exception:
        return image
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(_DEEP_MODES):
        return _scaled_to_8_bits(image).convert("RGB")
    if image.has_transparency_data:
        # La holds premultiplied grey, and Pillow takes it to RGBA only by way of LA.
        straight = image.convert("LA") if image.mode == "La" else image
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, straight.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    stored = np.asarray(image)
    values = stored.astype(np.float32)
    low, high = _black_and_white(values, image.mode)
    values = np.clip(np.nan_to_num(values, nan=low, posinf=high, neginf=low), low, high)
    grey = np.rint((values - low) * (255 / (high - low))).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey = np.where(stored == transparent, np.uint8(255), grey)
    return Image.fromarray(grey)


def _black_and_white(values: NDArray[np.float32], mode: str) -> tuple[float, float]:
    if mode.startswith("I;16"):
        return 0.0, 65535.0
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    for white in (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= white:
            return 0.0, white
    return (low, high) if high > low else (low, low + max(1.0, abs(low)))
