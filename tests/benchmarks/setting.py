"""What a section is told: how large its work is, how long it may take, with how many threads."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
SCALES = (1.0, 1.5, 2.0)


@dataclass(frozen=True)
class Size:
    """Pinned sizes. `stops` are units to stop behind, with the bound where it has one.

    `network` is the one of the paper's size, `bundled` the one that ships with skviz. `images`
    run through `analyze`, `some` through each other way of an end-to-end round, where only the
    rate counts. `records` are the images of the run that is redrawn. At least `least` rounds;
    `peers` says whether all other tools are measured, `long` whether runs are long enough for
    whole ones to be compared, `checked` whether bounds hold at these sizes.
    """

    network: str
    bundled: str
    batch: int
    pixels: int
    stops: dict[str, float | None]
    images: int
    some: int
    bundled_images: int
    decoded: int
    records: int
    memory: tuple[int, int]
    least: int
    peers: bool = True
    long: bool = True
    checked: bool = True


SIZES = {
    "full": Size("sknet50", "sknet50_lite", 16, 224, {"2_3": 0.33, "3_4": 0.60, "4_6": None},
                 512, 64, 512, 64, 50_000, (2000, 20_000), 3),
    "quick": Size("sknet50", "sknet50_lite", 16, 160, {"2_3": 0.33, "3_4": 0.60},
                  32, 6, 256, 24, 5000, (500, 2500), 1, peers=False, long=False),
    # For the tests: that it runs, not how long.
    "tiny": Size("tiny", "tiny", 2, 16, {"2_1": None},
                 4, 2, 4, 2, 40, (8, 16), 1, long=False, checked=False),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """The setting of one section: `seconds` is what it may take, `folder` is its own."""

    size: Size
    threads: int
    seconds: float
    folder: Path

    def bound(self, limit: float, at_most: bool = True) -> Any:
        """Return a bound, or None where the sizes are too small to check it."""
        from benchmarks.measuring import Bound

        return Bound(limit, at_most) if self.size.checked else None


def network(name: str) -> Any:
    """Build a network of skviz's table, untrained unless bundled; also "tiny" of the tests."""
    from skviz.models import load_model

    register_tiny()
    return load_model(name)


def register_tiny() -> None:
    """Make the tests' tiny network known by its name."""
    from skviz.models.registry import CONFIGS

    if "tiny" not in CONFIGS:
        CONFIGS["tiny"] = runpy.run_path(str(TESTS / "helpers" / "tiny.py"))["CONFIG"]


def attention_modules(model: Any) -> list[str]:
    """Paths of the modules of a network whose output is the attention: what the peers listen to."""
    from skviz.capture.probe import Probe

    return [source.module for source in Probe(model).sources]


def environment(threads: int) -> dict[str, str]:
    """The environment of a measured process: pinned threads, and nobody's configuration.

    Compiled modules are kept, as where skviz is installed.
    """
    pinned = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **pinned, "PYTHONPATH": path, "SKVIZ_NO_CONFIG": "1"}


class Failed(RuntimeError):
    """A measured process failed; says with what."""


def python(*arguments: str, threads: int, **more: str) -> str:
    """Run Python in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**environment(threads), **more},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Failed(lines[-1][:300])
    return done.stdout


def last_json(text: str) -> Any:
    """Return the JSON document on the last line of a process's output."""
    return json.loads(text.strip().splitlines()[-1])
