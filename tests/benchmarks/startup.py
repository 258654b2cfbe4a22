"""What starting the command costs, against importing click alone.

Run it with `python tests/benchmarks/startup.py [ROUNDS]`. Every round starts each once, in
turn, so that both see the same load.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

# `skviz --help` takes at most this many times the wall time of `python -c "import click"`.
LIMIT = 4.0


def seconds(*arguments: str) -> float:
    """Wall seconds of one Python process."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    """Time both, print the ratio, and return 1 where it is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=15)
    rounds = parser.parse_args().rounds
    pairs = [
        (seconds("-c", "import click"), seconds("-m", "skviz.cli", "--help")) for _ in range(rounds)
    ]
    click, help_ = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = help_ / click
    print(
        f"skviz --help {1000 * help_:.0f} ms, import click {1000 * click:.0f} ms: "
        f"ratio {ratio:.2f}, limit {LIMIT:.1f}: {'ok' if ratio <= LIMIT else 'TOO SLOW'}"
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
