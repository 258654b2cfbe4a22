"""What each engine takes for a batch, and how far its attention is from plain float32."""

from __future__ import annotations

import time

import torch

from benchmarks.measuring import Measured, NotRun, Result, interleaved, timed
from benchmarks.sections.capture import UNIT, bare
from benchmarks.setting import Setting, network
from skviz.capture.probe import Probe
from skviz.errors import CaptureError
from skviz.hardware.allocator import keep_memory
from skviz.models import model_info
from skviz.runs.tuning import Arithmetic, apply, choose, for_engine, rounding

TITLE = "Engines"
ABOUT = (
    "Attention of all units of a batch of 24 views, and the network's output, by each engine, "
    "over the bare forward pass of the untuned network: {bundled}, one thread, float32, glibc's "
    "allocator tuned for all. Rounding is relative to the plain network."
)
SHARE = 0.005
QUICK = False
VIEWS = 24
# What is reached on two cores of an AMD EPYC, with room for another machine; for the digits, what
# the pages promise.
LIMITS = {"tuned": 0.9, "openvino": 0.7, "compile": 0.75}
ATTENTION, DIFFERENCE = 10.0, 1.0  # millionths


def run(setting: Setting) -> list[Measured]:
    keep_memory()
    torch.set_num_threads(1)
    model = network(setting.size.bundled).eval()
    side = model_info(model).spec.size
    batch = torch.randn(VIEWS, 3, side, side, generator=torch.Generator().manual_seed(0))
    last = batch.contiguous(memory_format=torch.channels_last)
    probe, found = Probe(model), []
    made: dict[str, tuple[Probe, torch.Tensor]] = {}
    tuned = choose(probe, batch[:8])
    for name in LIMITS:
        arithmetic = tuned if name == "tuned" else for_engine(name, tuned)
        begun = time.perf_counter()
        try:
            other = apply(probe, arithmetic, batch)
        except CaptureError as error:
            found.append(NotRun(name, f"ImportError: {error}"))
            continue
        seconds = time.perf_counter() - begun
        made[name] = (other, last if _is_last(arithmetic) else batch)
        error = rounding(probe, other, batch, None)
        found += [
            Result(f"{name}: preparing", (seconds,), "s", assumed=0.1),
            Result(
                f"{name}: attention",
                (error.attention * 1e6,),
                "millionths off at most",
                setting.bound(ATTENTION),
            ),
            Result(
                f"{name}: mean difference of a unit",
                (error.difference * 1e6,),
                "millionths off at most",
                setting.bound(DIFFERENCE),
            ),
        ]

    def passing(name: str) -> float:
        other, images = made[name]
        return timed(lambda: other.capture(images, output=True))

    for name in made:
        passing(name)
    ways = {name: lambda name=name: passing(name) for name in made}  # type: ignore[misc]
    times = interleaved(lambda: bare(model, batch), ways, setting.seconds, setting.size.least)
    found += [
        Result(name, tuple(times.ratios[name]), UNIT, setting.bound(LIMITS[name])) for name in made
    ]
    return found


def _is_last(arithmetic: Arithmetic) -> bool:
    return arithmetic.memory_format == "channels_last"
