"""How long the bundled network takes to load beyond importing torch."""

from __future__ import annotations

from benchmarks.measuring import Measured, Result, rounds
from benchmarks.setting import Setting, python

TITLE = "Loading of the bundled network"
ABOUT = "`import skviz` and `skviz.load_model()` in a fresh process that has imported torch."
SHARE = 0.02
QUICK = False
LIMIT = 0.5
CODE = """
import time, torch
started = time.perf_counter()
import skviz
assert skviz.load_model().skviz.trained
print(time.perf_counter() - started)
"""


def run(setting: Setting) -> list[Measured]:
    least = setting.size.least
    seconds = tuple(
        float(python("-c", CODE, threads=setting.threads))
        for _ in rounds(setting.seconds, max(least, 3) if setting.size.checked else 1, 15)
    )
    return [Result("skviz.load_model()", seconds, "s", setting.bound(LIMIT))]
