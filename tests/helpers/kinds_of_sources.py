"""The same pictures as a folder, tar archives, a .zip, Parquet and a saved data set."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Files = list[tuple[str, str, bytes]]  # name without ending, class, bytes


def ending(data: bytes) -> str:
    """The ending of a picture's name."""
    return ".png" if data.startswith(b"\x89PNG") else ".jpg"


def as_folder(files: Files, path: Path) -> str:
    for name, label, data in files:
        (path / label).mkdir(parents=True, exist_ok=True)
        (path / label / f"{name}{ending(data)}").write_bytes(data)
    return str(path)


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def as_tar(files: Files, path: Path, shards: int = 3) -> str:
    path.mkdir()
    size = -(-len(files) // shards)
    for shard in range(shards):
        with tarfile.open(path / f"val-{shard:03d}.tar", "w") as archive:
            for name, label, data in files[shard * size : (shard + 1) * size]:
                add(archive, f"{name}{ending(data)}", data)
                add(archive, f"{name}.cls", label.encode())
    return str(path / f"val-{{000..{shards - 1:03d}}}.tar")


def as_zip(files: Files, path: Path) -> str:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("val/readme.txt", "pictures")
        for name, label, data in files:
            archive.writestr(f"val/{label}/{name}{ending(data)}", data)
    return str(path.with_suffix(".zip"))


def as_parquet(files: Files, path: Path) -> str:
    images = [{"bytes": data, "path": f"{name}{ending(data)}"} for name, _, data in files]
    classes = sorted({label for _, label, _ in files})
    labels = [classes.index(label) for _, label, _ in files]
    features = {
        "image": {"_type": "Image"},
        "label": {"names": classes, "_type": "ClassLabel"},
    }
    table = pa.table({"image": images, "label": labels}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    pq.write_table(table, path.with_suffix(".parquet"), row_group_size=8)
    return str(path.with_suffix(".parquet"))


def as_saved(files: Files, path: Path) -> str:
    datasets = pytest.importorskip("datasets")
    classes = sorted({label for _, label, _ in files})
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=classes)}
    )
    rows = {
        "image": [{"bytes": data, "path": None} for _, _, data in files],
        "label": [label for _, label, _ in files],
    }
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(path))
    return str(path)


KINDS: dict[str, Callable[[Files, Path], str]] = {
    "folder": as_folder,
    "tar": as_tar,
    "zip": as_zip,
    "parquet": as_parquet,
    "saved": as_saved,
}
