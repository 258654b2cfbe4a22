"""Where each picture lies in tar archives, kept beside a run: archives are gone through once."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skviz.data.archives.storage import filesystem, is_address
from skviz.data.samples import Samples
from skviz.errors import OutputError, UsageError
from skviz.files import write_bytes
from skviz.notes import Note

FILE = "tar-index.parquet"
_KEY = b"skviz"
_PLACE = ("file", "start", "length")
# What file systems call the moment, or the version, of a file.
_CHANGED = ("ETag", "mtime", "LastModified", "updated", "created")


def identity(files: Sequence[str]) -> str | None:
    """Return what tells whether archives are still the same, None where nothing does.

    Names, sizes, and when they were changed.
    """
    try:
        return json.dumps([_identity(file) for file in files])
    except Exception:  # Every kind of storage has errors of its own; opening it says them.
        return None


def _identity(file: str) -> list[Any]:
    if not is_address(file):
        status = os.stat(file)
        return [os.path.abspath(file), status.st_size, status.st_mtime_ns]
    system, path = filesystem(file)
    info = system.info(path)
    return [file, info["size"], *(str(info.get(key)) for key in _CHANGED)]


def save(folder: Path, samples: Samples, same: str | None) -> None:
    """Write the index of samples into a folder, where there is none and it can be written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if same is None or load(folder, same) is not None:
        return
    places = [(-1, -1, -1) if isinstance(place, str) else place for place in samples.places]
    columns = {
        "name": samples.names,
        "label": samples.labels,
        "box": pa.array(samples.boxes, pa.list_(pa.float64())),
        "size": samples.sizes,
        "fault": [place if isinstance(place, str) else None for place in samples.places],
        **{name: [place[n] for place in places] for n, name in enumerate(_PLACE)},
    }
    notes = [note.to_dict() for note in samples.notes]
    about = json.dumps({"archives": same, "notes": notes}).encode()
    table = pa.table(columns).replace_schema_metadata({_KEY: about})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    with contextlib.suppress(OutputError):  # It is made again the next time.
        write_bytes(folder / FILE, buffer.getvalue(), overwrite=True)


def load(folder: Path, same: str | None) -> Samples | None:
    """Return the index that a folder has of these archives, or None."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(folder / FILE)
        about = json.loads((table.schema.metadata or {})[_KEY])
        if same is None or about["archives"] != same:
            return None
        read = {name: table[name].to_pylist() for name in table.column_names}
        starts = zip(*(read[name] for name in _PLACE), strict=True)
        return Samples(
            read["name"],
            read["label"],
            [None if box is None else tuple(box) for box in read["box"]],
            read["size"],
            [fault or place for fault, place in zip(read["fault"], starts, strict=True)],
            [Note.from_dict(note) for note in about["notes"]],
        )
    except (OSError, KeyError, TypeError, ValueError, UsageError, pa.ArrowInvalid):
        return None  # Missing or damaged: it is made again.
