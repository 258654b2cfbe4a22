"""What a forward pass saves that ends behind the deepest unit asked for."""

from __future__ import annotations

from collections.abc import Callable

import torch

from benchmarks.measuring import Measured, Result, interleaved, timed
from benchmarks.sections.capture import UNIT, bare
from benchmarks.setting import Setting, network
from skviz.capture.probe import Probe
from skviz.hardware.allocator import keep_memory

TITLE = "Early stop"
ABOUT = (
    "`--stage`: attention of one unit, over the bare forward pass to the end; one thread, batch "
    "{batch}, {pixels} x {pixels}, float32."
)
SHARE = 0.07
QUICK = True


def run(setting: Setting) -> list[Measured]:
    keep_memory()
    torch.set_num_threads(1)
    size = setting.size
    model = network(size.network).eval()
    batch = torch.randn(size.batch, 3, size.pixels, size.pixels)
    probe = Probe(model)

    def stopping(stage: str) -> Callable[[], float]:
        part = probe.only(stage)
        return lambda: timed(lambda: part.capture(batch))

    bare(model, batch)
    ways = {stage: stopping(stage) for stage in size.stops}
    found = interleaved(lambda: bare(model, batch), ways, setting.seconds, max(size.least, 2))
    return [
        Result(
            f"skviz, --stage {stage}",
            tuple(found.ratios[stage]),
            UNIT,
            None if limit is None else setting.bound(limit),
        )
        for stage, limit in size.stops.items()
    ]
