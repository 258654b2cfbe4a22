"""How fast the explorer follows the slider: from the request to the numbers."""

from __future__ import annotations

import time

from benchmarks.measuring import NOISE, Measured, Result
from benchmarks.setting import Setting

TITLE = "The explorer"
ABOUT = (
    "Median time from a request for another size to its answer with all units, 1.0x included, in "
    "milliseconds, without the way to the browser; a photograph of 300 x 225 pixels."
)
SHARE = 0.02
QUICK = True
BOUNDS = {"sknet50_lite": 150.0, "sknet50": 2000.0}


def run(setting: Setting) -> list[Measured]:
    import torch

    import skviz
    from skviz.explorer.session import Session

    torch.set_num_threads(setting.threads)
    found: list[Measured] = []
    for name, bound in BOUNDS.items():
        session = Session.of(skviz.load_model(name), [skviz.example_photo()])
        times: list[float] = []
        end = time.perf_counter() + setting.seconds / len(BOUNDS)
        scale = 1.0
        while len(times) < 5 or (time.perf_counter() < end and len(times) < 100):
            scale = 1.0 + (scale - 1.0 + 0.0371) % 2.0
            start = time.perf_counter()
            session.handle("attention", {"picture": "p1", "scale": scale})
            times.append(1000 * (time.perf_counter() - start))
        found.append(
            Result(
                f"another size, {name}",
                tuple(times[1:]),
                "ms",
                setting.bound(bound),
                assumed=NOISE,
            )
        )
    return found
