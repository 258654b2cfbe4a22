"""How the network computes in a long analysis: folded, in which memory format, by which engine.

None of it changes what is computed but for rounding, and how much that is, is measured.
"""

from __future__ import annotations

import copy
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skviz.capture.probe import Probe
from skviz.capture.traced import GraphProbe
from skviz.errors import CaptureError
from skviz.models.folding import folded
from skviz.quantities import DIFFERENCE
from skviz.runs.engines.table import ENGINES, engine_probe

# A change of the attention by more than this is not rounding: then nothing is folded.
ROUNDING = 1e-5
# Channels last must be this much faster, or measurements of equal speed would decide by chance.
_WORTH = 0.9
_ROUNDS = 2


@dataclass(frozen=True)
class Arithmetic:
    """How a run's network computes: `folded` BN layers, memory format, and which engine.

    `engine` is "eager" for PyTorch as it is, folded or not, or a name of `ENGINES`. `why` says
    why it is not the engine that was asked for.
    """

    folded: int = 0
    memory_format: str = "contiguous"
    engine: str = "eager"
    why: str | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, as `run.json` has them."""
        return asdict(self)

    def words(self, precision: str = "fp32") -> str:
        """Say it: "with BN folded, channels last, in bf16"."""
        parts = ["with BN folded"] if self.folded else []
        parts += ["channels last"] if self.memory_format == "channels_last" else []
        parts += [ENGINES[self.engine].words] if self.engine in ENGINES else []
        return ", ".join([*parts, f"in {precision}"])

    @classmethod
    def of(cls, given: dict[str, Any] | None) -> Arithmetic:
        """Return what `to_dict` gave; plain for None, as older runs have it."""
        known = dict(given or {})
        if known.pop("compiled", False):  # Runs of version 0.2 and before.
            known["engine"] = "compile"
        names = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in known.items() if name in names})


PLAIN = Arithmetic()


@dataclass(frozen=True)
class Rounding:
    """How far attention and attention difference are from those of plain float32, over `views`.

    `attention` is the largest error of a weight, `difference` the largest error over the units
    of the mean attention difference of the views, `noise` that of a single view; all in
    attention, 0 to 1.
    """

    views: int
    attention: float
    difference: float
    noise: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, as JSON."""
        return asdict(self)


def choose(probe: Probe, batch: Tensor) -> Arithmetic:
    """Return what is fastest for a batch (B, 3, H, W) of normalised views, by measurement.

    BN is folded where that changes attention by no more than rounding does.
    """
    twin, count = _folded(probe, batch)
    if count and _error(probe, twin, batch)[0] > ROUNDING:
        twin, count = probe, 0
    try:
        plain_time, last_time = _times(twin, _channels_last(twin), batch)
    except CaptureError:  # The network needs its features in the usual order, as `view` does.
        return Arithmetic(count)
    return Arithmetic(count, "channels_last" if last_time < _WORTH * plain_time else "contiguous")


def apply(
    probe: Probe,
    arithmetic: Arithmetic,
    example: Tensor,
    *,
    output: bool = True,
    dtype: torch.dtype | None = None,
    like: GraphProbe | None = None,
) -> Probe:
    """Return a probe whose network computes so: a copy, unless nothing changes.

    An engine is made ready for batches of as many as `example` has; `output`, `dtype` and `like`
    are as for `engine_probe`, and so is what is raised.
    """
    made = probe
    if arithmetic.folded:
        made, _ = _folded(probe, example)
    if arithmetic.memory_format == "channels_last":
        made = _channels_last(made)
        example = example.contiguous(memory_format=torch.channels_last)
    if arithmetic.engine in ENGINES:
        return engine_probe(arithmetic.engine, made, example, output=output, dtype=dtype, like=like)
    return made


def for_engine(name: str, tuned: Arithmetic) -> Arithmetic:
    """Return how an engine computes a network that is best tuned so."""
    engine = ENGINES[name]
    return Arithmetic(tuned.folded if engine.folds else 0, engine.memory_format, name)


def rounding(probe: Probe, other: Probe, batch: Tensor, dtype: torch.dtype | None) -> Rounding:
    """Compare `other`, in the precision `dtype` (None: as it is), with the plain `probe`."""
    error, difference, noise = _error(probe, other, batch, dtype)
    return Rounding(len(batch), error, difference, noise)


def seconds_of_pass(probe: Probe, batch: Tensor, *, output: bool = True) -> float:
    """Return the least seconds of a pass of a batch, of some."""
    times = []
    for done in range(_ROUNDS + 1):
        start = time.perf_counter()
        probe.capture(batch, output=output)  # Its checks wait for the device.
        if done:  # The first pass chooses algorithms.
            times.append(time.perf_counter() - start)
    return min(times)


def _folded(probe: Probe, example: Tensor) -> tuple[Probe, int]:
    like = next(probe.network.parameters())
    twin, count = folded(probe.network, example[:1].to(like.device, like.dtype))
    return probe.on(twin), count


def _channels_last(probe: Probe) -> Probe:
    twin = copy.deepcopy(probe.network)
    return probe.on(twin.to(memory_format=torch.channels_last))


def _error(
    probe: Probe, other: Probe, batch: Tensor, dtype: torch.dtype | None = None
) -> tuple[float, float, float]:
    plain, _ = probe.capture(batch)
    device = next(other.network.parameters()).device.type
    with nullcontext() if dtype is None else torch.autocast(device, dtype=dtype):
        found, _ = other.capture(batch)
    largest, means, single = 0.0, 0.0, 0.0
    for unit in probe.units:
        gap = (found[unit.name].double() - plain[unit.name].double()).cpu().numpy()
        of_view = DIFFERENCE.of(gap, unit, axis=1).mean(axis=-1)
        largest = max(largest, float(np.abs(gap).max()))
        means = max(means, float(abs(of_view.mean())))
        single = max(single, float(np.abs(of_view).max()))
    return largest, means, single


def _times(first: Probe, second: Probe, batch: Tensor) -> tuple[float, float]:
    """Least seconds of a pass of each, in turns, so that a busy machine slows both."""
    spent: tuple[list[float], list[float]] = ([], [])
    for done in range(_ROUNDS + 1):
        for times, probe in zip(spent, (first, second), strict=True):
            start = time.perf_counter()
            probe.capture(batch, output=True)
            if done:  # The first pass chooses algorithms.
                times.append(time.perf_counter() - start)
    return min(spent[0]), min(spent[1])
