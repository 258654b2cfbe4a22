"""How often the verdict "larger objects get the larger kernel" is given to random networks.

Draws networks of one architecture with random weights, without any built-in effect, estimates
their BN statistics on the pictures, and measures plain views and those of blur and object
controls. Each of the first `--networks` is judged against S others as its null, as
`skviz summary DIR` judges a trained one; beside it stands the plain paired test alone (Wilcoxon,
Holm over units). The verdict may be given to at most 5 % of the networks; exit code 1 if not.

Each network is also judged `--splits` times against S others drawn at random from all: what
the one null happens to be matters less there.

    python tests/benchmarks/false_alarms.py [FOLDER] [--per-class 1] [--json FILE]

FOLDER holds one folder of pictures per class (default: ../shared/data/photos_val beside the
repository).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from skviz.capture.probe import Probe
from skviz.data import DataSource, Subset, open_dataset
from skviz.data.loading import ViewMaker
from skviz.inference.judging import Evidence, judge
from skviz.models.registry import build
from skviz.pictures.scaling import InputSpec
from skviz.runs.measurements import Measurements
from skviz.studies.controls.control import parse_control
from skviz.studies.controls.networks import reestimate_bn
from skviz.studies.controls.views import control_views

ROOT = Path(__file__).resolve().parent.parent.parent
SCALES = (1.0, 1.5, 2.0)
CONTROLS = ("blur", "object-constant", "object-blurred")
BOUND = 0.05
BATCH = 33
CLAIM = "larger"
NULLS = {"random", "matched"}


@dataclass(frozen=True)
class Pictures:
    """Views of N images, decoded once: plain (N, 3 scales), then two of each control."""

    pixels: Tensor
    labels: np.ndarray
    spec: InputSpec

    @classmethod
    def read(cls, folder: Path, per_class: int, spec: InputSpec) -> Pictures:
        """Make every view that any run needs; at 1.0x all runs have the same."""
        images = open_dataset(DataSource(folder, subset=Subset(per_class=per_class)))
        plain = ViewMaker(SCALES, spec)
        makers = [control_views(parse_control(name), plain) for name in CONTROLS]
        rows = []
        for number in range(len(images)):
            image = images.read(number)
            parts = [plain(image, None)[0], *(maker(image, None)[0][1:] for maker in makers)]
            rows.append(np.concatenate(parts))
        return cls(torch.from_numpy(np.stack(rows)), np.asarray(images.labels), spec)

    def normalised(self, rows: slice | list[int], views: slice) -> Tensor:
        mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (self.spec.mean, self.spec.std))
        pixels = self.pixels[rows, views].flatten(0, 1).permute(0, 3, 1, 2).float()
        return ((pixels / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def random_network(model: str, seed: int, pictures: Pictures) -> nn.Module:
    network = build(model, seed, input_size=pictures.spec.size)
    order = np.random.default_rng(0).permutation(len(pictures.pixels))
    parts = np.array_split(order, max(1, len(order) // BATCH))
    reestimate_bn(network, (pictures.normalised(list(part), slice(0, 1)) for part in parts))
    return network.eval().to(memory_format=torch.channels_last)


def measure(network: nn.Module, pictures: Pictures) -> dict[str, Measurements]:
    """Return the plain measurements and those of each control, by name."""
    probe = Probe(network)
    found = []
    for start in range(0, len(pictures.pixels), BATCH):
        batch = pictures.normalised(slice(start, start + BATCH), slice(None))
        attention = probe(batch)
        units = [attention.difference(unit.name) for unit in probe.units]
        found.append(np.stack(units, axis=-1).reshape(-1, pictures.pixels.shape[1], len(units)))
    cube = np.concatenate(found).astype(np.float32)
    runs = {"plain": cube[:, :3]}
    for index, name in enumerate(CONTROLS):
        first = 3 + 2 * index
        runs[name] = np.concatenate([cube[:, :1], cube[:, first : first + 2]], axis=1)
    return {
        name: Measurements(probe.units, SCALES, part, np.full_like(part, np.nan), pictures.labels)
        for name, part in runs.items()
    }


def verdicts_of(runs: Sequence[dict[str, Measurements]], tested: int, null: Sequence[int]) -> Any:
    own = runs[tested]
    controls = {name: own[name] for name in CONTROLS}
    return judge(Evidence(own["plain"], controls, [runs[index]["plain"] for index in null]))


def rates(verdicts: Sequence[Any]) -> dict[str, Any]:
    """Count networks with any such unit, and cells; for the verdict and for the paired test."""

    def share(hits: list[list[bool]]) -> dict[str, Any]:
        cells = [hit for row in hits for hit in row]
        return {
            "networks": sum(map(any, hits)),
            "of_networks": len(hits),
            "cells": sum(cells),
            "of_cells": len(cells),
        }

    return {
        "verdict": share([[found.outcome == CLAIM for found in row] for row in verdicts]),
        "shift clear and beyond the null, no other check": share(
            [
                [found.sign > 0 and not NULLS & set(found.reasons) for found in row]
                for row in verdicts
            ]
        ),
        "paired test": share([[found.paired == "rises" for found in row] for row in verdicts]),
        "paired test, either way": share(
            [[found.paired != "no clear change" for found in row] for row in verdicts]
        ),
        "verdicts": dict(Counter(found.outcome for row in verdicts for found in row)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = ROOT.parent / "shared" / "data" / "photos_val"
    parser.add_argument("folder", type=Path, nargs="?", default=usual)
    parser.add_argument("--model", default="sknet50_lite")
    parser.add_argument("--per-class", type=int, default=1)
    parser.add_argument("--size", type=int, default=128, help="input size")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--null", type=int, default=10, help="S, random networks of the null")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="keep the measured arrays, or take them")
    args = parser.parse_args()
    start = time.perf_counter()
    runs: list[dict[str, Measurements]]
    if args.keep and args.keep.exists():
        runs = load(args.keep, args.model)
        images = len(runs[0]["plain"].difference)
    else:
        pictures = Pictures.read(args.folder, args.per_class, InputSpec(args.size))
        images = len(pictures.pixels)
        runs = []
        for seed in range(args.networks + args.null):
            runs.append(measure(random_network(args.model, 1000 + seed, pictures), pictures))
            done = time.perf_counter() - start
            print(f"\r{seed + 1} networks, {done:.0f} s", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        if args.keep:
            save(args.keep, runs)
    null = range(args.networks, args.networks + args.null)
    fixed = rates([verdicts_of(runs, index, null) for index in range(args.networks)])
    random = np.random.default_rng(0)
    drawn = []
    for index in range(len(runs)):
        others = [other for other in range(len(runs)) if other != index]
        for _ in range(args.splits):
            drawn.append(verdicts_of(runs, index, random.choice(others, args.null, replace=False)))
    document = {
        "model": args.model,
        "images": images,
        "seconds": round(time.perf_counter() - start, 1),
        "one null": fixed,
        "nulls drawn at random": rates(drawn),
    }
    print(json.dumps(document, indent=2))
    if args.json:
        args.json.write_text(json.dumps(document, indent=2) + "\n")
    alarms = fixed["verdict"]["networks"] / fixed["verdict"]["of_networks"]
    return 0 if alarms <= BOUND else 1


def save(path: Path, runs: Sequence[dict[str, Measurements]]) -> None:
    arrays = {f"{i} {name}": m.difference for i, run in enumerate(runs) for name, m in run.items()}
    labels = runs[0]["plain"].labels
    assert labels is not None
    np.savez_compressed(path, labels=labels, **arrays)


def load(path: Path, model: str) -> list[dict[str, Measurements]]:
    units = Probe(build(model)).units
    with np.load(path) as file:
        count = len(file.files) // (len(CONTROLS) + 1)
        return [
            {
                name: Measurements(
                    units, SCALES, file[f"{i} {name}"],
                    np.full_like(file[f"{i} {name}"], np.nan), file["labels"],
                )
                for name in ("plain", *CONTROLS)
            }
            for i in range(count)
        ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
