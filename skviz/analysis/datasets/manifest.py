"""A list of images in a CSV or Parquet file: path, label and, if known, the object's box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.analysis.datasets.imageset import ImageSet, Names, file_sizes, no_labels
from skviz.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

BOX_COLUMNS = ("left", "top", "right", "bottom")
_SUFFIXES = (".csv", ".parquet")


def is_manifest(path: Path) -> bool:
    """Whether a file's name ends like that of a manifest."""
    return path.suffix.lower() in _SUFFIXES and path.is_file()


def open_manifest(path: Path, root: Path | None = None) -> ImageSet:
    """Open a manifest with the columns `path`, `label` and `left`, `top`, `right`, `bottom`.

    Only `path` is required; it is relative to `root`, or else to the manifest's own folder.
    Labels are class names (sorted, they count from 0) or numbers from 0; boxes are in pixels of
    the original. An empty label or box means none. Raises `UsageError`.
    """
    frame = _read(path)
    if "path" not in frame.columns:
        hint = did_you_mean("path", [str(name) for name in frame.columns])
        raise UsageError(
            f"expected a column 'path' in '{path}', found {_names(frame)}.{hint} Give the file a "
            "head line: path,label"
        )
    if not len(frame):
        raise UsageError(f"expected images in '{path}', found a table without rows")
    if frame["path"].isna().any():
        row = int(np.flatnonzero(frame["path"].isna())[0]) + 1
        raise UsageError(f"expected a path in every row of '{path}', row {row} has none")
    listed = frame["path"].astype(str)
    if listed.duplicated().any():
        twice = listed[listed.duplicated()].iloc[0]
        raise UsageError(
            f"expected every image once in '{path}', '{twice}' is there twice; keep one row"
        )
    names = Names(listed)
    labels, classes = _labels(frame, path)
    folder = path.parent if root is None else root
    sizes = file_sizes(folder, names)
    missing = int((sizes < 0).sum())
    if missing == len(names):
        raise UsageError(
            f"expected the images of '{path}' in '{folder}', not one of {missing} is there, the "
            f"first one '{names[0]}'; name their folder with --root"
        )
    notes = (f"{missing} of {len(names)} files of '{path}' are missing",) if missing else ()
    return ImageSet(
        "manifest", folder, names, labels, classes, _boxes(frame, path), sizes, notes=notes
    )


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        # Labels such as 007 or NA are names: nothing but an empty field is missing.
        return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except Exception as error:  # Damaged files raise anything.
        raise UsageError(f"cannot read the manifest '{path}': {error}") from error


def _names(frame: pd.DataFrame) -> str:
    return ", ".join(f"'{name}'" for name in list(frame.columns)[:8]) or "no columns"


def _labels(frame: pd.DataFrame, path: Path) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    if "label" not in frame.columns or frame["label"].isna().all():
        return no_labels(len(frame)), ()
    known = frame["label"].notna().to_numpy()
    values = frame["label"][known]
    text = values.astype(str).str.strip()
    labels = no_labels(len(frame))
    if text.str.fullmatch(r"\d{1,6}(\.0)?").all():
        numbers = text.astype(float).astype(int).to_numpy()
        labels[known] = numbers
        return labels, tuple(str(number) for number in range(int(numbers.max()) + 1))
    if text.str.fullmatch(r"-?\d+(\.\d+)?").all():
        raise UsageError(
            f"expected labels of '{path}' to be class names, or whole numbers from 0, got "
            f"{text.min()!r}; leave the field empty where there is no label"
        )
    classes = sorted(set(text))
    index = {name: label for label, name in enumerate(classes)}
    labels[known] = [index[name] for name in text]
    return labels, tuple(classes)


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
