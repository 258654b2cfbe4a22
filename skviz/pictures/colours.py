"""Embedded colour profiles: a picture's own colours to sRGB, by LittleCMS."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from skviz.notes import Assumption

# Modes of Pillow in which a profile's colours are stored.
_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
# A profile is sRGB if it moves no colour of a lattice by more than rounding does, in 8 bits.
_LATTICE = np.array([0, 8, 24, 56, 104, 152, 200, 232, 255], np.uint8)
_ROUNDING = 1
# The mark of Adobe RGB in EXIF, which cameras write in place of a profile (EXIF 2.3, DCF).
_ADOBE_RGB = b"R03\0"
_EXIF_IFD, _INTEROPERABILITY_IFD, _INTEROPERABILITY_INDEX = 0x8769, 0xA005, 1
_NO_PROFILE = Assumption("EXIF says Adobe RGB, but there is no profile: colours are read as sRGB")
_INKS = Assumption("CMYK without a colour profile: ideal inks were assumed")


class _Conversion(NamedTuple):
    """What a profile asks for: a transform from `mode` to RGB (None: nothing), or a note."""

    mode: str
    transform: Any = None
    note: Assumption | None = None


def notes_on_exif(image: Image.Image) -> tuple[Assumption, ...]:
    """Say so where a picture without a profile is in other colours by its EXIF data."""
    exif = image.info.get("exif")
    # Looking for the bytes first: few pictures have them, and reading EXIF takes time.
    if not isinstance(exif, bytes) or _ADOBE_RGB not in exif or "icc_profile" in image.info:
        return ()
    try:
        known = image.getexif()
        known.get_ifd(_EXIF_IFD)  # It holds the way to the other one.
        index = known.get_ifd(_INTEROPERABILITY_IFD).get(_INTEROPERABILITY_INDEX)
    except Exception:  # Damaged EXIF raises anything, and says nothing.
        return ()
    return (_NO_PROFILE,) if str(index).startswith("R03") else ()


def to_srgb(
    image: Image.Image, profile: bytes | None
) -> tuple[Image.Image, tuple[Assumption, ...]]:
    """Return an opaque picture of 8 bits as sRGB, in a new image, and what was assumed.

    Without a profile RGB and grey values are sRGB already. With one they are converted by
    relative colorimetry with black point compensation; what lies outside sRGB is cut to it. A
    profile of RGB in a grey picture applies to its greys. A profile that is damaged, or made
    for other colours than the picture has, is ignored, with a note. `Lab` pictures need none.
    """
    if image.mode == "CMYK" and not profile:
        return image.convert("RGB"), (_INKS,)
    if not profile or image.mode == "LAB":
        return image.convert("RGB"), ()
    mode = {"CMYK": "CMYK", "1": "L", "L": "L"}.get(image.mode, "RGB")
    conversion = _conversion(bytes(profile), mode)
    if conversion.transform is not None:
        converted: Image.Image = conversion.transform.apply(image.convert(conversion.mode))
        return converted, ()
    return image.convert("RGB"), () if conversion.note is None else (conversion.note,)


# A data set has few profiles: each is opened once in a process.
@lru_cache(maxsize=16)
def _conversion(profile: bytes, mode: str) -> _Conversion:
    """Open a profile for pictures of mode "L", "RGB" or "CMYK"."""
    from PIL import ImageCms

    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = str(opened.profile.xcolor_space).strip()
        source = _MODES.get(space, "")
        if source != mode and (source, mode) != ("RGB", "L"):
            own = "GRAY" if mode == "L" else mode
            return _ignored(mode, f"is made for {space}, the picture is {own}")
        transform = ImageCms.buildTransform(
            opened,
            ImageCms.createProfile("sRGB"),
            source,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return _Conversion(source, None if _is_srgb(transform, source) else transform)
    except ImportError:
        return _ignored(mode, "cannot be used: this Pillow is built without LittleCMS")
    except Exception:  # A damaged profile raises anything: OSError, PyCMSError, ValueError.
        return _ignored(mode, "is damaged")


def _ignored(mode: str, why: str) -> _Conversion:
    instead = "ideal inks were assumed" if mode == "CMYK" else "colours are read as sRGB"
    return _Conversion(mode, note=Assumption(f"the embedded colour profile {why}: {instead}"))


def _is_srgb(transform: Any, mode: str) -> bool:
    """Whether a transform changes nothing but by rounding, whatever the profile calls itself."""
    if mode == "CMYK":
        return False
    if mode == "L":
        lattice = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    else:
        colours = np.stack(np.meshgrid(_LATTICE, _LATTICE, _LATTICE), axis=-1)
        lattice = Image.fromarray(np.ascontiguousarray(colours.reshape(1, -1, 3)))
    before = np.asarray(lattice.convert("RGB"), np.int16)
    after = np.asarray(transform.apply(lattice), np.int16)
    return int(np.abs(after - before).max()) <= _ROUNDING
