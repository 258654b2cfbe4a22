"""Interventions: exactly what was asked for, in every network, and nothing left behind."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skviz import CaptureError, Probe, Unit, UnitError
from skviz.capture.discovery.adapters import register_adapter, unregister_adapter
from skviz.capture.intervene import intervene
from skviz.capture.replacements import (
    branch,
    fixed,
    shuffled_channels,
    shuffled_images,
    unchanged,
    uniform,
)
from skviz.capture.site import AttentionSite
from skviz.models.sknet import K3, K5, K7, SKNet, SKNetConfig
from tests.helpers import variant_networks as networks

CONFIG = SKNetConfig(
    units=(1, 2), widths=(8, 16), outputs=(16, 32), stem="cifar", stem_width=8, classes=5,
    min_width=4, input_size=16,
).with_(branches=tuple(type(b)(b.kernel_size, b.dilation, 2) for b in (K3, K5)))  # fmt: skip
TINY3 = CONFIG.with_(branches=tuple(type(b)(b.kernel_size, b.dilation, 2) for b in (K3, K5, K7)))


def build(config: SKNetConfig = CONFIG) -> SKNet:
    """A network whose attention spreads over [0, 1], and with other statistics than 0 and 1."""
    torch.manual_seed(1)
    network = SKNet(config)
    for name, parameter in network.named_parameters():
        if name.endswith("fc2.weight"):
            parameter.data *= 500
        if name == "fc.weight":
            parameter.data *= 100
    network.train()
    with torch.no_grad():
        network(images(8))
    return network.eval()


def images(count: int = 3, side: int = 16) -> Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(2))


def variant(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return networks.Classifier(kind()).eval()


def seen_by(network: nn.Module) -> list[Tensor]:
    """What the modules recorded in their last pass, in the order of execution."""
    found = []
    for module in network.modules():
        found += module.__dict__.pop("seen", [])
    return found


def run(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network(x)


def state_of(network: nn.Module) -> list[object]:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    return [
        (module.training, sorted(module.__dict__), [dict(getattr(module, name)) for name in hooks])
        for module in network.modules()
    ]


# The attention itself: nothing changes.


@pytest.mark.parametrize("config", [CONFIG, TINY3], ids=["two", "three"])
def test_forcing_the_captured_attention_changes_nothing(config: SKNetConfig) -> None:
    network = build(config)
    probe = Probe(network)
    attention, before = probe.capture(images(), output=True)
    with intervene(probe, {name: fixed(array) for name, array in attention.items()}):
        inside, after = probe.capture(images(), output=True)
        plain = run(network, images())
    assert float((after - before).abs().max()) < 1e-6
    assert float((plain - before).abs().max()) < 1e-6
    for name in attention:
        assert torch.equal(inside[name], attention[name])


@pytest.mark.parametrize("kind", networks.SELECTIVE, ids=lambda kind: kind.__name__)
def test_every_variant_keeps_its_output_and_takes_other_attention(kind: type[nn.Module]) -> None:
    network = variant(kind)
    if kind is networks.Gated:
        network.body.se.record = lambda attention: None  # The gate is not a selective unit.
    probe = Probe(network)
    for count in (1, 3):
        x = torch.randn(count, 3, 20, 20, generator=torch.Generator().manual_seed(3))
        attention, before = probe.capture(x, output=True)
        with intervene(probe, {name: fixed(array) for name, array in attention.items()}):
            after = run(network, x)
        assert float((after - before).abs().max()) < 1e-6
        # The author's own record says what the module works with.
        other = {
            name: torch.rand(a.shape, generator=torch.Generator().manual_seed(4)).to(a.dtype)
            for name, a in attention.items()
        }
        other = {name: a / a.sum(dim=1, keepdim=True) for name, a in other.items()}
        with intervene(probe, {name: fixed(array) for name, array in other.items()}):
            seen_by(network)
            changed = run(network, x)
            own = seen_by(network)
            captured = probe.capture(x)[0]
        assert len(own) == len(other)
        for (name, forced), seen in zip(other.items(), own, strict=True):
            assert float((seen.float() - forced.float()).abs().max()) < 1e-6
            assert float((captured[name] - forced).abs().max()) < 1e-6
        assert float((changed - before).abs().max()) > 1e-5
        assert torch.equal(run(network, x), before)


def test_timm() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    network = timm.create_model("skresnext50_32x4d", pretrained=False).eval()
    probe = Probe(network)
    x = images(2, 64)
    attention, before = probe.capture(x, output=True)
    with intervene(probe, {name: fixed(array) for name, array in attention.items()}):
        assert float((run(network, x) - before).abs().max()) < 1e-6
    with intervene(probe, {"paper": branch("largest")}):
        inside, after = probe.capture(x, output=True)
    assert float((after - before).abs().max()) > 1e-4
    assert float(inside["SK_3_4"][:, 1].min()) == 1.0
    assert torch.equal(inside["SK_2_1"], attention["SK_2_1"])


# Networks rebuilt without attention.


@pytest.mark.parametrize("config", [CONFIG, TINY3], ids=["two", "three"])
@pytest.mark.parametrize("index", [0, 1, -1])
def test_forcing_a_branch_equals_a_network_of_that_branch(config: SKNetConfig, index: int) -> None:
    network = build(config)
    only = config.branches[index]
    alone = SKNet(config.with_(branches=(only,))).eval()
    number = index % len(config.branches)
    state = {}
    for name, tensor in network.state_dict().items():
        if f".branches.{number}." in name:
            state[name.replace(f".branches.{number}.", ".branches.0.")] = tensor
        elif ".branches." not in name and ".attention." not in name:
            state[name] = tensor
    alone.load_state_dict(state)
    with intervene(Probe(network), {"all": branch(index)}):
        forced = run(network, images())
    assert float((forced - run(alone, images())).abs().max()) < 1e-6
    assert float((forced - run(network, images())).abs().max()) > 1e-3


def test_uniform_attention_equals_a_network_of_sums() -> None:
    network = build(TINY3)
    sums = SKNet(TINY3.with_(select="sum")).eval()
    state = {k: v for k, v in network.state_dict().items() if ".attention." not in k}
    state = {k: v / 3 if k.endswith("expand.0.weight") else v for k, v in state.items()}
    sums.load_state_dict(state)
    with intervene(Probe(network), {"all": uniform()}):
        forced = run(network, images())
    torch.testing.assert_close(forced, run(sums, images()), rtol=1e-5, atol=1e-5)


def test_smallest_and_largest_are_told_by_the_kernel() -> None:
    probe = Probe(build(TINY3.with_(branches=TINY3.branches[::-1])))
    with intervene(probe, {"2_1": branch("largest"), "3_*": branch("smallest")}):
        attention = probe(images())
    assert attention["2_1"][:, 0].min() == 1
    assert attention["3_1"][:, 2].min() == attention["3_2"][:, 2].min() == 1


def test_the_later_name_counts() -> None:
    probe = Probe(build())
    with intervene(probe, {"all": uniform(), "3_1": branch(0)}):
        attention = probe(images())
    assert (attention["2_1"] == 0.5).all()
    assert (attention["3_1"][:, 0] == 1).all()


def test_nested_blocks_and_functions() -> None:
    probe = Probe(build())
    with intervene(probe, {"3_1": branch(0)}), intervene(probe, {"3_1": lambda a: 0.25 + a / 2}):
        attention = probe(images())
    np.testing.assert_allclose(attention["3_1"][:, 0], 0.75)
    network = variant(networks.SixAxes)
    probe = Probe(network)
    with (
        intervene(probe, {"all": branch(0)}),
        intervene(probe, {"all": lambda a: 0.25 + a / 2}),
    ):
        np.testing.assert_allclose(probe(torch.randn(2, 3, 20, 20))["body"][:, 0], 0.75)


def test_shuffles() -> None:
    network = build()
    probe = Probe(network)
    own = probe.capture(images(5))[0]["SK_2_1"]
    with intervene(probe, {"2_1": shuffled_channels(1)}):
        channels = probe.capture(images(5))[0]["SK_2_1"]
        again = probe.capture(images(5))[0]["SK_2_1"]
    with intervene(probe, {"2_1": shuffled_images(1)}):
        others = probe.capture(images(5))[0]["SK_2_1"]
    assert torch.equal(channels, again)
    assert not torch.equal(channels, own)
    assert torch.equal(channels.sort(dim=2).values, own.sort(dim=2).values)
    source = [[i for i in range(5) if torch.equal(own[i], found)] for found in others]
    assert sorted(number for found in source for number in found) == list(range(5))
    assert all(number != [index] for index, number in enumerate(source))
    with (
        intervene(probe, {"2_1": shuffled_images()}),
        pytest.raises(CaptureError, match=r"batch of two images or more .* SK_2_1 between, got 1"),
    ):
        run(network, images(1))


def test_attention_that_is_told_and_gates() -> None:
    network = variant(networks.CatSoftmax)
    probe = Probe(network, attention="*.softmax:1")
    x = torch.randn(3, 3, 20, 20)
    with intervene(probe, {"body.softmax": branch(1)}):
        seen_by(network)
        run(network, x)
        assert (seen_by(network)[0][:, 1] == 1).all()
    network = variant(networks.Gated)
    probe = Probe(network)
    with intervene(probe, {"gates": uniform()}):
        seen_by(network)
        open_gate = run(network, x)
        assert (network.body.se.seen[-1] == 1).all()
    network.body.se.forward = lambda features: features
    torch.testing.assert_close(run(network, x), open_gate)


# Gradients.


def test_constant_attention_carries_no_gradient() -> None:
    for network, x in (
        (build(), images()),
        *((variant(k), torch.randn(2, 3, 20, 20)) for k in networks.SELECTIVE[:4]),
        (variant(networks.ByHand), torch.randn(2, 3, 20, 20)),
        (variant(networks.LogSoftmax), torch.randn(2, 3, 20, 20)),
        (variant(networks.Lerp), torch.randn(2, 3, 20, 20)),
    ):
        probe = Probe(network)
        plain = network(x)
        with intervene(probe, {"all": unchanged()}, constant=True):
            inside = network(x)
            inside.square().sum().backward()
        torch.testing.assert_close(inside, plain)
        gate = [p for n, p in network.named_parameters() if _makes_attention(n)]
        assert gate
        assert all(p.grad is None or not p.grad.any() for p in gate)
        first = next(network.parameters())
        assert first.grad is not None
        assert first.grad.abs().max() > 0
        # The features' own gradient is that with the attention as a given number.
        numeric = _along(network, probe, x, first)
        assert numeric == pytest.approx(float(first.grad.reshape(-1)[0]), rel=0.02, abs=1e-6)


def _makes_attention(name: str) -> bool:
    return any(part in name for part in ("fc1", "fc2", "attention", "gate."))


def _along(network: nn.Module, probe: Probe, x: Tensor, parameter: Tensor) -> float:
    """Central difference of the same sum in double precision, the attention held."""
    held = probe.capture(x)[0]
    network.double()
    results = []
    for step in (1e-4, -1e-4):
        with torch.no_grad():
            parameter.data.reshape(-1)[0] += step
        with intervene(probe, {name: fixed(a.double()) for name, a in held.items()}):
            results.append(float(run(network, x.double()).square().sum()))
        with torch.no_grad():
            parameter.data.reshape(-1)[0] -= step
    network.float()
    return (results[0] - results[1]) / 2e-4


def test_gradients_flow_through_what_depends_on_the_attention() -> None:
    network = build()
    with intervene(Probe(network), {"3_1": shuffled_channels()}):
        network(images()).square().sum().backward()
    assert network.stage3[0].sk.attention.fc2.weight.grad.abs().max() > 0
    network.zero_grad()
    with intervene(Probe(network), {"3_1": branch(0)}):
        network(images()).square().sum().backward()
    grad = network.stage3[0].sk.attention.fc2.weight.grad
    assert grad is None or not grad.any()


def test_gradients_that_cannot_flow_are_refused() -> None:
    network = variant(networks.Plain)
    with (
        intervene(Probe(network), {"all": shuffled_channels()}),
        pytest.raises(CaptureError, match=r"cannot let gradients flow .* of body \(shuffled chan"),
    ):
        network(torch.randn(2, 3, 20, 20))
    with intervene(Probe(network), {"all": branch(0)}):
        network(torch.randn(2, 3, 20, 20)).square().sum().backward()
    assert not network.body.fc2.weight.grad.any()


# Nothing is left behind.


@pytest.mark.parametrize("kind", ["own", "operation", "root"])
def test_the_network_is_afterwards_as_it_was(kind: str) -> None:
    network, x = {
        "own": (build(), images()),
        "operation": (variant(networks.SevenTimes), torch.randn(2, 3, 20, 20)),
        "root": (networks.OneDimensional().train(), torch.randn(2, 2, 40)),
    }[kind]
    network.train(kind == "root")
    probe = Probe(network)
    seen_by(network)
    before, expected = state_of(network), run(network, x)
    seen_by(network)
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
    with intervene(probe, {"all": branch(0)}):
        run(network, x)
        probe(x)
    seen_by(network)
    assert state_of(network) == before
    wrong = x[:, :1]
    with pytest.raises(RuntimeError), intervene(probe, {"all": branch(0)}):
        run(network, x)
        run(network, wrong)
    seen_by(network)
    with pytest.raises(KeyboardInterrupt), intervene(probe, {"all": _interrupt}):
        run(network, x)
    seen_by(network)
    assert state_of(network) == before
    assert torch.utils._python_dispatch._get_current_dispatch_mode() is None
    assert torch.equal(run(network, x), expected)


def _interrupt(attention: Tensor) -> Tensor:
    raise KeyboardInterrupt


def test_what_runs_between_two_passes_is_left_alone() -> None:
    network = variant(networks.SevenTimes)
    probe = Probe(network)
    x = torch.randn(2, 3, 20, 20)
    logits = torch.randn(2, 2, networks.C, 1, 1)
    with intervene(probe, {"all": branch(0)}):
        probe.only(probe.units[0].name)(x)  # ends early, within the pass
        assert torch.equal(logits.softmax(1), torch.softmax(logits.clone(), 1))
        assert not ((logits.softmax(1) == 0) | (logits.softmax(1) == 1)).any()
        with pytest.raises(RuntimeError):
            network(x[:, :1])
        assert not (logits.softmax(1) == 0).any()
        assert (probe(x)["body.gate#3"][:, 0] == 1).all()


def test_other_threads_are_left_alone() -> None:
    for network, x in ((build(), images()), (variant(networks.Plain), torch.randn(2, 3, 20, 20))):
        expected = run(network, x)
        found: list[Tensor] = []
        with intervene(Probe(network), {"all": branch(0)}):
            thread = threading.Thread(target=lambda: found.append(run(network, x)))  # noqa: B023
            thread.start()
            thread.join()
            assert not torch.equal(run(network, x), expected)
        assert torch.equal(found[0], expected)


def test_a_forward_of_its_own_is_put_back() -> None:
    network = build()
    own = network.forward
    network.forward = lambda x: own(x) + 1
    mine = network.forward
    before = run(network, images())
    with intervene(Probe(network), {"all": unchanged()}):
        torch.testing.assert_close(run(network, images()), before)
    assert network.forward is mine


def test_nothing_to_replace_changes_nothing() -> None:
    network = build()
    before = state_of(network)
    with intervene(Probe(network), {}):
        assert state_of(network) == before


# What is refused.


def test_unknown_units_and_branches_are_refused_before_any_pass() -> None:
    probe = Probe(build())
    before = state_of(probe.network)
    with pytest.raises(UnitError, match="unknown unit '9_9'"), intervene(probe, {"9_9": uniform()}):
        pass
    for wrong in (2, -3, "biggest"):
        with (
            pytest.raises(UnitError, match=f"branch from 0 to 1 for SK_2_1, .*got {wrong!r}"),
            intervene(probe, {"all": branch(wrong)}),
        ):
            pass
    with (
        pytest.raises(CaptureError, match=r"expected a Replacement, 'smallest', .* got 'evenly'"),
        intervene(probe, {"all": "evenly"}),
    ):
        pass
    with (
        pytest.raises(CaptureError, match=r"2 branches and 16 channels for SK_3_1, got \(2, 8\)"),
        intervene(probe, {"all": fixed(np.full((2, 8), 0.5))}),
    ):
        pass
    with pytest.raises(CaptureError, match=r"expected attention of shape .* got \(2,\)"):
        fixed([0.5, 0.5])
    assert state_of(probe.network) == before


def test_attention_that_is_none_is_refused_in_the_pass() -> None:
    network = build()
    probe = Probe(network)
    for wrong, text in (
        (lambda a: a[:, :1], r"shape \(3, 2, 16\) for the attention of SK_3_1, got \(3, 1, 16\)"),
        (lambda a: None, "for the attention of SK_3_1, got NoneType"),
        (lambda a: a * float("nan"), "expected finite attention from SK_3_1"),
        (lambda a: a * 2, "attention of SK_3_1 .* to sum to 1 over the branches"),
        (fixed(np.full((4, 2, 16), 0.5)), r"\(fixed\) of shape \(3, 2, 16\) .* got \(4, 2, 16\)"),
    ):
        with intervene(probe, {"3_1": wrong}), pytest.raises(CaptureError, match=text):
            run(network, images())


def test_a_unit_that_does_not_run_or_runs_twice_is_refused() -> None:
    network = build()
    probe = Probe(network)
    second, network.stage3[1].forward = network.stage3[1].forward, lambda x: x
    with (
        intervene(probe, {"all": uniform()}),
        pytest.raises(CaptureError, match=r"every unit to run .*, SK_3_2 did not, so nothing"),
    ):
        run(network, images())
    network.stage3[1].forward = lambda x: second(second(x))
    with (
        intervene(probe, {"all": uniform()}),
        pytest.raises(CaptureError, match=r"expected SK_3_2 .* to run once .* it ran again"),
    ):
        run(network, images())


def test_one_number_for_two_weights_takes_weights_that_agree() -> None:
    network = variant(networks.TwoSigmoid)
    source = Probe(network).sources[0]
    result = torch.full((2, networks.C, 1, 1), 0.3)
    wrong = torch.full((2, 2, networks.C), 0.3)
    with pytest.raises(CaptureError, match="one number of its result stands for several weights"):
        source.write(result, wrong, 2)


def test_an_adapter_whose_reader_has_no_inverse_is_refused() -> None:
    network = variant(networks.CatSoftmax)
    unit = Unit("SK_2_1", "body", (None, None), networks.C, found_by="mine")

    def adapter(reader):
        return lambda candidate: [AttentionSite(unit, "body.softmax", reader)]

    x = torch.randn(2, 3, 20, 20)
    try:
        register_adapter("mine", adapter(lambda output: output.squeeze(-1)))
        with intervene(Probe(network), {"2_1": branch(0)}):  # a view: written through it
            seen_by(network)
            run(network, x)
            assert (seen_by(network)[0][:, 0] == 1).all()
        register_adapter("mine", adapter(lambda output: output.squeeze(-1) * 1))
        with (
            intervene(Probe(network), {"2_1": branch(0)}),
            pytest.raises(
                CaptureError, match="how to write it back is not known; give its AttentionSite"
            ),
        ):
            run(network, x)
    finally:
        unregister_adapter("mine")


def test_names_and_arrays_do_what_the_functions_do() -> None:
    probe = Probe(build())
    array = np.full((2, 8), 0.5, np.float32)
    pairs = [("smallest", branch("smallest")), ("largest", branch("largest"))]
    for short, full in [*pairs, ("uniform", uniform()), (array, fixed(array))]:
        found = []
        for given in (short, full):
            with intervene(probe, {"SK_2_1": given}):
                found.append(probe.capture(images())[0])
        for name, attention in found[0].items():
            torch.testing.assert_close(attention, found[1][name], rtol=0, atol=0)
