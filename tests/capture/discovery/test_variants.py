"""Capture from modules as people write them: exact at every batch size, kernels as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from skviz import CaptureError, Probe, Unit, UnitError, UsageError
from skviz.capture.discovery.adapters import register_adapter, unregister_adapter
from skviz.capture.site import AttentionSite
from tests.helpers import variant_networks as networks


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
        assert ("kernel size unknown" in notes) == (not unit.labelled)


@pytest.mark.parametrize("kind", networks.NOT_SELECTIVE, ids=lambda kind: kind.__name__)
def test_what_is_no_selective_attention_is_refused_with_its_reason(kind: type[nn.Module]) -> None:
    with pytest.raises(CaptureError, match="found none in Classifier: looked at") as caught:
        Probe(build(kind))
    assert kind.why in str(caught.value)
    # The class softmax at the end is named too, and never taken for a unit.
    assert "in the network itself over axis 1 of (2, 5): its result multiplies no features" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(networks.OneDimensional, (2, 40)), (networks.ThreeDimensional, (1, 6, 10, 10))],
)
def test_signals_and_volumes(kind: type[nn.Module], shape: tuple[int, ...]) -> None:
    network = build(kind, wrap=False)
    probe = Probe(network)
    check(network, probe, shape)
    assert [k.effective for k in probe.units[0].kernels if k] == [3, 5]


def test_half_precision() -> None:
    network = build(networks.AxisZero).to(torch.bfloat16)
    probe = Probe(network)
    images = torch.randn(3, 3, 20, 20)
    attention = probe(images)
    seen_by(network)
    with torch.no_grad():
        network(images.to(torch.bfloat16))
    np.testing.assert_array_equal(attention["body"], seen_by(network)[0])


def test_the_units_of_a_residual_stream_are_kept_apart() -> None:
    network = build(networks.PreNorm)
    probe = Probe(network)
    assert [unit.path for unit in probe.units] == [f"body.units.{i}" for i in range(3)]
    check(network, probe, (3, 20, 20))


def test_gates_beside_units_are_asked_for_by_kind_or_path() -> None:
    network = build(networks.Gated)
    probe = Probe(network)
    assert [unit.path for unit in probe.units] == ["body"]
    assert [unit.kind for unit in probe.gates] == ["squeeze-and-excitation"]
    images = torch.randn(2, 3, 20, 20)
    for name in ("gates", "body.se"):
        seen_by(network)
        gate = Probe(network, name)(images)
        assert [unit.path for unit in gate.units] == ["body.se"]
        assert gate["body.se"].shape == (2, 1, networks.C)
        assert 0 < gate["body.se"].min() < gate["body.se"].max() < 1
    both = Probe(network, ["all", "gates"])(images)
    assert [unit.path for unit in both.units] == ["body", "body.se"]
    with pytest.raises(UnitError, match="expected a network with gates, this one has none"):
        Probe(build(networks.Plain), "gates")


def test_looking_leaves_the_network_as_it_was() -> None:
    network = build(networks.Plain).train()
    network.body.convs[0].eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    state = torch.get_rng_state()
    Probe(network)(torch.randn(2, 3, 20, 20, generator=torch.Generator()))
    assert torch.equal(state, torch.get_rng_state())
    assert modes == [module.training for module in network.modules()]
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_the_pass_ends_behind_the_deepest_unit() -> None:
    network = build(networks.PreNorm)
    reached = []
    network.head.register_forward_hook(lambda *args: reached.append(1))
    probe = Probe(network, "body.units.1")
    reached.clear()
    images = torch.randn(2, 3, 20, 20)
    assert len(probe(images)) == 1
    assert not reached
    assert probe(images, logits=True).logits is not None
    assert reached


def test_an_error_of_the_network_leaves_nothing_behind() -> None:
    network = build(networks.Plain)
    probe = Probe(network)
    with pytest.raises(CaptureError, match=r"fails on its input.*to have 3 channels, but got 5"):
        probe(torch.randn(1, 5, 20, 20))
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
    assert len(probe(torch.randn(1, 3, 20, 20))) == 1


def test_a_network_that_takes_no_made_up_input_asks_for_one() -> None:
    class TwoInputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = networks.Gate()

        def forward(self, pair, scale):
            return self.gate(pair[0] * scale, pair[1])

    network = TwoInputs().eval()
    with pytest.raises(CaptureError, match="expected TwoInputs to run on an example, it did not"):
        Probe(network)
    example = ([torch.randn(2, 8, 6, 6), torch.randn(2, 8, 6, 6)], 2.0)
    probe = Probe(network, example=example)
    assert probe.units[0].kind == "fusion of resolution streams"
    inputs = ([torch.randn(3, 8, 6, 6), torch.randn(3, 8, 6, 6)], 2.0)
    attention = probe(inputs)
    np.testing.assert_allclose(attention["gate"], network.gate.seen[-1].numpy(), atol=1e-6)


def test_attention_that_is_told() -> None:
    network = build(networks.CatSoftmax)
    images = torch.randn(3, 3, 20, 20)
    found, told = Probe(network)(images), Probe(network, attention="*.softmax:1")(images)
    np.testing.assert_array_equal(told["body.softmax"], found["body"])
    assert told.unit("body.softmax").found_by == "told: axis 1 of the output of body.softmax"
    assert not told.unit("body.softmax").kernels_known
    with pytest.raises(UsageError, match=r"expected --attention as PATTERN:AXIS.*got 'softmax'"):
        Probe(network, attention="softmax")
    with pytest.raises(UsageError, match=r"expected modules like 'none\*' in Classifier, it has"):
        Probe(network, attention="none*:1")
    with pytest.raises(CaptureError, match=r"body.softmax to have an axis 7, its output has shape"):
        Probe(network, attention="body.softmax:7")
    with pytest.raises(CaptureError, match=r"other than 0, to follow the batch, got shapes"):
        Probe(network, attention="body.softmax:0")


def test_an_adapter_of_the_user_comes_first() -> None:
    network = build(networks.CatSoftmax)
    unit = Unit("SK_2_1", "body", (None, None), networks.C, found_by="mine")

    def mine(candidate: nn.Module) -> list[AttentionSite] | None:
        if not hasattr(candidate, "body"):
            return None
        return [AttentionSite(unit, "body.softmax", lambda output: output.squeeze(-1))]

    register_adapter("mine", mine)
    try:
        attention = Probe(network)(torch.randn(2, 3, 20, 20))
        assert [unit.found_by for unit in attention.units] == ["mine"]
    finally:
        unregister_adapter("mine")
    assert Probe(network).units[0].found_by != "mine"


def test_another_layout_than_the_one_found_is_an_error() -> None:
    network = build(networks.Plain)
    probe = Probe(network)
    network.body.m = 1
    network.body.fc2 = nn.Linear(8, networks.C)
    with pytest.raises(CaptureError, match="not laid out as in the passes that found it"):
        probe(torch.randn(2, 3, 20, 20))
