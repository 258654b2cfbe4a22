"""SK convolutions in light networks, next to table 4 of the paper."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models

from skviz import ModelError, Probe
from skviz.models import SKConv, count_macs, count_parameters, with_selective_kernels

# Parameters in millions, multiply-adds in millions (table 4), and how far we may be from them.
# The 1.0x network of torchvision has 144.9M multiply-adds before any SK, hence its tolerance.
TABLE_4 = {
    "shufflenet_v2_x0_5": (1.48, 42.58, 0.01),
    "shufflenet_v2_x1_0": (2.63, 145.66, 0.03),
}
LIGHT = [*TABLE_4, "mobilenet_v2"]


@pytest.mark.parametrize("name", TABLE_4)
def test_sizes_are_those_of_table_4(name: str) -> None:
    parameters, macs, tolerance = TABLE_4[name]

    def make() -> nn.Module:
        return with_selective_kernels(models.get_model(name, weights=None))

    assert count_parameters(make()) / 1e6 == pytest.approx(parameters, rel=0.01)
    assert count_macs(make, 224) / 1e6 == pytest.approx(macs, rel=tolerance)


@pytest.mark.parametrize("name", LIGHT)
def test_every_depthwise_convolution_becomes_a_unit(name: str) -> None:
    torch.manual_seed(0)
    plain = models.get_model(name, weights=None).eval()
    depthwise = [
        m for m in plain.modules() if isinstance(m, nn.Conv2d) and m.groups == m.in_channels > 1
    ]
    light = with_selective_kernels(plain).eval()
    assert sum(isinstance(m, SKConv) for m in light.modules()) == len(depthwise)
    assert not any(isinstance(m, SKConv) for m in plain.modules())
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert light(images).shape == plain(images).shape
    probe = Probe(light)
    assert len(probe.units) == len(depthwise)
    assert {tuple(k.effective for k in unit.kernels if k) for unit in probe.units} == {(3, 5)}
    attention = probe(images)
    last = attention[probe.units[-1].name]
    assert last.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_strided_convolutions_can_stay() -> None:
    plain = models.shufflenet_v2_x0_5()
    some = with_selective_kernels(plain, unit_stride_only=True)
    every = with_selective_kernels(plain)
    counts = [sum(isinstance(m, SKConv) for m in n.modules()) for n in (some, every)]
    assert counts == [13, 19]


def test_a_network_without_depthwise_convolutions_is_an_error() -> None:
    with pytest.raises(ModelError, match="expected a network with depthwise convolutions"):
        with_selective_kernels(nn.Sequential(nn.Conv2d(3, 4, 3)))
