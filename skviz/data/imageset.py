"""A data set as the analysis sees it: names, labels, boxes, and a way to read an image."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.errors import ImageError
from skviz.names import escaped
from skviz.notes import Note
from skviz.pictures.images import Picture, read_picture
from skviz.pictures.large import MOST_OF_A_DATA_SET

if TYPE_CHECKING:
    from skviz.data.kept import KeptViews

Box = tuple[float, float, float, float]
Reader = Callable[[int], Image.Image | Picture | bytes]


class Names(Sequence[str]):
    """Many strings in two arrays: a million paths cost their letters, and no objects.

    Loader workers share the memory, because reading touches no reference counts.
    """

    def __init__(self, names: Iterable[str]) -> None:
        data, ends = bytearray(), [0]
        for name in names:
            # Linux lets file names hold any bytes; they survive the way there and back.
            data += name.encode("utf-8", "surrogateescape")
            ends.append(len(data))
        self._data = np.frombuffer(bytes(data), np.uint8)
        self._ends = np.array(ends, np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"expected an index below {len(self)}, got {index}")
        index %= len(self)
        part = self._data[self._ends[index] : self._ends[index + 1]]
        return part.tobytes().decode("utf-8", "surrogateescape")


@dataclass(frozen=True, eq=False)
class ImageSet:
    """N images in a fixed order.

    Attributes
    ----------
    kind
        How they are stored.
    root
        The folder that `names` are relative to (None where they are ids).
    names
        Those of the file system; what is stored or shown is `shown_name`.
    labels
        Indices of `classes`, (N,), -1 without label.
    classes
        Names of the classes.
    boxes
        Left, top, right and bottom in pixels of the original, (N, 4), nan without box.
    sizes
        The files' sizes in bytes, (N,), -1 where there is no file.
    reader, source
        `reader` reads image number `source[i]` where images are no files.
    notes
        What was left out or assumed.
    max_pixels
        Pictures of more pixels are not read.
    index
        Keeps in the folder of a run what opening the set again would take long to find.
    kept
        Views that are kept for several runs, if any.

    Examples
    --------
    >>> images = skviz.open_dataset("images")
    >>> images.shown_name(0), images.read(0).size
    ('disc/disc_000.png', (160, 160))
    """

    kind: str
    root: Path | None
    names: Sequence[str]
    labels: NDArray[np.int32]
    classes: tuple[str, ...] = ()
    boxes: NDArray[np.float64] | None = None
    sizes: NDArray[np.int64] | None = None
    reader: Reader | None = None
    source: NDArray[np.int64] | None = None
    notes: tuple[Note, ...] = field(default=())
    max_pixels: int = MOST_OF_A_DATA_SET
    index: Callable[[Path], None] | None = None
    kept: KeptViews | None = None

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> Image.Image:
        """Read an image as upright sRGB; raises `ImageError` with the reason."""
        return self.picture(index).image

    def picture(self, index: int) -> Picture:
        """Read an image once, with the notes of what was assumed; see `read`."""
        if self.reader is None:
            return read_picture(self.path(index), self.max_pixels)
        number = index if self.source is None else int(self.source[index])
        try:
            image = self.reader(number)
        except ImageError as error:
            raise ImageError(f"{self.shown_name(index)}: {error}") from error
        except Exception as error:  # A data set of others raises anything.
            reason = f"{type(error).__name__}: {error}"
            raise ImageError(f"cannot read image {self.shown_name(index)}: {reason}") from error
        if isinstance(image, bytes):
            file = io.BytesIO(image)
            file.name = self.names[index]  # for messages
            return read_picture(file, self.max_pixels)
        return read_picture(image, self.max_pixels)

    def path(self, index: int) -> Path:
        """Path of an image's file."""
        return Path(self.names[index]) if self.root is None else self.root / self.names[index]

    def shown_name(self, index: int) -> str:
        """Name of an image as it is stored and printed (`skviz.names.escaped`)."""
        return escaped(self.names[index])

    def box(self, index: int) -> Box | None:
        """Box of the object as (left, top, right, bottom), or None."""
        if self.boxes is None or np.isnan(self.boxes[index]).any():
            return None
        left, top, right, bottom = self.boxes[index].tolist()
        return (left, top, right, bottom)

    @property
    def boxed(self) -> int:
        """Number of images with a box."""
        return 0 if self.boxes is None else int((~np.isnan(self.boxes).any(axis=1)).sum())

    def select(self, index: NDArray[np.int64]) -> ImageSet:
        """Return the images of these numbers, in this order."""
        source = None
        if self.reader is not None:
            source = index if self.source is None else self.source[index]
        return replace(
            self,
            kept=None,  # They go by number.
            names=Names(self.names[i] for i in index.tolist()),
            labels=self.labels[index],
            boxes=None if self.boxes is None else self.boxes[index],
            sizes=None if self.sizes is None else self.sizes[index],
            source=source,
        )

    def digest(self) -> str:
        """Return the sha256 of what the data set is: names, labels, boxes, classes, file sizes.

        The pixels are not read: that would take as long as the analysis.
        """
        digest = hashlib.sha256()
        for name in (*self.classes, "", *self.names):
            digest.update(name.encode("utf-8", "surrogateescape") + b"\0")
        for array in (self.labels, self.boxes, self.sizes):
            if array is not None:
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def file_sizes(root: Path | None, names: Iterable[str]) -> NDArray[np.int64]:
    """Return the sizes of files in bytes, -1 for a file that is not there."""

    def size(name: str) -> int:
        try:
            return (Path(name) if root is None else root / name).stat().st_size
        except (OSError, ValueError):
            return -1

    return np.array([size(name) for name in names], np.int64)


def no_labels(count: int) -> NDArray[np.int32]:
    """Return the labels of images without label."""
    return np.full(count, -1, np.int32)
