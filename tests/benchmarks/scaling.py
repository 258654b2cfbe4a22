"""What an analysis costs as its work grows: time and memory, and the cost of large work.

    python tests/benchmarks/scaling.py [--quick] [--markdown] [--json FILE]

Time against images, scales and units, each with a straight line through it: linear if R^2 is near
1. Memory against images. One process against two of one thread each (torchrun). From these
and the speed of the network named by `--network`, what a million images, ten networks and a
thousand units cost: computed, not measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.machine import machine
from benchmarks.pictures import write_photographs
from benchmarks.report import number
from benchmarks.sections.memory import peak
from benchmarks.setting import TESTS, environment

SCALES = (1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Line:
    """Seconds against a quantity: `slope` seconds for one more, `fixed` for none, and R^2."""

    of: str
    counts: tuple[int, ...]
    seconds: tuple[float, ...]

    @property
    def slope(self) -> float:
        return float(self._fit()[0])

    @property
    def fixed(self) -> float:
        return float(self._fit()[1])

    @property
    def r2(self) -> float:
        """Share of the variance that the straight line explains."""
        measured = np.array(self.seconds)
        left = measured - (self.slope * np.array(self.counts) + self.fixed)
        return float(1 - (left**2).sum() / ((measured - measured.mean()) ** 2).sum())

    def _fit(self) -> Any:
        return np.polyfit(self.counts, self.seconds, 1)

    def to_dict(self) -> dict[str, Any]:
        """Return points and line."""
        return {
            "of": self.of, "counts": self.counts, "seconds": self.seconds,
            "slope": self.slope, "fixed": self.fixed, "r2": self.r2,
        }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--tiny", action="store_true", help="the smallest, for tests")
    parser.add_argument("--network", default="sknet50_lite", help="whose speed costs are from")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/cost.md")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    step = 2 if options.tiny else 24 if options.quick else 64
    rounds = 1 if options.tiny else options.rounds
    units = [2, 4, 8] if options.tiny else [8, 16, 32, 64]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = folder / "photos"
        write_photographs(photos, 8 * step)
        # The first run imports, and warms up.
        analyzed(photos, folder, _network(options.network), step, SCALES)
        lines = [
            over_images(photos, folder, [step, 2 * step, 4 * step, 8 * step], options, rounds),
            over_scales(photos, folder, step, options, rounds),
            over_units(photos, folder, units, step, rounds),
        ]
        memory = [peak(images) for images in ([8, 16] if options.tiny else [2000, 20_000])]
        ranks = over_ranks(photos, folder, 8 * step, options.network, 1 if options.tiny else 2)
        size = bytes_of(photos, folder, step, options)
    found = {
        "machine": machine(1),
        "network": options.network,
        "lines": [line.to_dict() for line in lines],
        "memory": memory,
        "ranks": ranks,
        "bytes_per_image": size,
        "units_of_network": units_of(options.network),
    }
    print(tables(found) if options.markdown else text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def over_images(
    photos: Path, folder: Path, counts: Sequence[int], options: argparse.Namespace, rounds: int
) -> Line:
    """Whole runs of so many images, at three scales."""
    model = _network(options.network)
    return line("images", counts, rounds, lambda n: analyzed(photos, folder, model, n, SCALES))


def over_scales(
    photos: Path, folder: Path, images: int, options: argparse.Namespace, rounds: int
) -> Line:
    """Whole runs of so many images, at 1 to 6 scales."""
    model = _network(options.network)
    steps = np.linspace(1, 2, 6)
    counts = (1, 2) if options.tiny else (1, 2, 4, 6)
    return line(
        "scales", counts, rounds,
        lambda n: analyzed(photos, folder, model, images, tuple(map(float, steps[:n]))),
    )  # fmt: skip


def over_units(photos: Path, folder: Path, counts: Sequence[int], images: int, rounds: int) -> Line:
    """Runs of networks of so many units, beyond forward passes of the same network.

    Units are many and small here: what is left is what skviz does for each.
    """
    from skviz.models import ModelInfo
    from skviz.models.sknet import Branch, SKNet, SKNetConfig
    from skviz.pictures.scaling import InputSpec

    def seconds(units: int) -> float:
        config = SKNetConfig(
            units=(units // 2, units - units // 2), widths=(8, 16), outputs=(16, 32),
            branches=(Branch(3, 1, group_width=4), Branch(3, 2, group_width=4)),
            classes=3, stem="cifar", input_size=32,
        )  # fmt: skip
        model = SKNet(config).eval()
        model.skviz = ModelInfo("many units", "random", None, False, InputSpec(32))  # type: ignore
        whole = analyzed(photos, folder, model, images, SCALES)
        return whole - _passes(model, images * len(SCALES), 32)

    return line("units", counts, rounds, seconds)


def over_ranks(
    photos: Path, folder: Path, images: int, network: str, most: int
) -> list[dict[str, float]]:
    """Seconds of whole processes of one thread each, started by torchrun."""
    found = []
    for count in range(1, most + 1):
        out = folder / f"ranks-{count}"
        # The tests' command line, which knows one more network.
        command = [
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count),
            str(TESTS / "helpers" / "tiny.py"), "analyze", str(photos), "--out", str(out),
            "--model", network,
            "--limit", str(images), "--scales", ",".join(map(str, SCALES)), "--quiet",
            "--shard-size", str(max(1, images // 16)), "--workers", "0",
        ]  # fmt: skip
        start = time.perf_counter()
        done = subprocess.run(
            command, env=environment(1), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        found.append({"ranks": count, "seconds": time.perf_counter() - start, "images": images})
    return found


def line(of: str, counts: Sequence[int], rounds: int, seconds: Callable[[int], float]) -> Line:
    """Best of a few rounds for each count, in turns."""
    best = dict.fromkeys(counts, float("inf"))
    for _ in range(rounds):
        for count in counts:
            best[count] = min(best[count], seconds(count))
    return Line(of, tuple(best), tuple(best.values()))


_RUNS = iter(range(10**9))


def analyzed(photos: Path, folder: Path, model: Any, images: int, scales: Sequence[float]) -> float:
    """Seconds of `analyze` in this process, reading in it too, one thread."""
    import torch

    from skviz.data import DataSource, Subset
    from skviz.studies.controls.change import analyze

    torch.set_num_threads(1)
    out = folder / f"run-{next(_RUNS)}"
    source = DataSource(photos, subset=Subset(limit=images))
    start = time.perf_counter()
    run = analyze(source, model, out=out, scales=scales, workers=0, tune=False, progress=False)
    seconds = time.perf_counter() - start
    assert run.images == images
    return seconds


def bytes_of(photos: Path, folder: Path, images: int, options: argparse.Namespace) -> float:
    """Bytes on disk per image, beyond what a run has in any case."""
    sizes = []
    for count in (images, 2 * images):
        analyzed(photos, folder, _network(options.network), count, SCALES)
        newest = max(folder.glob("run-*"), key=lambda path: int(path.name.partition("-")[2]))
        tables = (newest / "shards").rglob("*.parquet")
        sizes.append(sum(file.stat().st_size for file in tables))
    return (sizes[1] - sizes[0]) / images


def units_of(name: str) -> int:
    """Number of units of a network."""
    from skviz.capture.probe import Probe

    return len(Probe(_network(name)).units)


def _network(name: str) -> Any:
    from benchmarks.setting import network

    return network(name)


def _passes(model: Any, views: int, pixels: int) -> float:
    import torch

    batch = torch.randn(18, 3, pixels, pixels)
    start = time.perf_counter()
    with torch.no_grad():
        for _ in range(-(-views // len(batch))):
            model(batch)
    return time.perf_counter() - start


def text(found: dict[str, Any]) -> str:
    """The numbers, a line each."""
    rows = [
        f"{one['of']}: {number(one['slope'] * 1000)} ms each and {number(one['fixed'])} s in any "
        f"case, R^2 {one['r2']:.4f} "
        f"({', '.join(f'{n}: {s:.2f} s' for n, s in points(one))})"
        for one in found["lines"]
    ]
    rows += [f"memory, {m['images']:,} images: {m['peak_mib']:,.0f} MiB" for m in found["memory"]]
    rows += [
        f"ranks of one thread, {one['ranks']}: {number(one['seconds'])} s" for one in found["ranks"]
    ]
    rows.append(f"on disk: {found['bytes_per_image']:,.0f} bytes an image")
    return "\n".join(rows)


def points(one: dict[str, Any]) -> list[tuple[int, float]]:
    """Counts and their seconds."""
    return list(zip(one["counts"], one["seconds"], strict=True))


def tables(found: dict[str, Any]) -> str:
    """The tables of docs/cost.md: what was measured, then what follows for large work."""
    images, scales, units = found["lines"]
    memory, ranks = found["memory"], found["ranks"]
    gain = f"{ranks[0]['seconds'] / ranks[-1]['seconds']:.2f} times as fast"
    rows = [
        f"Measured on {found['machine']['processor']}, {found['machine']['cores']} cores, one "
        f"thread a process, with `{found['network']}` ({found['units_of_network']} units), "
        f"{found['machine']['date'][:10]}:",
        "",
        "| as this grows | one more costs | in any case | straight line, R^2 |",
        "|---|---|---|---|",
        f"| images, at three scales | {_ms(images['slope'])} | {number(images['fixed'])} s | "
        f"{images['r2']:.4f} |",
        f"| scales, of {images['counts'][0]:,} images | {_ms(scales['slope'])} | "
        f"{number(scales['fixed'])} s | {scales['r2']:.4f} |",
        f"| units, of {images['counts'][0]:,} images, beyond the network's own work | "
        f"{_unit(units)} |",
        "",
        f"Peak memory: {memory[0]['peak_mib']:,.0f} MiB over {memory[0]['images']:,} images, "
        f"{memory[-1]['peak_mib']:,.0f} MiB over {memory[-1]['images']:,}. "
        f"{ranks[-1]['ranks']} processes against one: {gain}, start-up included.",
        "",
        "| work, computed from the above | one core | sixteen cores, a rank on each | on disk |",
        "|---|---|---|---|",
    ]
    # A slope below zero is that of noise.
    per_view = max(0.0, units["slope"]) / (images["counts"][0] * len(SCALES))
    image = images["slope"]
    wide = image + per_view * len(SCALES) * max(0, 1000 - found["units_of_network"])
    size = found["bytes_per_image"]
    size_wide = size * 1000 / found["units_of_network"]
    for what, seconds, size_of in (
        ("50,000 images, three scales", 50_000 * image, 50_000 * size),
        ("1,000,000 images, three scales", 1e6 * image, 1e6 * size),
        ("10 networks, 50,000 images each", 10 * 50_000 * image, 10 * 50_000 * size),
        ("1,000 units at the same work of the network, 50,000 images", 50_000 * wide,
         50_000 * size_wide),
    ):  # fmt: skip
        rows.append(
            f"| {what} | {duration(seconds)} | {duration(seconds / 16)} | {_bytes(size_of)} |"
        )
    return "\n".join(rows)


def _unit(units: dict[str, Any]) -> str:
    """The row of the units, behind its name."""
    if units["slope"] <= 0:
        return f"nothing that could be measured | {number(units['fixed'])} s | "
    return f"{_ms(units['slope'])} | {number(units['fixed'])} s | {units['r2']:.4f}"


def duration(seconds: float) -> str:
    """Seconds in the unit that a reader would choose."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _ms(seconds: float) -> str:
    return f"{number(seconds)} s" if seconds >= 1 else f"{number(seconds * 1000)} ms"


def _bytes(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
