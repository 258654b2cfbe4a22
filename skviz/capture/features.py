"""The features of a unit at the centre of the picture, with their gradient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from skviz.capture.discovery.adapters.timm import is_selective_kernel
from skviz.capture.networks import in_words
from skviz.capture.probe import Probe
from skviz.errors import CaptureError
from skviz.hooks import ForwardSession, Stop
from skviz.models.sknet import SKConv
from skviz.units import Unit


@dataclass(frozen=True)
class CentralFeatures:
    """Features of one unit at the central position of its output, with their graph.

    `output` has shape (B, C): the selected features V (paper, equation 6), or what the unit's
    module returns in a network that skviz does not know. `branches` are the M features U_m
    before they are weighed, each (B, C), or empty where it is not known which modules make them.
    """

    output: Tensor
    branches: tuple[Tensor, ...]


def branch_paths(probe: Probe, unit: Unit) -> tuple[str, ...]:
    """Return the paths of the modules that make the branches of a unit; empty if not known."""
    module = probe.network.get_submodule(unit.path)
    if isinstance(module, SKConv):
        name = "branches"
    elif is_selective_kernel(module):
        name = "paths"
    else:
        return ()
    there = len(module.get_submodule(name))  # type: ignore[arg-type]
    return tuple(f"{unit.path}.{name}.{i}" for i in range(there)) if there == unit.branches else ()


def central_features(probe: Probe, unit: Unit, images: Tensor) -> CentralFeatures:
    """Run a network up to behind a unit, with gradients, and return the unit's central features.

    `images` is a normalised batch (B, 3, H, W) on the network's device and in its precision.
    The network runs in evaluation mode and is afterwards as it was. The central position of
    features (h, w) is (h // 2, w // 2). Raises `CaptureError` where the unit does not run, or
    returns no features of shape (B, C, h, w).
    """
    found: list[Tensor] = []
    branches: list[Tensor] = []
    calls = count()

    def keep_branch(module: nn.Module, inputs: Any, output: Any) -> None:
        branches.append(_central(unit, output))

    def keep_output(module: nn.Module, inputs: Any, output: Any) -> None:
        if next(calls) == unit.call:
            found.append(_central(unit, output))
            raise Stop
        branches.clear()  # Those of a call that does not count.

    session = ForwardSession(probe.network, model=probe.model, evaluate=True)
    with session, torch.enable_grad():
        for path in branch_paths(probe, unit):
            session.after(probe.network.get_submodule(path), keep_branch)
        session.after(probe.network.get_submodule(unit.path), keep_output)
        with in_words(probe.network, images):
            session.run(images)
    if not found:
        raise CaptureError(
            f"expected {unit.name} ({unit.path}) to run in the forward pass, it did not; a "
            "compiled or scripted copy of the network may have run in its place"
        )
    return CentralFeatures(found[0], tuple(branches))


def _central(unit: Unit, output: Any) -> Tensor:
    if not isinstance(output, Tensor) or output.ndim != 4:
        what = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise CaptureError(
            f"expected {unit.name} ({unit.path or 'the network itself'}) to return "
            f"features of shape (B, C, H, W), got {what}; a receptive field needs a unit "
            "whose module returns features of pixels"
        )
    # A copy: what follows in the network may change the features in place.
    return output[:, :, output.shape[2] // 2, output.shape[3] // 2].clone()
