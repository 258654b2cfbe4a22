"""Networks of SKNet-50's size over JPEG bytes held in memory: views a second, and where time goes.

    python tests/benchmarks/gpu.py --images 4096 --precision bf16 [--compile] [--json FILE]
    python tests/benchmarks/gpu.py --device cpu --images 8 --network sknet50_lite

Runs `analyze`'s own machinery from bytes to records, once to warm up on a few images and once for
the numbers. Beside it each stage alone, and the bare forward pass over ready tensors on the
device, in the same precision. The time for 150,000 views (ImageNet's validation set at
three scales) is extrapolated from the views a second. A stage that runs beside the others
costs nothing unless it is the slowest.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import cores, machine
from benchmarks.pictures import photograph
from benchmarks.setting import SCALES, network
from skviz.data import ImageSet
from skviz.data.imageset import Names
from skviz.data.loading import Batch, Chunk, ChunkReader, Plan, batches, choose_workers
from skviz.runs.analyze import Analysis, prepare
from skviz.runs.attention import AttentionMeasurement
from skviz.runs.forward import PRECISIONS
from skviz.runs.options import Options

VIEWS, TARGET = 150_000, 90.0
# So many different pictures; more images repeat them, and are decoded each time.
DIFFERENT = 256


@dataclass(frozen=True)
class InMemory:
    """Reads image number i from JPEG bytes."""

    files: tuple[bytes, ...]

    def __call__(self, number: int) -> Image.Image:
        return Image.open(io.BytesIO(self.files[number % len(self.files)]))


def image_set(files: tuple[bytes, ...], count: int) -> ImageSet:
    """A data set of so many images over JPEG bytes."""
    names = Names(f"{number:07d}" for number in range(count))
    labels = (np.arange(count) % 10).astype(np.int32)
    classes = tuple(f"class {number}" for number in range(10))
    return ImageSet("memory", None, names, labels, classes, reader=InMemory(files))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--network", action="append", help="default: sknet50")
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--workers", type=int, help="processes that decode; default: as analyze")
    parser.add_argument("--batch-size", type=int, help="in views; default: as analyze")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    device = torch.device(options.device)
    found: dict[str, Any] = {"machine": machine(torch.get_num_threads())}
    if device.type == "cuda":
        found["card"] = torch.cuda.get_device_name(device)
    print(f"{found.get('card', 'processor: ' + found['machine']['processor'])}, {cores()} cores")
    files = tuple(photograph(number) for number in range(min(DIFFERENT, options.images)))
    found["networks"] = {}
    for name in options.network or ["sknet50"]:
        numbers = measure(name, device, files, options)
        found["networks"][name] = numbers
        print("\n".join(lines(name, numbers)), flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def measure(
    name: str, device: torch.device, files: tuple[bytes, ...], options: argparse.Namespace
) -> dict[str, Any]:
    """Views a second of everything together, of each stage alone, and of the bare pass."""
    model = network(name).to(device)
    how = Options(
        batch_size=options.batch_size,
        precision=options.precision,
        workers=options.workers,
        tune=True,
        compiled=options.compile,
    )
    with tempfile.TemporaryDirectory() as folder:

        def ready(part: str, images: int) -> Analysis:
            data = image_set(files, images)
            out = Path(folder) / part
            return prepare(data, model, out=out, scales=SCALES, options=how)

        ready("warm", min(options.images, 64))(progress=False)
        start = time.perf_counter()
        analysis = ready("run", options.images)
        prepared = time.perf_counter()
        analysis(progress=False)
        end = time.perf_counter()
        views = options.images * len(SCALES)
        batch = min(analysis.forward.batch_size, views)
        stages = alone(analysis, batch, options)
        bare = stages["bare forward pass"]
        assert bare is not None
    together = views / (end - prepared)
    return {
        "precision": options.precision,
        "compiled": options.compile,
        "images": options.images,
        "views": views,
        "batch": batch,
        "workers": _workers(analysis, options),
        "preparing_seconds": prepared - start,
        "views_per_second": together,
        "share_of_bare": together / bare,
        "alone_views_per_second": stages,
        "extrapolated_seconds_for_150000_views": VIEWS / together,
        "target_seconds": TARGET,
    }


def alone(analysis: Analysis, batch: int, options: argparse.Namespace) -> dict[str, float | None]:
    """Views a second of each stage by itself, on one batch that is ready before it."""
    forward, scales = analysis.forward, len(SCALES)
    reader = ChunkReader(analysis.images, analysis.views)
    images = max(1, batch // scales)
    chunk = Chunk(0, 0, min(images, len(analysis.images)), True)
    one = reader[chunk]
    if forward.device.type == "cuda":
        one = one.pin_memory()
    pixels = one.pixels.flatten(0, 1)
    views = len(pixels)
    measured = forward.measure(one.pixels)
    synchronize = torch.cuda.synchronize if forward.device.type == "cuda" else None

    def seconds(work: Callable[[], object]) -> float:
        """Median of a few calls."""
        taken = []
        for _ in range(4):
            start = time.perf_counter()
            work()
            if synchronize is not None:
                synchronize()
            taken.append(time.perf_counter() - start)
        return float(np.median(taken[1:]))

    copied = seconds(lambda: forward.images(pixels))
    passed = seconds(lambda: forward.run(pixels))
    reduced = seconds(lambda: forward.measure(one.pixels))
    measurement = AttentionMeasurement(analysis.images, forward, analysis.record)
    kept = seconds(lambda: measurement.collect(one, measured))
    # Whichever memory format is the quicker: the bare pass is to be as good as it can.
    bare = min(
        seconds(bare_pass(analysis, pixels, options.precision, last)) for last in (False, True)
    )
    return {
        "decode and views": _decoded(analysis, reader, options),
        "copy and normalise": views / copied,
        "forward and capture": _rate(views, passed - copied),
        "reduce to means": _rate(views, reduced - passed),
        "moments of channels": views / kept,
        "bare forward pass": views / bare,
    }


def _rate(views: int, seconds: float) -> float | None:
    """None where the difference of two measurements is lost in their noise."""
    return views / seconds if seconds > 0 else None


def bare_pass(
    analysis: Analysis, pixels: torch.Tensor, precision: str, last: bool
) -> Callable[[], object]:
    """Only the network as it was given, on tensors that are on the device, channels last or not."""
    order = torch.channels_last if last else torch.contiguous_format
    images = analysis.forward.images(pixels).contiguous(memory_format=order)
    model = copy.deepcopy(analysis.forward.plain.network).to(memory_format=order)
    dtype = PRECISIONS[precision]

    def run() -> object:
        casting: AbstractContextManager[object] = (
            nullcontext() if dtype is None else torch.autocast(images.device.type, dtype=dtype)
        )
        with torch.no_grad(), casting:
            return model(images)

    return run


def _decoded(analysis: Analysis, reader: ChunkReader, options: argparse.Namespace) -> float:
    """Views a second of reading alone, by as many processes as the run had."""
    workers = _workers(analysis, options)
    chunk = max(1, analysis.forward.batch_size // len(SCALES))
    plan = Plan((0,), len(analysis.images), len(analysis.images), chunk)
    start, done = time.perf_counter(), 0
    loaded: Iterator[Batch] = batches(reader, plan, workers, pin=False)
    for batch in loaded:
        done += len(batch.index)
    return done * len(SCALES) / (time.perf_counter() - start)


def _workers(analysis: Analysis, options: argparse.Namespace) -> int:
    if options.workers is not None:
        return int(options.workers)
    return choose_workers(len(analysis.images), analysis.forward.device.type == "cpu")


def lines(name: str, numbers: dict[str, Any]) -> list[str]:
    """The numbers in words."""
    compiled = ", compiled" if numbers["compiled"] else ""
    extrapolated = numbers["extrapolated_seconds_for_150000_views"]
    return [
        f"{name}, {numbers['precision']}{compiled}, batches of {numbers['batch']} views, "
        f"{numbers['workers']} processes that decode:",
        f"  {numbers['views_per_second']:,.1f} views/s from bytes to records, "
        f"{numbers['share_of_bare']:.2f} of the bare forward pass "
        f"({numbers['views']:,} views; preparing took {numbers['preparing_seconds']:.1f} s)",
        *(
            f"  {stage} alone: "
            + ("too quick to be measured" if rate is None else f"{rate:,.1f} views/s")
            for stage, rate in numbers["alone_views_per_second"].items()
        ),
        f"  extrapolated to {VIEWS:,} views: {extrapolated:,.0f} s "
        f"(target on one H200 with 16 cores: {TARGET:.0f} s)",
    ]


if __name__ == "__main__":
    sys.exit(main())
