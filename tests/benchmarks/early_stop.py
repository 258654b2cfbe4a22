"""What capturing costs, and what stopping early saves, against the bare forward pass.

Run it with `python tests/benchmarks/early_stop.py [ROUNDS]`. Every round times each way once,
in turn, so that a machine that slows down slows down all of them; the ratios are taken within
a round. Single thread, SKNet-50, 224 x 224.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import torch

from skviz.capture.probe import Probe
from skviz.models import load_model

# At most this share of the bare forward pass, by the project's own requirements.
LIMITS = {"capture all 16 units": 1.03, "stop behind 3_4": 0.62, "stop behind 2_3": 0.35}


def timed(run: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def main() -> int:
    """Print the medians and their spread; exit 1 if one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=9)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model("sknet50", pretrained=False)
    images = torch.randn(options.batch, 3, 224, 224)
    everything, middle, low = Probe(model), Probe(model, "3_4"), Probe(model, "2_3")

    def bare() -> object:
        with torch.no_grad():
            return model(images)

    ways: dict[str, Callable[[], object]] = {
        "capture all 16 units": lambda: everything.capture(images, output=True),
        "stop behind 3_4": lambda: middle.capture(images),
        "stop behind 2_3": lambda: low.capture(images),
    }
    bare()
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        before = timed(bare)
        seconds = {name: timed(way) for name, way in ways.items()}
        base = (before + timed(bare)) / 2
        for name in ways:
            ratios[name].append(seconds[name] / base)
    failed = False
    for name, values in ratios.items():
        low_, median, high = min(values), statistics.median(values), max(values)
        verdict = "ok" if median <= LIMITS[name] else "TOO SLOW"
        failed |= median > LIMITS[name]
        print(
            f"{name:22} {median:.3f} of the bare pass (from {low_:.3f} to {high:.3f}), "
            f"limit {LIMITS[name]:.2f}: {verdict}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
