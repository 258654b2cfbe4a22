"""Start-up: `skviz --help` takes at most 4 times the wall time of importing click."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
BOUND = 4.0


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def test_help_is_quick() -> None:
    click, help_ = [], []
    for _ in range(ROUNDS):  # interleaved, so that both see the same load
        click.append(seconds(sys.executable, "-c", "import click"))
        help_.append(seconds(sys.executable, "-m", "skviz.cli", "--help"))
    base, ours = statistics.median(click), statistics.median(help_)
    print(
        f"\nimport click {1000 * base:.0f} ms, skviz --help {1000 * ours:.0f} ms,"
        f" ratio {ours / base:.2f} (at most {BOUND})"
    )
    assert ours / base <= BOUND
