"""Which files of a folder are images: one walk for every command.

What the walk leaves out, it says: `Listing.notes`.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

import skviz.pictures.images  # noqa: F401  # registers readers of more formats with Pillow
from skviz.errors import UsageError
from skviz.names import escaped
from skviz.notes import Note

# Files with these names count as images without a look into them: a damaged one is named as
# unreadable, and is not left out like a file that was never meant to be one.
IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm"}
    | {".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"}
)
# What file servers, archive programs and file systems put beside the data.
_SYSTEM_FOLDERS = frozenset(
    {"@eadir", "@recycle", "#recycle", "#snapshot", "__macosx", "$recycle.bin", "recycler"}
    | {"lost+found", "system volume information"}
)
_PARTS = re.compile(r"(train|training|val|valid|validation|test|testing|dev)[-_]?\d*", re.I)
# Formats that Pillow names, but does not decode, or only with programs of others.
_NOT_DECODED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
_FIRST_BYTES = 16
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")

_HIDDEN = "hidden files and folders"
_SYSTEM = "folders of a file server, an archive program or a file system"
_UPWARDS = "links that point back up"
_NO_FILE = "neither a file nor a folder"
_NO_IMAGE = "files that Pillow cannot read as images"
_HEIF = "HEIC images, which `pip install 'skviz[heic]'` makes readable"


@dataclass
class Listing:
    """The images below a folder, as sorted names relative to it, with "/" between.

    `loose` are those directly in the folder, `classes` those of every sub-folder that is data,
    sorted too; `left_out` has, per reason, the names of what is no data.
    """

    root: Path
    loose: list[str] = field(default_factory=list)
    classes: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was left out, one note per reason."""
        return tuple(
            Note.about("left out", reason, map(escaped, sorted(names)))
            for reason, names in sorted(self.left_out.items())
        )

    def skip(self, reason: str, name: str) -> None:
        """Leave something out."""
        self.left_out.setdefault(reason, []).append(name)


def list_images(root: str | os.PathLike[str]) -> Listing:
    """Find the images below a folder: by the suffix, or else by the first bytes.

    Links to folders are followed, unless they lead back up. Raises `UsageError` where the
    folder cannot be listed, and for one that holds the parts of a data set (train, val)
    instead of classes.
    """
    path = Path(root)
    listing = Listing(path)
    try:
        found = _below(path, "", (os.path.realpath(path),), listing)
    except OSError as error:
        raise UsageError(f"cannot list the folder '{path}': {error.strerror}") from error
    for name in sorted(found):
        head, slash, _ = name.partition("/")
        (listing.classes[head] if slash else listing.loose).append(name)
    _refuse_parts(listing)
    return listing


def is_image_name(path: str | os.PathLike[str]) -> bool:
    """Whether a file's name ends like that of an image (`IMAGE_SUFFIXES`), and is not hidden."""
    path = Path(path)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def is_data_folder(name: str) -> bool:
    """Whether a folder's name is none that a file server or a file system gives, nor hidden."""
    return not name.startswith(".") and name.casefold() not in _SYSTEM_FOLDERS


def starts_like_image(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins like an image that Pillow decodes; False for any other.

    Reads a few bytes, and the file's head only where they fit a format.
    """
    try:
        # A pipe would wait for a writer.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            formats = _formats(file.read(_FIRST_BYTES))
            if not formats:
                return False
            file.seek(0)
            with Image.open(file, formats=formats):
                return True
    except Image.DecompressionBombError:
        return True  # An image, which is named as too large where it is read.
    except Exception:  # Damaged or foreign files raise anything.
        return False


def _formats(first: bytes) -> list[str]:
    """Return the formats that a file may have by its first bytes."""
    Image.init()
    return [
        name
        for name, (_, accept) in Image.OPEN.items()
        # A text says why this Pillow cannot read the format.
        if accept is not None and name not in _NOT_DECODED and accept(first) is True
    ]


def _below(path: Path, above: str, chain: tuple[str, ...], listing: Listing) -> list[str]:
    """Return the images below a folder; `chain` are the real paths down to it."""
    with os.scandir(path) as entries:
        seen = sorted(entries, key=lambda entry: entry.name)
    found: list[str] = []
    for entry in seen:
        name = f"{above}{entry.name}"
        if entry.name.startswith("."):
            listing.skip(_HIDDEN, name)
        elif os.path.isdir(entry) if entry.is_symlink() else entry.is_dir():
            if not is_data_folder(entry.name):
                listing.skip(_SYSTEM, name)
                continue
            real = os.path.realpath(entry) if entry.is_symlink() else f"{chain[-1]}/{entry.name}"
            if entry.is_symlink() and any(Path(one).is_relative_to(real) for one in chain):
                listing.skip(_UPWARDS, name)
                continue
            try:
                found += _below(Path(entry), f"{name}/", (*chain, real), listing)
            except OSError:
                # It stands for its images: reading it fails, and whoever reads says so.
                found.append(f"{name}/")
            if not above:
                listing.classes[name] = []
        elif not is_image_name(entry.name) and (reason := _no_image(entry)):
            listing.skip(reason, name)
        else:
            found.append(name)
    return found


def _no_image(entry: os.DirEntry[str]) -> str:
    """Say why a file is no image by its first bytes; nothing where it is one."""
    if not os.path.isfile(entry):  # False for a link to itself, where entry.is_file raises.
        return _NO_FILE
    if starts_like_image(entry):
        return ""
    try:
        with open(entry, "rb") as file:
            first = file.read(_FIRST_BYTES)
    except OSError:
        return _NO_IMAGE
    heif = first[4:8] == b"ftyp" and first[8:12] in _HEIF_BRANDS
    return _HEIF if heif and "HEIF" not in Image.OPEN else _NO_IMAGE


def _refuse_parts(listing: Listing) -> None:
    """Training and validation pictures are no two classes."""
    filled = {
        name: any(image.count("/") > 1 for image in images)
        for name, images in listing.classes.items()
        if images
    }
    parts = [name for name in filled if _PARTS.fullmatch(name)]
    # One folder of such a name may be a class; with folders in it, those are the classes.
    if not filled or len(parts) < len(filled) or (len(parts) < 2 and not any(filled.values())):
        return
    shown = ", ".join(f"'{escaped(name)}'" for name in parts)
    raise UsageError(
        f"expected one sub-folder per class in '{listing.root}', found {shown}, which look like "
        f"the parts of a data set; name one of them, such as '{listing.root / parts[-1]}', or "
        "list the images in a manifest"
    )
