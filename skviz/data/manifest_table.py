"""A manifest's table: bytes of some encoding, and heads as people write them."""

from __future__ import annotations

import codecs
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.errors import UsageError, did_you_mean
from skviz.names import escaped
from skviz.notes import Note

if TYPE_CHECKING:
    import pandas as pd

BOX_COLUMNS = ("left", "top", "right", "bottom")
# What columns are called by other tools (Pascal VOC, torchvision, timm, Kaggle), without case.
SYNONYMS = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "image", "image_path"),
    "label": ("class", "class_name", "category", "target"),
    "left": ("xmin", "x_min", "x1"),
    "top": ("ymin", "y_min", "y1"),
    "right": ("xmax", "x_max", "x2"),
    "bottom": ("ymax", "y_max", "y2"),
}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_SHOWN = 8


def read_table(path: Path) -> tuple[pd.DataFrame, list[Note]]:
    """Return the columns of a manifest that are used, by skviz's names for them; and notes.

    Fields of a CSV file are texts as they stand there, nan where they are empty; bytes that are
    not UTF-8 are as Python has them in names of files. Raises `UsageError`.
    """
    frame = _read(path)
    chosen = _columns([str(name) for name in frame.columns], path)
    used = frame.iloc[:, list(chosen.values())].set_axis(list(chosen), axis=1)
    unused = [str(name) for i, name in enumerate(frame.columns) if i not in chosen.values()]
    if not unused:
        return used, []
    text = f"columns of '{escaped(path.name)}' that are not used"
    return used, [Note.about("left out", text, map(escaped, unused))]


def _columns(heads: list[str], path: Path) -> dict[str, int]:
    """Return which column holds what; heads are taken without case, spaces and quotes."""
    plain = [head.strip("\ufeff \t\r\n\"'").casefold().replace(" ", "_") for head in heads]
    found: dict[str, int] = {}
    for name, others in SYNONYMS.items():
        # skviz's own word goes before those of others.
        for words in ((name,), others):
            places = [i for i, head in enumerate(plain) if head in words]
            if len(places) > 1:
                shown = " and ".join(f"'{escaped(heads[i])}'" for i in places[:2])
                raise UsageError(
                    f"expected one column for '{name}' in '{path}', found {shown}; call the one "
                    f"that counts '{name}'"
                )
            if places:
                found[name] = places[0]
                break
    if "path" not in found:
        shown = ", ".join(f"'{escaped(head)}'" for head in heads[:_SHOWN]) or "no columns"
        parted = len(heads) == 1 and any(mark in heads[0] for mark in ";\t|")
        hint = did_you_mean("path", plain)
        raise UsageError(
            f"expected a column 'path' in '{path}', found {shown}."
            + (" Separate the columns with commas." if parted else f"{hint} Give the file a head ")
            + ("" if parted else "line: path,label")
        )
    return found


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix.lower() == ".parquet":
            return pd.read_parquet(path)
        data = path.read_bytes()
        encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
        if encoding == "utf-8" and b"\0" in data[:1024]:
            raise UsageError("it holds zero bytes, as UTF-16 without a mark does; save it as UTF-8")
        with warnings.catch_warnings():
            # pandas drops fields beyond the head line, and warns.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # Labels such as 007 or NA are names: nothing but an empty field is missing.
            frame: pd.DataFrame = pd.read_csv(
                io.BytesIO(data),
                dtype=object,
                keep_default_na=False,
                na_values=[""],
                encoding=encoding,
                # A list of files holds their names as they are, also where they are no UTF-8.
                encoding_errors="surrogateescape",
                skipinitialspace=True,
                index_col=False,
            )
        return frame
    except pd.errors.ParserWarning as error:
        raise UsageError(
            f"cannot read the manifest '{path}': rows have more fields than the head line; put "
            "fields with a comma in them between quotes"
        ) from error
    except Exception as error:  # Damaged files raise anything.
        raise UsageError(f"cannot read the manifest '{path}': {error}") from error


def refuse_other_encoding(path: Path, text: str, what: str) -> None:
    """Raise `UsageError` for a text with bytes that are not UTF-8."""
    if any("\udc80" <= character <= "\udcff" for character in text):
        raise UsageError(
            f"expected '{path}' in UTF-8, but {what} '{escaped(text)}' is in another encoding, "
            "perhaps a code page of Windows such as cp1252; save the file as UTF-8 (in "
            "spreadsheets: CSV UTF-8)"
        )
