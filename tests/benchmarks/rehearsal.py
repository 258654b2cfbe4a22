"""A rehearsal of ImageNet's validation set: 50,000 small pictures in tar shards, a tiny network.

    python tests/benchmarks/rehearsal.py [--images N] [--folder DIR]

Names, classes and shards are those that ImageNet has as a WebDataset; pictures are JPEGs of
64 x 48 pixels. Prints what opening, analyzing and summarising take, the memory at its peak and
the size on disk, as a table in Markdown.
"""

from __future__ import annotations

import argparse
import io
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import machine
from benchmarks.setting import TESTS, environment, last_json, python

SHARD = 1000
DIFFERENT = 500  # pictures; each stands in for a hundred names
OPEN = (
    "import json, sys, time; from skviz.data import open_dataset; start = time.perf_counter(); "
    "images = open_dataset(sys.argv[1]); "
    "print(json.dumps([len(images), len(images.classes), time.perf_counter() - start]))"
)


def write(folder: Path, images: int) -> str:
    """Write the shards, and return the pattern that names them."""
    from torchvision.models._meta import _IMAGENET_CATEGORIES as names

    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(DIFFERENT):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        file = io.BytesIO()
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
        pictures.append(file.getvalue())
    shards = -(-images // SHARD)
    # Two of its classes have the same name; with its number each is one of its own.
    for shard in range(shards):
        with tarfile.open(folder / f"val-{shard:06d}.tar", "w") as archive:
            for number in range(shard * SHARD, min((shard + 1) * SHARD, images)):
                label = number % len(names)
                key = f"ILSVRC2012_val_{number + 1:08d}"
                for name, data in (
                    (f"{key}.jpg", pictures[number % DIFFERENT]),
                    (f"{key}.cls", f"{label:03d} {names[label]}".encode()),
                ):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
    return str(folder / f"val-{{{0:06d}..{shards - 1:06d}}}.tar")


def rows(folder: Path, images: int, threads: int) -> Iterator[tuple[str, str]]:
    """Do the work; yield what was measured, and its value."""
    source = write(folder, images)
    archives = sum(file.stat().st_size for file in folder.glob("*.tar"))
    found, classes, seconds = last_json(python("-c", OPEN, source, threads=threads))
    yield "pictures, classes", f"{found:,}, {classes:,}"
    yield "archives", f"{archives / 1e6:.0f} MB in {-(-images // SHARD)} shards"
    yield "opening them (the index is made)", f"{seconds:.1f} s"
    run = folder / "run"
    tiny = [sys.executable, str(TESTS / "helpers" / "tiny.py")]
    analyze = ["analyze", source, "--model", "tiny", "--out", str(run), "--quiet"]
    start = time.perf_counter()
    subprocess.run([*tiny, *analyze], env=environment(threads), check=True)
    seconds = time.perf_counter() - start
    yield "`analyze` at three scales", f"{seconds:.0f} s, {images / seconds:.0f} pictures a second"
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    yield "memory of its largest process", f"{largest:.0f} MiB"
    size = sum(file.stat().st_size for file in run.rglob("*") if file.is_file())
    yield (
        "the run on disk",
        f"{size / 1e6:.1f} MB in {sum(1 for _ in run.rglob('*.parquet'))} files",
    )
    start = time.perf_counter()
    subprocess.run([*tiny, "summary", str(run)], check=True, capture_output=True)
    yield "`summary`", f"{time.perf_counter() - start:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="keep archives and run here")
    options = parser.parse_args()
    print(f"{machine(1)['processor']}, {machine(1)['cores']} cores\n\n| what | |\n|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for what, value in rows(options.folder or Path(temporary), options.images, 1):
            print(f"| {what} | {value} |", flush=True)


if __name__ == "__main__":
    main()
