"""Capture from modules as people write them: exact at every batch size, kernels as they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skviz import Probe

_spec = importlib.util.spec_from_file_location(
    "variants_networks", Path(__file__).with_name("networks.py")
)
networks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(networks)


def build(kind: type[nn.Module], wrap: bool = True) -> nn.Module:
    torch.manual_seed(0)
    network = networks.Classifier(kind()) if wrap else kind()
    return network.eval()


def seen_by(network: nn.Module) -> list[np.ndarray]:
    """What the modules themselves recorded in their last pass, in the order of execution."""
    found = []
    for module in network.modules():
        found += module.__dict__.pop("seen", [])
    return [attention.float().numpy() for attention in found]


def check(network: nn.Module, probe: Probe, shape: tuple[int, ...]) -> None:
    for batch in (1, 2, 3, 4):
        images = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))
        attention = probe(images)
        seen_by(network)
        with torch.no_grad():
            network(images)
        expected = seen_by(network)
        assert len(expected) == len(attention.units)
        for name, own in zip(attention, expected, strict=True):
            assert attention[name].shape == own.shape
            np.testing.assert_allclose(attention[name], own, atol=1e-6)


@pytest.mark.parametrize("kind", networks.SELECTIVE, ids=lambda kind: kind.__name__)
def test_a_variant_is_captured_exactly(kind: type[nn.Module]) -> None:
    network = build(kind)
    units = "all"
    if kind is networks.Gated:
        network.body.se.record = lambda attention: None  # The gate is not a selective unit.
    probe = Probe(network, units)
    check(network, probe, (3, 20, 20))
    for unit in probe.units:
        sizes = tuple(k.effective if k else None for k in unit.kernels)
        if kind is networks.PoolBranch:
            assert not unit.kernels_known
        else:
            assert sizes == kind.kernels
        assert unit.kind == kind.kind
        notes = "; ".join(unit.notes)
        assert (getattr(kind, "wrong", "not there") in notes) == hasattr(kind, "wrong")
        assert ("null branch" in notes) == hasattr(kind, "null")
        assert ("constant" in notes) == hasattr(kind, "constant")
        assert ("kernel size unknown" in notes) == (not unit.kernels_known)
