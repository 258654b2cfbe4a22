"""Whether the attention of a network that was loaded in part comes from training."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from skviz.errors import CaptureError
from skviz.models import ModelInfo, model_info
from skviz.models.inputs import example_inputs

if TYPE_CHECKING:
    from skviz.capture.probe import Probe

# Attention that changes by less is the same: rounding differs from pass to pass.
_SAME = 1e-6


def settled(probe: Probe) -> ModelInfo:
    """Return what is known of a probe's network, `trained` decided by what the probe reads.

    With tensors missing from the weights the attention still comes from training if none of
    them changes it, in any unit: a classifier that stands behind the last unit, for one.
    """
    info = model_info(probe.model)
    if info.missing and not info.trained and not _change_attention(probe, info.missing):
        info = replace(info, trained=True)
        probe.model.skviz = info  # type: ignore[assignment]
    return info


def _change_attention(probe: Probe, names: Sequence[str]) -> bool:
    """Whether other values of these tensors give other attention, tried on a random input."""
    twin = copy.deepcopy(probe.network)
    state = twin.state_dict()
    if not all(state[name].is_floating_point() for name in names):
        return True  # Numbers that may be indices cannot be changed at will.
    every = probe.only([unit.name for unit in probe.known])
    size = model_info(probe.model).spec.size
    generator = torch.Generator().manual_seed(0)
    inputs = example_inputs(probe.network) or torch.randn(1, 3, size, size, generator=generator)
    before, _ = every.capture(inputs)
    with torch.no_grad():
        for name in names:  # Variances stay positive.
            other = torch.rand(state[name].shape, generator=generator).to(state[name])
            state[name].mul_(1.5).add_(0.1 + 0.1 * other)
    try:
        after, _ = every.on(twin).capture(inputs)
    except CaptureError:
        return True
    return any(float((after[name] - before[name]).abs().max()) > _SAME for name in before)
