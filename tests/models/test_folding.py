"""Folding BN into convolutions keeps what a network computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skviz import Probe, load_model
from skviz.models.folding import folded


def randomised(network: nn.Module) -> nn.Module:
    """BN statistics that are not the default ones: with those folding would change nothing."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    return network.eval()


def test_the_bundled_network_computes_the_same_without_its_bn() -> None:
    model = load_model()
    images = torch.randn(2, 3, 128, 128)
    twin, count = folded(model, images)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert count == len(norms)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in twin.modules())
    probe = Probe(model)
    plain, output = probe.capture(images, output=True)
    other, logits = probe.on(twin).capture(images, output=True)
    assert torch.allclose(output, logits, atol=1e-4)
    for unit in probe.units:
        assert torch.allclose(plain[unit.name], other[unit.name], atol=1e-6)


def test_timms_bn_with_activation_is_folded_too() -> None:
    timm = pytest.importorskip("timm")
    model = randomised(timm.create_model("skresnet18", pretrained=False))
    images = torch.randn(2, 3, 64, 64)
    twin, count = folded(model, images)
    assert count > 10
    with torch.no_grad():
        assert torch.allclose(model(images), twin(images), rtol=1e-3, atol=1e-4)


class Shared(nn.Module):
    """One convolution called twice, and one BN behind something else."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.late = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.late(torch.relu(self.norm(self.conv(self.conv(x)))))


def test_what_is_not_a_convolution_and_its_own_bn_stays() -> None:
    network = randomised(Shared())
    twin, count = folded(network, torch.randn(1, 3, 4, 4))
    assert count == 0
    assert isinstance(twin.norm, nn.BatchNorm2d)
    assert isinstance(twin.late, nn.BatchNorm2d)


def test_the_network_itself_is_left_alone() -> None:
    network = randomised(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded(network, torch.randn(1, 3, 8, 8))
    assert isinstance(network[1], nn.BatchNorm2d)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
