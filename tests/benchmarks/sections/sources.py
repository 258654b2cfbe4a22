"""Pictures from archives and tables: as fast as from a folder."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.measuring import Measured, Result, interleaved, timed
from benchmarks.pictures import write_photographs
from benchmarks.setting import SCALES, Setting
from skviz.data import open_dataset
from skviz.data.imageset import ImageSet
from skviz.data.loading import Chunk, ChunkReader, ViewMaker
from skviz.pictures.scaling import InputSpec

TITLE = "Data sets of other kinds"
ABOUT = (
    "JPEG files of about 500 x 375 pixels to three views, in one thread, in the order of the "
    "set: the speed from a tar archive, a .zip and a Parquet file over that from a folder."
)
SHARE = 0.02
QUICK = False
BOUND = 0.97


def run(setting: Setting) -> list[Measured]:
    torch.set_num_threads(1)
    root = setting.folder / "photos"
    files = write_photographs(root, setting.size.decoded)
    views = ViewMaker(SCALES, InputSpec(setting.size.pixels))
    kinds = {"tar": _tar, "zip": _zip, "parquet": _parquet}
    sets = {
        name: open_dataset(str(write(files, setting.folder / f"photos.{name}")))
        for name, write in kinds.items()
    }

    def over(images: ImageSet) -> Callable[[], float]:
        reader, chunk = ChunkReader(images, views), Chunk(0, 0, len(images), True)
        return lambda: timed(lambda: reader[chunk])

    base = over(open_dataset(root))
    base()
    ways = {name: over(images) for name, images in sets.items()}
    found = interleaved(base, ways, setting.seconds, setting.size.least)
    return [
        Result(
            f"pictures a second from {name}",
            tuple(1 / ratio for ratio in found.ratios[name]),
            "of those from a folder",
            setting.bound(BOUND, at_most=False),
        )
        for name in kinds
    ]


def _tar(files: list[Path], path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for file in files:
            for name, data in (
                (f"{file.stem}.jpg", file.read_bytes()),
                (f"{file.stem}.cls", file.parent.name.encode()),
            ):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return path


def _zip(files: list[Path], path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, f"{file.parent.name}/{file.name}")
    return path


def _parquet(files: list[Path], path: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    table = pa.table({"image": images, "label": [file.parent.name for file in files]})
    pq.write_table(table, path, row_group_size=100)
    return path
