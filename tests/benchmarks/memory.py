"""Peak memory of an analysis as the number of images grows: it must not grow with it.

    python tests/benchmarks/memory.py [IMAGES ...]      default: 2000 20000

Every number of synthetic images runs through a tiny network in a process of its own, loader
workers included. Prints one line per run, and fails if the last peak is above 1.1 of the first.
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

TINY = Path(__file__).resolve().parent.parent / "tiny.py"
ALLOWED = 1.1


def synthetic(index: int) -> Image.Image:
    """A picture of noise, another one for every index."""
    pixels = np.random.default_rng(index).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def measure(images: int, workers: int) -> dict[str, float]:
    """Analyze so many images in this process; return its peak memory in MiB and its speed."""
    import torch

    from skviz.analysis.datasets import ImageSet
    from skviz.analysis.datasets.imageset import Names
    from skviz.analysis.run import analyze
    from skviz.models import ModelInfo
    from skviz.models.sknet import SKNet
    from skviz.scaling import InputSpec

    torch.set_num_threads(1)
    network = SKNet(runpy.run_path(str(TINY))["CONFIG"]).eval()
    network.skviz = ModelInfo("tiny", "random", None, False, InputSpec(32))  # type: ignore
    names = Names(f"{index:07d}" for index in range(images))
    labels = (np.arange(images) % 3).astype(np.int32)
    data = ImageSet("synthetic", None, names, labels, ("a", "b", "c"), reader=synthetic)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = analyze(data, network, out=Path(folder) / "run", workers=workers, progress=False)
        assert run.images == images
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    peak += workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"images": images, "peak_mib": round(peak, 1), "rate": round(images / seconds, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", type=int, default=[2000, 20_000])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="measure in this process")
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(options.images[0], options.workers)))
        return
    peaks = []
    for images in options.images:
        command = [sys.executable, __file__, "--alone", f"--workers={options.workers}", str(images)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        found = json.loads(done.stdout)
        peaks.append(found["peak_mib"])
        print(f"{images:>9,} images: {found['peak_mib']:,.1f} MiB, {found['rate']:,.1f} images/s")
    ratio = peaks[-1] / peaks[0]
    print(f"last over first: {ratio:.3f} (allowed {ALLOWED})")
    if ratio > ALLOWED:
        sys.exit("the peak grows with the number of images")


if __name__ == "__main__":
    main()
