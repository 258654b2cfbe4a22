"""How long the bundled network takes to load beyond importing torch: at most half a second.

Run it with `python tests/benchmarks/load.py`. Best of five fresh processes.
"""

from __future__ import annotations

import subprocess
import sys

LIMIT = 0.5
CODE = """
import time, torch
started = time.perf_counter()
import skviz
assert skviz.load_model().skviz.trained
print(time.perf_counter() - started)
"""


def main() -> int:
    """Print the time; exit 1 above the limit."""
    runs = [
        float(subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True).stdout)
        for _ in range(5)
    ]
    best = min(runs)
    verdict = "ok" if best <= LIMIT else "TOO SLOW"
    print(f"bundled network: {best:.3f} s beyond torch, limit {LIMIT} s: {verdict}")
    return int(best > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
