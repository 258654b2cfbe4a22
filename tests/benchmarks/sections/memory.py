"""Peak memory of an analysis as the number of images grows: it must not grow with it.

    python -m benchmarks.sections.memory IMAGES [--workers 1]

runs so many synthetic images through a tiny network, and prints the peak, loader workers
included, and the speed as JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measuring import Measured, Result
from benchmarks.setting import TESTS, Setting, last_json, python
from skviz.runs.options import OptionFields

TITLE = "Memory"
ABOUT = (
    "Peak memory of `analyze`, loader process included, over {memory[1]:,} images against "
    "{memory[0]:,}: synthetic images, a tiny network, each in a separate process, with shards of "
    "one size and the tuned network. Longer runs have larger shards (up to 1,024 images) by "
    "default and may prepare an engine, which costs memory once."
)
SHARE = 0.05
QUICK = False
LIMIT = 1.1
ROUNDS = 3
# What would differ between a short and a long run for other reasons than its images.
ALIKE: OptionFields = {"engine": "tuned", "shard_size": 128}


def run(setting: Setting) -> list[Measured]:
    first, last = setting.size.memory
    # The tuned network is chosen by measurement, and one choice keeps another copy of it.
    peaks = [[peak(images)["peak_mib"] for images in (first, last)] for _ in range(ROUNDS)]
    few, many = (tuple(found) for found in zip(*peaks, strict=True))
    ratios = tuple(own / base for base, own in peaks)
    return [
        Result(f"{last:,} images", ratios, f"of {first:,} images", setting.bound(LIMIT)),
        Result(f"{first:,} images", few, "MiB"),
        Result(f"{last:,} images", many, "MiB"),
    ]


def peak(images: int, workers: int = 1) -> dict[str, float]:
    """Analyze so many images in a process of its own: `peak_mib`, `rate` in images/s."""
    text = python(
        "-m", "benchmarks.sections.memory", str(images), f"--workers={workers}", threads=1
    )
    found: dict[str, float] = last_json(text)
    return found


def synthetic(index: int) -> Image.Image:
    """A picture of noise, another one for every index."""
    pixels = np.random.default_rng(index).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def measure(images: int, workers: int) -> dict[str, float]:
    """Analyze so many images in this process; return its peak memory in MiB and its speed."""
    import torch

    from skviz.data import ImageSet
    from skviz.data.imageset import Names
    from skviz.models import ModelInfo
    from skviz.models.sknet import SKNet
    from skviz.pictures.scaling import InputSpec
    from skviz.studies.controls.change import analyze

    torch.set_num_threads(1)
    network = SKNet(runpy.run_path(str(TESTS / "helpers" / "tiny.py"))["CONFIG"]).eval()
    network.skviz = ModelInfo("tiny", "random", None, False, InputSpec(32))  # type: ignore
    names = Names(f"{index:07d}" for index in range(images))
    labels = (np.arange(images) % 3).astype(np.int32)
    data = ImageSet("synthetic", None, names, labels, ("a", "b", "c"), reader=synthetic)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run = analyze(data, network, out=out, workers=workers, progress=False, **ALIKE)
        assert run.images == images
    seconds = time.perf_counter() - start
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found += workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"images": images, "peak_mib": round(found, 1), "rate": round(images / seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=int)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    print(json.dumps(measure(options.images, options.workers)))


if __name__ == "__main__":
    main()
