"""Any image file to upright sRGB, safely, and once.

Files come from anywhere: whatever is wrong with one becomes an `ImageError` that names it.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from skviz.errors import ImageError
from skviz.names import escaped
from skviz.notes import Assumption
from skviz.pictures.colours import notes_on_exif, to_srgb
from skviz.pictures.deep import is_deep, to_8_bits
from skviz.pictures.large import in_strips, reduce, turn

with contextlib.suppress(ImportError):  # HEIC images, where the user has installed a reader.
    from pillow_heif import register_heif_opener

    register_heif_opener()

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
_GREY_MODES = ("1", "L", "LA", "La")
_UNNAMED = "the image"


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that has been read: upright sRGB with 8 bits per channel.

    `name` is the file's name, or None; `notes` say what had to be assumed. The sides of the
    original are `reduced` times those of `image`. Reading it again returns it as it is.
    """

    image: Image.Image
    name: str | None = None
    notes: tuple[Assumption, ...] = ()
    reduced: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the original, upright, in pixels."""
        return self.image.width * self.reduced, self.image.height * self.reduced


ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | Picture


def read_image(source: ImageSource) -> Image.Image:
    """Read any image that Pillow can decode, as upright sRGB with 8 bits per channel.

    What is returned has no orientation and no profile left: reading it again changes nothing.
    The EXIF orientation is undone, transparency is laid over white, and of an animation the
    first frame is taken. Colours of an embedded profile are converted to sRGB (see
    `colours.to_srgb`). 16-bit values are scaled, not clipped: 65535 becomes 255, before
    a profile is applied. Images of 32-bit integers or floats do not say what is white (see
    `deep.to_8_bits`). What was assumed is told by `read_picture`.

    Parameters
    ----------
    source
        A file name, the bytes of a file, a binary file that can seek, or a Pillow image (which is
        left as it is; of an animation its present frame is taken).

    Returns
    -------
    PIL.Image.Image
        The picture, mode "RGB".

    Raises
    ------
    ImageError
        Naming the file and the reason: missing, a folder, empty, truncated, not an image, not
        permitted, or a decompression bomb (more than twice `PIL.Image.MAX_IMAGE_PIXELS` pixels;
        between once and twice Pillow itself warns). EPS is refused: it is a program, and reading
        it would run it.

    Examples
    --------
    >>> skviz.read_image(skviz.example_photo()).mode
    'RGB'
    """
    return read_picture(source, whole=True).image


def read_picture(source: ImageSource, most: int | None = None, *, whole: bool = False) -> Picture:
    """Read an image as `read_image` does, with the notes of what was assumed.

    A picture of more than `most` pixels is refused; a large JPEG is reduced unless it is wanted
    `whole`. A `Picture` is returned as it is.
    """
    if isinstance(source, Picture):
        return source
    name = source_name(source)
    if isinstance(source, Image.Image):
        return _decode(source, name, most, whole=True)
    if isinstance(source, (str, os.PathLike)):
        with _open_file(source, _shown(name)) as file:
            return _open_image(file, name, most, whole)
    if isinstance(source, bytes):
        if not source:
            raise ImageError(f"cannot read {_shown(name)}: there are no bytes")
        return _open_image(io.BytesIO(source), name, most, whole)
    if hasattr(source, "read"):
        return _open_image(source, name, most, whole)
    raise ImageError(
        "expected a file name, the bytes of an image file, a binary file or a Pillow image,"
        f" got {type(source).__name__}; for an array use PIL.Image.fromarray"
    )


def source_name(source: ImageSource) -> str | None:
    """Return the file name behind an image source, or None where there is none."""
    if isinstance(source, (str, os.PathLike)):
        name: object = os.fspath(source)
    else:
        # A picture has a name, an image of Pillow a filename, a file a name.
        name = getattr(source, "filename", None) or getattr(source, "name", None)
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    return name if isinstance(name, str) and name else None


def _shown(name: str | None) -> str:
    return _UNNAMED if name is None else escaped(name)


def _folder(path: str | os.PathLike[str]) -> str:
    try:
        with os.scandir(path):
            return (
                "a folder, expected an image file; `skviz analyze FOLDER --out RUN` takes all of it"
            )
    except OSError:
        return "a folder that may not be listed; nothing in it was read"


def _open_file(path: str | os.PathLike[str], name: str) -> BinaryIO:
    try:
        found = os.stat(path)
        # Checked before it is opened: opening a pipe would wait for a writer.
        if stat.S_ISDIR(found.st_mode):
            raise ImageError(f"cannot read '{name}': it is {_folder(path)}")
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


def _open_image(file: BinaryIO, name: str | None, most: int | None, whole: bool) -> Picture:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            image = Image.open(file)
        except Exception as error:
            raise ImageError(f"cannot read '{_shown(name)}': {_reason(error)}") from error
        with image, turn(image):
            picture = _decode(image, name, most, whole)
    return replace(picture, notes=(*picture.notes, *_warned(said)))


def _warned(said: Sequence[warnings.WarningMessage]) -> tuple[Assumption, ...]:
    """Return what Pillow warned of; the size of a picture is looked at by `large`."""
    texts = {
        escaped(str(one.message)): None
        for one in said
        if not issubclass(
            one.category, (Image.DecompressionBombWarning, DeprecationWarning, ResourceWarning)
        )
    }
    return tuple(Assumption("Pillow warned of the file", text[:200]) for text in texts)


def _decode(image: Image.Image, name: str | None, most: int | None, whole: bool) -> Picture:
    shown = _shown(name)
    if image.format == "EPS":
        raise ImageError(
            f"cannot read '{shown}': EPS is a program that would have to run; convert it to PNG"
        )
    if 0 in image.size:
        raise ImageError(f"cannot read '{shown}': the image has no pixels")
    try:
        reduced, notes = reduce(image, most, whole)
        image.load()
        convert = _to_rgb if is_deep(image) else partial(in_strips, convert=_to_rgb)
        rgb, more = convert(image)
        notes += more + notes_on_exif(image)
        upright = _turn_upright(image)
        rgb = rgb if upright is None else rgb.transpose(upright)
    except ImageError as error:
        raise ImageError(f"cannot read '{shown}': {error}") from error
    # Damaged files raise anything: OSError, SyntaxError, struct.error, zlib.error, IndexError.
    except Exception as error:
        raise ImageError(f"cannot read '{shown}': {_reason(error)}") from error
    # The file's orientation, profile and transparency are dealt with: whoever reads this picture
    # again must not find them.
    rgb.info = {}
    return Picture(rgb, name, notes, reduced)


def _reason(error: Exception) -> str:
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large, perhaps a decompression bomb ({error})"
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow knows, or damaged at its start"
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    return f"the file is truncated or damaged ({type(error).__name__}: {error})"


def _turn_upright(image: Image.Image) -> Image.Transpose | None:
    # Pillow's exif_transpose also writes the EXIF data anew, which fails where it is damaged.
    # The orientation alone is wanted, and a picture with unreadable EXIF is still a picture.
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except Exception:
        return None
    return _UPRIGHT.get(orientation) if isinstance(orientation, int) else None


def _to_rgb(image: Image.Image) -> tuple[Image.Image, tuple[Assumption, ...]]:
    """Return a new image, sRGB of 8 bits per channel, and what was assumed."""
    profile = image.info.get("icc_profile")
    if is_deep(image):
        grey, notes = to_8_bits(image)
        rgb, more = to_srgb(grey, profile)
        return rgb, (*notes, *more)
    if not image.has_transparency_data:
        return to_srgb(image, profile)
    # La holds premultiplied grey, and Pillow takes it to RGBA only by way of LA.
    straight = image.convert("LA") if image.mode == "La" else image
    rgba = straight.convert("RGBA")
    alpha = rgba.getchannel("A")
    opaque = rgba.convert("L" if image.mode in _GREY_MODES else "RGB")
    rgb, notes = to_srgb(opaque, profile)
    rgb.putalpha(alpha)
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, rgb).convert("RGB"), notes
