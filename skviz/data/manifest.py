"""A list of images in a CSV or Parquet file: path, label and, if known, the object's box."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.data.imageset import ImageSet, Names, file_sizes, no_labels
from skviz.data.manifest_table import BOX_COLUMNS, read_table, refuse_other_encoding
from skviz.errors import UsageError
from skviz.names import escaped
from skviz.notes import Note

if TYPE_CHECKING:
    import pandas as pd

_SUFFIXES = (".csv", ".parquet")
# Numbers of classes; a zero before others, or more digits, make a name.
_NUMBER = re.compile(r"(0|[1-9]\d{0,4})(\.0)?", re.ASCII)
_NUMERIC = re.compile(r"[-+]?\d+(\.\d+)?", re.ASCII)


def is_manifest(path: Path) -> bool:
    """Whether a file's name ends like that of a manifest."""
    return path.suffix.lower() in _SUFFIXES and path.is_file()


def open_manifest(path: Path, root: Path | None = None) -> ImageSet:
    """Open a manifest with the columns `path`, `label` and `left`, `top`, `right`, `bottom`.

    Only `path` is required; it is relative to `root`, or else to the manifest's own folder.
    Columns may have other tools' names (`manifest_table.SYNONYMS`). Labels that are all whole
    numbers of up to five digits, without leading zeros, are numbers of classes, from 0; any
    others are names of classes (sorted, they count from 0). Boxes are in pixels of the
    original. An empty label or box means none. Raises `UsageError`.
    """
    frame, notes = read_table(path)
    if not len(frame):
        raise UsageError(f"expected images in '{path}', found a table without rows")
    if frame["path"].isna().any():
        row = int(np.flatnonzero(frame["path"].isna())[0]) + 1
        raise UsageError(f"expected a path in every row of '{path}', row {row} has none")
    folder = path.parent if root is None else root
    listed, sizes, changed = _on_disk([str(name) for name in frame["path"]], folder)
    seen: set[str] = set()
    for name in listed:
        place = os.path.normpath(name)  # a.png and ./a.png are one picture
        if place in seen:
            raise UsageError(
                f"expected every image once in '{path}', '{escaped(name)}' is there twice; keep "
                "one row"
            )
        seen.add(place)
    missing = [name for name, size in zip(listed, sizes.tolist(), strict=True) if size < 0]
    for name in missing:
        refuse_other_encoding(path, name, "the path")
    if len(missing) == len(listed):
        raise UsageError(
            f"expected the images of '{path}' in '{folder}', not one of {len(missing)} is there, "
            f"the first one '{escaped(listed[0])}'; name their folder with --root"
        )
    given = frame["label"].tolist() if "label" in frame.columns else [None] * len(frame)
    labels, classes, taken = labels_of(given, str(path))
    called = escaped(path.name)
    if missing:
        text = f"files listed in '{called}' that are missing"
        notes.append(Note.about("left out", text, map(escaped, missing)))
    if changed:
        text = f"paths of '{called}' that match with / instead of \\, or without outer spaces"
        notes.append(Note.about("changed", text, map(escaped, changed)))
    return ImageSet(
        "manifest", folder, Names(listed), labels, classes, _boxes(frame, path), sizes,
        notes=(*notes, *taken),
    )  # fmt: skip


def _on_disk(names: list[str], folder: Path) -> tuple[list[str], NDArray[np.int64], list[str]]:
    """Return the names under which files are there, their sizes, and which names changed.

    Windows writes paths with backslashes, and spaces get between commas and fields.
    """
    found, changed = list(names), []
    sizes = file_sizes(folder, names)
    for index in np.flatnonzero(sizes < 0).tolist():
        for other in (names[index].strip(), names[index].strip().replace("\\", "/")):
            size = int(file_sizes(folder, [other])[0])
            if other != names[index] and size >= 0:
                found[index], sizes[index] = other, size
                changed.append(names[index])
                break
    return found, sizes, changed


def labels_of(
    given: Sequence[Any], shown: str
) -> tuple[NDArray[np.int32], tuple[str, ...], list[Note]]:
    """Return a label per entry, the names of the classes, and what was assumed.

    `given` are texts or numbers, None or nan where there is no label, of what is called `shown`.
    """
    labels = no_labels(len(given))
    known = [index for index, label in enumerate(given) if _is_there(label)]
    if not known:
        return labels, (), []
    text = [_text(given[index]) for index in known]
    numbers = [_NUMBER.fullmatch(label) for label in text]
    if all(numbers):
        values = np.array([int(number[1]) for number in numbers if number], np.int32)
        labels[known] = values
        return labels, tuple(str(number) for number in range(int(values.max()) + 1)), []
    for label in text:
        refuse_other_encoding(Path(shown), label, "the label")
    classes = sorted(set(text))
    index = {name: label for label, name in enumerate(classes)}
    labels[known] = [index[name] for name in text]
    notes = []
    if all(_NUMERIC.fullmatch(name) for name in classes):
        odd = next(name for name in classes if not _NUMBER.fullmatch(name))
        what = f"labels such as '{odd}' are read as class names, not as output numbers"
        notes = [Note("assumed", what)]
    return labels, tuple(map(escaped, classes)), notes


def _is_there(label: Any) -> bool:
    # nan of floats, and what pandas and NumPy have in its place.
    is_nan = isinstance(label, float) and label != label
    return label is not None and not is_nan and type(label).__name__ not in ("NAType", "NaTType")


def _text(value: Any) -> str:
    # Parquet keeps whole numbers as floats where a label is missing.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape").strip()
    return str(value).strip()


def _boxes(frame: pd.DataFrame, path: Path) -> NDArray[np.float64] | None:
    import pandas as pd

    there = [name for name in BOX_COLUMNS if name in frame.columns]
    if not there:
        return None
    if len(there) < len(BOX_COLUMNS):
        raise UsageError(
            f"expected all of {', '.join(BOX_COLUMNS)} for boxes in '{path}', found only "
            f"{', '.join(there)}"
        )
    try:
        columns = [pd.to_numeric(frame[name]).to_numpy(np.float64) for name in BOX_COLUMNS]
    except (ValueError, TypeError) as error:
        raise UsageError(f"expected boxes of '{path}' in numbers: {error}") from error
    boxes = np.stack(columns, axis=1)
    gaps = np.isnan(boxes)
    wrong = (gaps.any(1) & ~gaps.all(1)) | (boxes[:, 0] >= boxes[:, 2])
    wrong |= boxes[:, 1] >= boxes[:, 3]
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise UsageError(
            f"expected left < right and top < bottom for every box of '{path}', row {row + 1} "
            f"has {boxes[row].tolist()}"
        )
    return boxes
