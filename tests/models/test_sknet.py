"""SKNet against the paper's tables and the reference counts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from skviz.errors import ModelError, UnknownModelError
from skviz.models import (
    CONFIGS,
    Branch,
    SKConv,
    SKNet,
    SKNetConfig,
    build,
    count_macs,
    count_parameters,
    known_models,
    sk_units,
)
from skviz.models.sknet import K3, K5, K7

IMAGENET = SKNetConfig(units=(3, 4, 6, 3))


def _parameters(config: SKNetConfig) -> int:
    with torch.device("meta"):
        return count_parameters(SKNet(config))


def _macs(config: SKNetConfig) -> int:
    return count_macs(lambda: SKNet(config), config.input_size)


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("sknet26", 16_746_408, 2.5869e9),
        ("sknet50", 27_479_784, 4.4627e9),
        ("sknet101", 48_736_040, 8.4487e9),
    ],
)
def test_sizes_equal_the_reference(name: str, parameters: int, macs: float) -> None:
    config = CONFIGS[name]
    assert _parameters(config) == parameters
    assert _macs(config) == pytest.approx(macs, rel=1e-4)


def test_one_branch_is_resnext50() -> None:
    single = IMAGENET.with_(branches=(K3,))
    assert _parameters(single) == 25_028_904
    assert _macs(single) == pytest.approx(4.2305e9, rel=1e-4)


@pytest.mark.parametrize("classes", [10, 100])
def test_sknet29_is_within_half_a_percent_of_the_paper(classes: int) -> None:
    config = CONFIGS["sknet29"].with_(classes=classes)
    # The paper says 27.7M for CIFAR-10; each further class adds 1,025 parameters.
    assert _parameters(config) - 1025 * (classes - 10) == pytest.approx(27.7e6, rel=0.005)


# Table 6: the second branch (kernel, dilation, groups); parameters in millions, GFLOPs.
TABLE_6 = [
    ((5, 1, 64), 27.7, 4.59),
    ((7, 1, 128), 27.5, 4.53),
    ((5, 1, 128), 27.0, 4.34),
    ((3, 2, 32), 27.5, 4.47),
    ((3, 3, 32), 27.5, 4.47),
]


@pytest.mark.parametrize(("second", "parameters", "gflops"), TABLE_6)
def test_second_branches_of_table_6_can_be_built(
    second: tuple[int, int, int], parameters: float, gflops: float
) -> None:
    config = IMAGENET.with_(branches=(K3, Branch(*second)))
    network = SKNet(config.with_(units=(1, 1, 1, 1), classes=2)).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
    size, dilation, _ = second
    assert sk_units(network)[0].kernels[1].effective == size + (size - 1) * (dilation - 1)


@pytest.mark.parametrize("select", ["attention", "sum"])
@pytest.mark.parametrize("branches", [(K3,), (K5,), (K7,), (K3, K5), (K3, K7), (K3, K5, K7)])
def test_branches_of_table_7_can_be_built(branches: tuple[Branch, ...], select: str) -> None:
    config = IMAGENET.with_(branches=branches, select=select, units=(1, 1, 1, 1), classes=3)
    network = SKNet(config).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 3)
    selective = select == "attention" and len(branches) > 1
    assert len(sk_units(network)) == (4 if selective else 0)


def test_table_7_parameters() -> None:
    # Table 7: K3 + K5 summed has 26.5M parameters, K3 + K5 + K7 selected 30.0M.
    assert _parameters(IMAGENET.with_(select="sum")) == pytest.approx(26.5e6, rel=0.01)


def test_a_summed_unit_is_the_sum_of_its_branches() -> None:
    torch.manual_seed(0)
    unit = SKConv(8, (Branch(groups=2), Branch(dilation=2, groups=2)), select="sum").eval()
    x = torch.randn(2, 8, 9, 9)
    expected = unit.branches[0](x) + unit.branches[1](x)
    torch.testing.assert_close(unit(x), expected)


def test_a_selected_unit_by_hand() -> None:
    torch.manual_seed(0)
    unit = SKConv(8, tuple(Branch(3, d, 2) for d in (1, 2, 3)), stride=2).eval()
    nn.init.normal_(unit.attention.fc2.weight)
    x = torch.randn(2, 8, 9, 9)
    features = torch.stack([branch(x) for branch in unit.branches], dim=1)
    squeezed = features.sum(dim=1).mean(dim=(-1, -2))
    attention = unit.attention
    compact = attention.bn(squeezed @ attention.fc1.weight.T).clamp(min=0)
    logits = (compact @ attention.fc2.weight.T).reshape(2, 3, 8)
    weights = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    expected = (weights[..., None, None] * features).sum(dim=1)
    assert expected.shape == (2, 8, 5, 5)
    torch.testing.assert_close(unit(x), expected)


def test_authors_details() -> None:
    network = SKNet(CONFIGS["sknet50_lite"].with_(attention_init="paper"))
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    assert all(convolution.bias is None for convolution in convolutions)
    assert {norm.eps for norm in norms} == {1e-5}
    first = network.stage3[0]
    assert first.reduce[0].stride == (1, 1)
    assert {branch[0].stride for branch in first.sk.branches} == {(2, 2)}
    assert first.sk.attention.fc1.bias is None and first.sk.attention.fc2.bias is None
    assert first.sk.attention.fc1.out_features == 32
    # He initialisation (fan out) for convolutions, 0.01 for the fully connected layers.
    last = network.stage5[0].expand[0]
    assert last.weight.std().item() == pytest.approx(math.sqrt(2 / last.out_channels), rel=0.05)
    assert network.fc.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert first.sk.attention.fc2.weight.std().item() == pytest.approx(0.01, rel=0.1)


def test_compact_width_is_the_larger_of_the_ratio_and_32() -> None:
    with torch.device("meta"):
        network = SKNet(IMAGENET)
    widths = [getattr(network, stage)[0].sk.attention.fc1.out_features for stage in network.stages]
    assert widths == [32, 32, 32, 64]


def test_the_seed_decides_the_weights_and_the_random_state_stays() -> None:
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    one, same, other = build("sknet50_lite"), build("sknet50_lite"), build("sknet50_lite", seed=1)
    assert torch.rand(1) == expected
    assert torch.equal(one.fc.weight, same.fc.weight)
    assert not torch.equal(one.fc.weight, other.fc.weight)


def test_known_models_list_every_network_with_its_units() -> None:
    cards = {card.name: card for card in known_models()}
    assert set(cards) == set(CONFIGS)
    assert [len(cards[n].units) for n in ("sknet26", "sknet50", "sknet101", "sknet29")] == [
        8,
        16,
        33,
        9,
    ]
    assert cards["sknet50_lite"].units[6] == "SK_3_4"
    assert cards["sknet29"].input_size == 32


def test_unknown_network_names_the_nearest() -> None:
    with pytest.raises(UnknownModelError, match=r"unknown network 'sknet5'.*Did you mean 'sknet"):
        build("sknet5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": (1, 2)}, "expected one entry per stage in units, widths and outputs, got 2"),
        ({"branches": ()}, "expected at least one branch, got none"),
        ({"select": "max"}, "expected select 'attention' or 'sum', got 'max'"),
        ({"stem": "big"}, "expected stem 'imagenet' or 'cifar', got 'big'"),
    ],
)
def test_impossible_configurations(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        IMAGENET.with_(**changes)


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ModelError, match="expected the groups to divide the channels, got 3"):
        SKConv(8, (Branch(groups=3), K5))


def test_attention_may_begin_wider() -> None:
    torch.manual_seed(0)
    config = SKNetConfig((1,), (64,), (128,), attention_init="he", classes=2)
    attention = SKNet(config).stage2[0].sk.attention
    # He: the square root of two over the number of inputs.
    assert attention.fc1.weight.std().item() == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    assert attention.fc2.weight.std().item() == pytest.approx(0.1, rel=0.05)
    with pytest.raises(ModelError, match="expected attention_init 'paper' or 'he', got 'other'"):
        SKNetConfig((1,), (64,), (128,), attention_init="other")
