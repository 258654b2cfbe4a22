"""How the network computes in a long analysis: folded, in which memory format, compiled.

None of it changes what is computed but for rounding, and how much that is, is measured.
"""

from __future__ import annotations

import copy
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from skviz.capture.compiled import CompiledProbe
from skviz.capture.probe import Probe
from skviz.models.folding import folded
from skviz.quantities import DIFFERENCE

# A change of the attention by more than this is not rounding: then nothing is folded.
ROUNDING = 1e-5
# Channels last must be this much faster, or measurements of equal speed would decide by chance.
_WORTH = 0.9
_ROUNDS = 2


@dataclass(frozen=True)
class Arithmetic:
    """How a run's network computes: `folded` BN layers, memory format, compiled or not."""

    folded: int = 0
    memory_format: str = "contiguous"
    compiled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, as `run.json` has them."""
        return asdict(self)

    def words(self, precision: str = "fp32") -> str:
        """Say it: "with BN folded, channels last, in bf16"."""
        parts = ["with BN folded"] if self.folded else []
        parts += ["channels last"] if self.memory_format == "channels_last" else []
        parts += ["compiled"] if self.compiled else []
        return ", ".join([*parts, f"in {precision}"])

    @classmethod
    def of(cls, fields: dict[str, Any] | None) -> Arithmetic:
        """Return what `to_dict` gave; plain for None, as older runs have it."""
        return cls(**(fields or {}))


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
    last = _channels_last(twin)
    plain_time, last_time = _times(twin, last, batch)
    faster = last_time < _WORTH * plain_time
    return Arithmetic(count, "channels_last" if faster else "contiguous")


def apply(probe: Probe, arithmetic: Arithmetic, example: Tensor) -> Probe:
    """Return a probe whose network computes so: a copy, unless nothing changes."""
    made = probe
    if arithmetic.folded:
        made, _ = _folded(probe, example)
    if arithmetic.memory_format == "channels_last":
        made = _channels_last(made)
    return CompiledProbe(made) if arithmetic.compiled else made


def rounding(probe: Probe, other: Probe, batch: Tensor, dtype: torch.dtype | None) -> Rounding:
    """Compare `other`, in the precision `dtype` (None: as it is), with the plain `probe`."""
    error, difference, noise = _error(probe, other, batch, dtype)
    return Rounding(len(batch), error, difference, noise)


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
