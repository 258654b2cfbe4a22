"""Measure what a capture costs over a bare forward pass: `python tests/benchmarks/overhead.py`.

timm's skresnext50_32x4d, a batch of 4 at 224 pixels, found the generic way; passes alternate,
and medians are compared. Exit code 1 above 5 %.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import timm
import torch

from skviz import Probe
from skviz.capture.adapters import unregister_adapter

ROUNDS = 15
LIMIT = 0.05


def seconds(run: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def main() -> int:
    """Print both medians and the overhead."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    unregister_adapter("timm")
    network = timm.create_model("skresnext50_32x4d", pretrained=False).eval().to(device)
    images = torch.randn(4, 3, 224, 224, device=device)
    probe = Probe(network)

    def bare() -> object:
        with torch.no_grad():
            return network(images)

    def capture() -> object:
        return probe.capture(images, output=True)

    for run in (bare, capture):
        run()
    times: dict[str, list[float]] = {"bare": [], "capture": []}
    for _ in range(ROUNDS):
        times["bare"].append(seconds(bare))
        times["capture"].append(seconds(capture))
    one, two = (statistics.median(times[name]) for name in ("bare", "capture"))
    ratios = [c / b for b, c in zip(times["bare"], times["capture"], strict=True)]
    overhead = statistics.median(ratios) - 1
    print(f"{device}: bare {one * 1e3:.1f} ms, capture {two * 1e3:.1f} ms, {overhead:+.1%}")
    return int(overhead > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
