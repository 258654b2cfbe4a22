"""Pictures in a column of Parquet files, as Hugging Face keeps them."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.data.archives.storage import OpenFiles, expand, is_address, open_binary
from skviz.data.imageset import ImageSet
from skviz.data.samples import Samples
from skviz.errors import ImageError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

_LABELS = ("label", "labels", "fine_label", "class", "cls", "category")
_NAMES = ("name", "file_name", "filename", "image_id", "id", "key", "__key__")


def has_pictures(path: Path) -> bool:
    """Whether a Parquet file has a column of pictures, or a folder such files and nothing else."""
    if path.is_dir():
        files = [file for file in path.rglob("*") if file.is_file() and file.name[0] not in "._"]
        tables = [file for file in files if file.suffix.lower() == ".parquet"]
        others = [file for file in files if file.suffix.lower() not in (".parquet", ".json", ".md")]
        return bool(tables) and not others and has_pictures(tables[0])
    import pyarrow.parquet as pq

    try:
        return _picture_column(pq.read_schema(path)) is not None
    except Exception:  # What opens it says what is wrong with it.
        return False


def open_columns(name: str) -> ImageSet:
    """Open Parquet files with a column of pictures: bytes, or Hugging Face's bytes and path.

    The names of a `ClassLabel` are taken from the file's own description. Raises `UsageError`.
    """
    import pyarrow.parquet as pq

    files = expand(name)
    if not is_address(name) and Path(name).is_dir():
        files = [str(file) for file in sorted(Path(name).rglob("*.parquet"))]
    samples, column, classes = Samples(), "", None
    for number, file in enumerate(files):
        with open_binary(file) as opened:
            try:
                table = pq.ParquetFile(opened)
                schema = table.schema_arrow
                column, classes = _picture_column(schema) or "", _class_names(schema, classes)
                if not column:
                    raise UsageError(
                        f"expected a column of pictures (bytes, or bytes and path) in '{file}', "
                        f"found {', '.join(schema.names[:8])}"
                    )
                _index(table, number, file, column, classes, samples, len(files) > 1)
            except (UsageError, MemoryError):
                raise
            except Exception as error:  # Damaged files raise anything.
                raise UsageError(f"cannot read '{file}' as a Parquet file: {error}") from error
    return samples.image_set("parquet", name, partial(_cell, _Tables(files), column))


def _picture_column(schema: pa.Schema) -> str | None:
    import pyarrow as pa

    for field in schema:
        kind = field.type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return str(field.name)
        if pa.types.is_struct(kind) and "bytes" in [kind.field(i).name for i in range(len(kind))]:
            return str(field.name)
    return None


def _class_names(schema: pa.Schema, known: dict[str, list[str]] | None) -> dict[str, list[str]]:
    """Return the names of the classes of every column, as the `datasets` library keeps them."""
    if known:
        return known
    try:
        described = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = described["info"]["features"]
        return {
            str(name): [str(one) for one in feature["names"]]
            for name, feature in features.items()
            if isinstance(feature, dict) and isinstance(feature.get("names"), list)
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _index(
    table: Any,
    number: int,
    file: str,
    column: str,
    classes: dict[str, list[str]],
    samples: Samples,
    several: bool,
) -> None:
    import pyarrow as pa

    schema = table.schema_arrow
    label = next((name for name in _LABELS if name in schema.names), None)
    named = next((name for name in _NAMES if name in schema.names), None)
    kind = schema.field(column).type
    paths = pa.types.is_struct(kind) and kind.get_field_index("path") >= 0
    wanted = [name for name in (label, named, f"{column}.path" if paths else None) if name]
    for group in range(table.num_row_groups):
        part = table.read_row_group(group, columns=wanted).to_pydict() if wanted else {}
        rows = table.metadata.row_group(group).num_rows
        labels, names, inside = (part.get(key, [None] * rows) for key in (label, named, column))
        for row in range(rows):
            cell = inside[row]
            inner = cell.get("path") if isinstance(cell, dict) else None
            known = names[row] if names[row] is not None else inner
            name = f"{len(samples.names):07d}" if known is None else str(known)
            if several:
                name = f"{Path(file).stem}/{name}"
            names_of_classes = classes.get(label or "")
            samples.add(name, (number, group, row), labels[row], classes=names_of_classes)


class _Tables(OpenFiles):
    def open_one(self, name: str) -> Any:
        import pyarrow.parquet as pq

        return _LastGroup(pq.ParquetFile(open_binary(name)))


class _LastGroup:
    """A Parquet file, and the pictures of the group of rows that was read last."""

    def __init__(self, table: Any) -> None:
        self.table, self.group, self.column = table, -1, None

    def cell(self, group: int, row: int, column: str) -> Any:
        if group != self.group:
            self.column = None  # Two groups at once would be twice the memory.
            self.column = self.table.read_row_group(group, columns=[column]).column(0)
            self.group = group
        assert self.column is not None
        return self.column[row].as_py()

    def close(self) -> None:
        self.table.close()


def _cell(files: _Tables, column: str, place: tuple[int, int, int]) -> bytes:
    number, group, row = place
    with files.lock:
        value = files.opened(number).cell(group, row, column)
    data = value.get("bytes") if isinstance(value, dict) else value
    if not data:
        raise ImageError("the row has no picture in it (a path to another file is not read)")
    return bytes(data)
