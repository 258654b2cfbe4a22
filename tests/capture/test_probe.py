"""The probe on networks built by skviz: right numbers, and the network left as it was."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import skviz
from skviz.capture.probe import Probe
from skviz.errors import CaptureError, UnitError
from skviz.models import Branch, SKConv, SKNet, SKNetConfig

TWO = (Branch(3, 1, group_width=4), Branch(3, 2, group_width=4))
THREE = (*TWO, Branch(3, 3, group_width=4))


def tiny(branches: tuple[Branch, ...] = TWO, seed: int = 0) -> SKNet:
    torch.manual_seed(seed)
    config = SKNetConfig(
        units=(2, 2),
        widths=(8, 16),
        outputs=(16, 32),
        branches=branches,
        stem="cifar",
        stem_width=8,
        classes=3,
        input_size=16,
    )
    network = SKNet(config)
    for module in network.modules():
        # Logits large enough for attention that is far from 1/M.
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.5)
    return network


def by_hand(network: SKNet, path: str, images: torch.Tensor) -> np.ndarray:
    """Attention of one SK convolution from its own layers and its captured input."""
    convolution: Any = network.get_submodule(path)
    inputs: list[torch.Tensor] = []
    handle = convolution.register_forward_pre_hook(lambda m, args: inputs.append(args[0].clone()))
    network.eval()
    with torch.no_grad():
        network(images)
        handle.remove()
        fused = sum(branch(inputs[0]) for branch in convolution.branches)
        attention = convolution.attention
        squeezed = fused.mean(dim=(2, 3)).double()
        compact = squeezed @ attention.fc1.weight.double().T
        norm = attention.bn
        compact = (compact - norm.running_mean) / torch.sqrt(norm.running_var + norm.eps)
        compact = (compact * norm.weight + norm.bias).clamp(min=0)
        logits = compact @ attention.fc2.weight.double().T
        logits = logits.reshape(len(images), len(convolution.branches), -1)
        weights = logits.exp()
        return (weights / weights.sum(dim=1, keepdim=True)).numpy()


@pytest.mark.parametrize("branches", [TWO, THREE])
@pytest.mark.parametrize("batch", [1, 2, 3])
def test_attention_equals_the_one_computed_by_hand(
    branches: tuple[Branch, ...], batch: int
) -> None:
    network = tiny(branches)
    images = torch.randn(batch, 3, 16, 16)
    attention = Probe(network)(images)
    assert [unit.short for unit in attention.units] == ["2_1", "2_2", "3_1", "3_2"]
    for unit in attention.units:
        expected = by_hand(network, unit.path, images)
        assert attention[unit.name].shape == (batch, len(branches), unit.channels)
        assert expected.std() > 0.05
        np.testing.assert_allclose(attention[unit.name], expected, atol=1e-6)


def test_shared_photographs_by_hand(shared_data: Any) -> None:
    photographs = sorted((shared_data / "photos_val").rglob("*.jpg"))[::90][:10]
    assert len(photographs) == 10
    model: Any = skviz.load_model()
    probe = Probe(model, "paper")
    for path in photographs:
        views = skviz.enlarge(path, spec=model.skviz.spec)
        attention = probe(views)
        assert attention.scales == (1.0, 1.5, 2.0)
        for unit in attention.units:
            expected = by_hand(model, unit.path, views.images)
            np.testing.assert_allclose(attention[unit.name], expected, atol=1e-6)


class _State:
    """Everything of a network that a probe must leave alone."""

    def __init__(self, network: nn.Module) -> None:
        self.modes = [module.training for module in network.modules()]
        self.hooks = [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks))
            for m in network.modules()
        ]
        self.gradients = [p.grad for p in network.parameters()]
        self.flags = [p.requires_grad for p in network.parameters()]
        self.tensors = {k: v.clone() for k, v in network.state_dict().items()}

    def check(self, network: nn.Module) -> None:
        now = _State(network)
        assert (self.modes, self.hooks, self.flags) == (now.modes, now.hooks, now.flags)
        for one, other in zip(self.gradients, now.gradients, strict=True):
            assert one is other
        for key, value in self.tensors.items():
            assert torch.equal(value, now.tensors[key])


@pytest.mark.parametrize("logits", [False, True])
def test_the_network_is_left_exactly_as_it_was(logits: bool) -> None:
    network = tiny().train()
    network.stage2.eval()
    network(torch.randn(4, 3, 16, 16)).sum().backward()
    before = _State(network)
    Probe(network)(torch.randn(2, 3, 16, 16), logits=logits)
    before.check(network)
    assert torch.is_grad_enabled()


def test_the_network_is_left_as_it_was_after_an_exception() -> None:
    network = tiny().train()
    before = _State(network)
    message = r"SKNet fails on its input, \(2, 5, 16, 16\): RuntimeError: .*expected input"
    with pytest.raises(CaptureError, match=message):
        Probe(network)(torch.randn(2, 5, 16, 16))
    before.check(network)


def test_the_pass_stops_behind_the_deepest_unit() -> None:
    network = tiny()
    ran: list[str] = []
    for path in ("stage2.0.expand", "stage2.1.expand", "stage3", "fc"):
        network.get_submodule(path).register_forward_hook(
            lambda module, inputs, output, path=path: ran.append(path)
        )
    images = torch.randn(1, 3, 16, 16)
    Probe(network, "2_1")(images)
    assert ran == []
    Probe(network, ["2_1", "2_2"])(images)
    assert ran == ["stage2.0.expand"]
    ran.clear()
    attention = Probe(network, "2_1")(images, logits=True)
    assert ran == ["stage2.0.expand", "stage2.1.expand", "stage3", "fc"]
    assert attention.logits is not None and attention.logits.shape == (1, 3)
    np.testing.assert_allclose(attention.logits, network.eval()(images).detach(), atol=1e-6)


def test_two_probes_on_one_network_do_not_disturb_each_other() -> None:
    network = tiny()
    images = torch.randn(2, 3, 16, 16)
    expected = Probe(network)(images)
    with Probe(network, "2_1") as low, Probe(network, "3_2") as deep:
        np.testing.assert_array_equal(low(images)["2_1"], expected["2_1"])
        np.testing.assert_array_equal(deep(images)["3_2"], expected["3_2"])
        np.testing.assert_array_equal(low(images)["2_1"], expected["2_1"])


def test_two_threads_on_one_network_do_not_disturb_each_other() -> None:
    network = tiny()
    images = torch.randn(8, 3, 16, 16)
    probe = Probe(network)
    expected = [probe(images[i : i + 1])["3_2"] for i in range(8)]
    results: dict[int, np.ndarray] = {}
    errors: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for index in range(start, 8, 2):
                for _ in range(10):
                    results[index] = probe(images[index : index + 1])["3_2"]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for index, array in results.items():
        np.testing.assert_allclose(array, expected[index], atol=1e-6)


def test_compiled_networks_are_captured_not_missed() -> None:
    network = tiny().eval()
    images = torch.randn(2, 3, 16, 16)
    expected = Probe(network)(images)
    wrapped = torch.compile(network, backend="eager")
    wrapped(images)
    np.testing.assert_array_equal(Probe(wrapped)(images)["3_2"], expected["3_2"])
    network.compile(backend="eager")
    network(images)
    np.testing.assert_array_equal(Probe(network)(images)["3_2"], expected["3_2"])


def test_a_part_compiled_in_place_is_captured_too() -> None:
    network = tiny()
    images = torch.randn(2, 3, 16, 16)
    expected = Probe(network)(images)
    network.eval()
    network.stage3 = torch.compile(network.stage3, backend="eager")
    network(images)
    captured = Probe(network, "all")(images)
    np.testing.assert_array_equal(captured.arrays[captured.units[-1].name], expected["3_2"])


def test_scripted_and_traced_networks_are_refused_with_a_reason() -> None:
    network = tiny().eval()
    traced = torch.jit.trace(network, torch.randn(1, 3, 16, 16))
    with pytest.raises(CaptureError, match="scripted or traced, and hooks do not fire"):
        Probe(traced)


def test_data_parallel_is_looked_through() -> None:
    network = tiny()
    images = torch.randn(2, 3, 16, 16)
    np.testing.assert_array_equal(
        Probe(nn.DataParallel(network))(images)["3_2"], Probe(network)(images)["3_2"]
    )


def test_half_precision_is_captured() -> None:
    network = tiny()
    images = torch.randn(2, 3, 16, 16)
    expected = Probe(network)(images)
    half = Probe(tiny().to(torch.bfloat16))(images)
    np.testing.assert_allclose(half["2_1"], expected["2_1"], atol=0.05)


class _Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.sk = SKConv(8, TWO)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sk(self.sk(x))


class _Sometimes(_Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sk(x) if x.shape[-1] > 6 else x


def test_a_unit_that_never_runs_is_an_error() -> None:
    with pytest.raises(CaptureError, match=r"expected every unit to run in the forward pass"):
        Probe(_Sometimes())(torch.randn(1, 8, 6, 6))


def test_attention_that_is_not_finite_is_an_error() -> None:
    network = tiny()
    with torch.no_grad():
        network.stage2[0].sk.attention.fc2.weight.fill_(float("nan"))
    with pytest.raises(CaptureError, match="expected finite attention from SK_2_1"):
        Probe(network)(torch.randn(1, 3, 16, 16))


def test_attention_that_does_not_sum_to_one_is_an_error() -> None:
    network = tiny()
    network.stage2[1].sk.attention.register_forward_hook(lambda m, i, output: output * 0.9)
    with pytest.raises(CaptureError, match=r"SK_2_2 .* to sum to 1 .* off by up to 0\.1"):
        Probe(network)(torch.randn(1, 3, 16, 16))


def test_attention_of_another_shape_is_an_error() -> None:
    network = tiny()
    network.stage2[1].sk.attention.register_forward_hook(lambda m, i, out: out[:, :, :4])
    with pytest.raises(CaptureError, match=r"expected attention of shape \(B, 2, 8\) from SK_2_2"):
        Probe(network)(torch.randn(1, 3, 16, 16))


def test_a_network_without_sk_units_is_an_error() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(CaptureError, match="selective"):
        Probe(network)


def test_summed_networks_have_no_units() -> None:
    config = SKNetConfig((1,), (8,), (8,), TWO, select="sum", stem="cifar", classes=2)
    with pytest.raises(CaptureError, match="selective"):
        Probe(SKNet(config))


def test_unknown_unit_lists_the_known_ones() -> None:
    with pytest.raises(UnitError, match=r"unknown unit '9_9'.*2_1, 2_2, 3_1, 3_2"):
        Probe(tiny(), "9_9")
