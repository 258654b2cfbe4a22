"""Checksums of a shard's files, by which one that was copied over, edited or cut is noticed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from io import BufferedReader
from pathlib import Path

from skviz.files import check_regular, output_folder, write_bytes, write_json
from skviz.runs.storage.schema import Number, fault

# Kinds of files of a shard. The table, in "shards", says that the shard is done; older runs have
# no checksums, and only shards that something was assumed to read have notes.
_ENDINGS = {"shards": "parquet", "moments": "npz"}
# A Parquet file describes itself at its end, an archive of arrays lists its members with
# their checksums there: another file has another end.
_END = 1 << 16
_SCHEMA = {"files": dict}
_ENTRY = {"size": Number(0, 2**60), "sha256": str, "end": str}


def shard_file(folder: Path, kind: str, number: int) -> Path:
    """Path of a shard's file of one kind, in the folder of that name."""
    return folder / kind / f"{number:05d}.{_ENDINGS.get(kind, 'json')}"


def write_shard(folder: Path, number: int, files: Mapping[Path, bytes], table: Path) -> None:
    """Write the files of a shard, each whole or not at all: checksums, then `table`, last.

    Files of the same shard that an interrupted run left are replaced. Raises `OutputError`.
    """
    for path in files:
        if not path.parent.is_dir():
            output_folder(path.parent)
    sums = {
        path.relative_to(folder).as_posix(): {
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "end": hashlib.sha256(data[-_END:]).hexdigest(),
        }
        for path, data in files.items()
    }
    for path, data in files.items():
        if path != table:
            write_bytes(path, data, overwrite=True)
    if not (folder / "checksums").is_dir():
        output_folder(folder / "checksums")
    write_json(shard_file(folder, "checksums", number), {"files": sums}, overwrite=True)
    write_bytes(table, files[table], overwrite=True)


def check_file(file: Path, opened: BufferedReader, whole: bool = False) -> None:
    """Compare an open file of a shard with what was written; raises `ValueError`.

    The size and the end are compared, with `whole` every byte. What has no checksum passes.
    """
    number = file.name.partition(".")[0]
    if not number.isdecimal():
        return
    folder = file.parent.parent
    sums = _read(shard_file(folder, "checksums", int(number)))
    expected = sums.get(file.relative_to(folder).as_posix())
    if expected is None:
        return
    size = os.fstat(opened.fileno()).st_size
    if size != expected["size"]:
        raise ValueError(f"expected {expected['size']} bytes, it has {size}: it was changed or cut")
    opened.seek(0 if whole else max(0, size - _END))
    found = hashlib.file_digest(opened, "sha256").hexdigest()
    opened.seek(0)
    if found != expected["sha256" if whole else "end"]:
        raise ValueError("its checksum is not that of the file that was written: it was changed")


def files_of(folder: Path, number: int) -> Iterator[Path]:
    """Yield the files of a shard that have checksums; raises `ValueError` for damaged ones."""
    for name in _read(shard_file(folder, "checksums", number)):
        yield folder / name


def _read(path: Path) -> dict[str, dict[str, str | int]]:
    try:
        check_regular(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except RecursionError:
        raise ValueError(f"{path.name} of checksums is nested too deep") from None
    wrong = fault(content, _SCHEMA, "content")
    files: dict[str, dict[str, str | int]] = {} if wrong else content["files"]
    for name, entry in files.items():
        inside = len(Path(name).parts) == 2 and ".." not in Path(name).parts
        wrong = wrong or (fault(entry, _ENTRY, name) if inside else f"{name}: no file of a shard")
    if wrong:
        raise ValueError(f"{path.name} of checksums: {wrong}")
    return files
