"""Random networks: what is drawn anew, what stays, and whose statistics are re-estimated."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skviz.capture.probe import Probe
from skviz.capture.stack import execution_order
from skviz.data import open_dataset
from skviz.data.loading import ViewMaker
from skviz.errors import ModelError, UsageError
from skviz.models import build, model_info
from skviz.pictures.scaling import InputSpec
from skviz.runs.storage.settings import state_digest
from skviz.studies.controls.control import Control, parse_control
from skviz.studies.controls.networks import (
    FIRST_SEED,
    Calibration,
    RandomNetwork,
    copied,
    random_network,
    reinitialise,
)


def changed(network: nn.Module, control: Control | str) -> RandomNetwork:
    given = parse_control(control) if isinstance(control, str) else control
    units = Probe(network).known
    return random_network(network, given.for_units(units), units, model_info(network).spec)


def different(one: nn.Module, other: nn.Module) -> set[str]:
    """Names of the parameters that differ."""
    values = dict(other.named_parameters())
    return {name for name, value in one.named_parameters() if not torch.equal(value, values[name])}


@pytest.fixture
def calibration(pictures: Path, tiny: nn.Module) -> Calibration:
    return Calibration(open_dataset(pictures), ViewMaker((1.0,), model_info(tiny).spec))


def test_the_seed_decides_the_weights(tiny: nn.Module) -> None:
    torch.manual_seed(1)
    state, expected = state_digest(tiny), torch.rand(3)
    torch.manual_seed(1)
    same = [state_digest(changed(tiny, "random:3").network) for _ in range(2)]
    assert torch.equal(torch.rand(3), expected), "the caller's random numbers are others now"
    assert same[0] == same[1]
    assert state_digest(changed(tiny, "random:4").network) != same[0]
    assert state_digest(tiny) == state, "the caller's network is another now"
    assert tiny.training is False


def test_own_networks_are_drawn_as_they_are_built(tiny: nn.Module) -> None:
    made = changed(tiny, "random:3")
    assert made.kept == ()
    assert state_digest(made.network) == state_digest(build("tiny", seed=FIRST_SEED + 3))
    weights = {n: p for n, p in made.network.named_parameters() if p.ndim > 1}
    assert set(weights) <= different(made.network, tiny)
    # Linear layers have the deviation of the authors, 0.01, not PyTorch's 1 / sqrt(C).
    assert weights["fc.weight"].std().item() == pytest.approx(0.01, rel=0.2)


def test_no_control_is_the_beginning_of_a_training(tiny: nn.Module) -> None:
    """The null would not be independent of a network that was trained from the same seed."""
    begun = build("tiny", seed=0)
    weights = {name for name, value in begun.named_parameters() if value.ndim > 1}
    assert weights <= different(changed(tiny, "random:0").network, begun)


def test_statistics_are_those_of_the_pictures(tiny: nn.Module, calibration: Calibration) -> None:
    made = changed(tiny, "random:0")
    batches = list(calibration.batches(torch.device("cpu")))
    assert [len(batch) for batch in batches] == [15] * 4
    with torch.no_grad():
        stem = made.network.stem[0]
        expected = torch.stack([stem(batch).mean((0, 2, 3)) for batch in batches]).mean(0)
    before = made.network.stem[1].running_mean.clone()
    made.settle(calibration, 0)
    norm = made.network.stem[1]
    torch.testing.assert_close(norm.running_mean, expected)
    assert not torch.allclose(norm.running_mean, before)
    assert norm.momentum == 0.1
    assert made.network.training is False
    again = changed(tiny, "random:0")
    again.settle(calibration, 0)
    assert state_digest(again.network) == state_digest(made.network)


def test_pictures_are_shuffled_and_normalised(pictures: Path, tiny: nn.Module) -> None:
    """In the order of the folder every batch would have the statistics of one class."""
    images = open_dataset(pictures)
    views = ViewMaker((1.0,), model_info(tiny).spec)
    pixels = Calibration(images, views).pixels
    ordered = np.stack([views(images.read(n), None)[0][0] for n in range(len(images))])
    assert pixels.shape == ordered.shape
    place = [int(np.abs(ordered - one).sum((1, 2, 3)).argmin()) for one in pixels.numpy()[:15]]
    assert {int(images.labels[number]) for number in place} == {0, 1, 2}


@pytest.mark.parametrize(
    ("control", "parts"),
    [
        ("unit:SK_2_1:1", {"stage2.0.sk"}),
        ("unit:SK_3_1:1", {"stage3.0.sk"}),
        ("cascade:SK_3_1:1", {"stage3.0.sk", "stage3.0.expand", "stage3.0.shortcut", "fc"}),
    ],
)
def test_only_the_modules_asked_for_change(
    tiny: nn.Module, calibration: Calibration, control: str, parts: set[str]
) -> None:
    made = changed(tiny, control)
    names = different(made.network, tiny)
    inside = {n for n, p in tiny.named_parameters() if n.startswith(tuple(f"{x}." for x in parts))}
    assert {n for n in inside if dict(tiny.named_parameters())[n].ndim > 1} <= names <= inside
    assert all(path.startswith(tuple(parts)) for path in made.paths)
    # Weights are those that the wholly random network has there.
    whole = changed(tiny, "random:1").network
    assert not (different(made.network, whole) & inside)
    made.settle(calibration, 0)
    probe = Probe(tiny)
    batch = next(iter(calibration.batches(torch.device("cpu"))))
    before, _ = probe.capture(batch)
    after, _ = probe.on(made.network).capture(batch)
    unit = control.split(":")[1]
    assert not torch.allclose(before[unit], after[unit], atol=1e-3)
    below = [u.name for u in probe.units][: [u.name for u in probe.units].index(unit)]
    for name in below:
        assert torch.equal(before[name], after[name]), f"{name} is below {unit} and changed"


def test_cascade_from_the_lowest_unit_takes_all_above(tiny: nn.Module) -> None:
    made = changed(tiny, "cascade:SK_2_1")
    assert {"fc", "stage3.0.sk.attention.fc1", "stage2.0.sk.attention.fc2"} <= set(made.paths)
    assert not {"stem.0", "stem.1", "stage2.0.reduce.0"} & set(made.paths)


class Foreign(nn.Module):
    """Selects between two convolutions; one number no rule can draw, one module that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 5, padding=2)
        self.norm = nn.BatchNorm2d(8)
        self.logits = nn.Linear(8, 16)
        self.scale = nn.Parameter(torch.full((1,), 2.0))
        self.head = nn.Linear(8, 4)
        self.head.reset_parameters = self.stubborn  # type: ignore[method-assign]

    @staticmethod
    def stubborn(argument: object) -> None:
        raise AssertionError(argument)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        f = torch.stack([self.a(x), self.b(x)], 1)
        w = self.logits(f.sum(1).mean((2, 3))).view(-1, 2, 8, 1, 1).softmax(1)
        return self.head(self.norm(self.scale * (f * w).sum(1)).mean((2, 3)))


def test_foreign_networks_are_reset_and_what_stays_is_named() -> None:
    network = Foreign()
    network.norm.weight.data.fill_(3.0)
    network.norm.running_mean.fill_(5.0)
    made = changed(network, "random:1")
    assert made.kept == ("scale", "head.weight", "head.bias")
    assert different(made.network, network) >= {"a.weight", "b.weight", "logits.weight"}
    assert made.network.norm.weight.tolist() == [1.0] * 8
    assert made.network.norm.running_mean.tolist() == [0.0] * 8
    assert network.norm.running_mean.tolist() == [5.0] * 8


def test_a_network_says_itself_how_it_begins() -> None:
    network = Foreign()

    def init_weights() -> None:
        nn.init.constant_(network.scale, 7.0)

    network.init_weights = init_weights  # type: ignore[assignment]
    assert reinitialise(network, 0) == ["head.weight", "head.bias"]
    assert network.scale.item() == 7.0


def test_timm_networks_are_reset_whole() -> None:
    timm = pytest.importorskip("timm", reason="needs timm")
    network = timm.create_model("skresnet18", pretrained=False).eval()
    for parameter in network.parameters():
        parameter.data.fill_(0.5)
    other = copied(network)
    assert reinitialise(other, 0) == []
    assert different(network, other) == {name for name, _ in network.named_parameters()}


def test_networks_that_cannot_be_made_random_are_refused() -> None:
    class Fixed(Foreign):
        def __init__(self) -> None:
            super().__init__()
            for module in (self.a, self.b, self.norm, self.logits):
                module.reset_parameters = self.stubborn

    with pytest.raises(ModelError, match="the control 'random-00' can re-initialise, Fixed has no"):
        changed(Fixed(), "random")
    network = Foreign()
    network.generator = (number for number in ())  # type: ignore[assignment]
    with pytest.raises(ModelError, match=r"copy.deepcopy can copy, Foreign cannot: .*pickle"):
        copied(network)


def test_one_picture_has_no_statistics(pictures: Path, tiny: nn.Module) -> None:
    images = open_dataset(pictures).select(np.array([0]))
    views = ViewMaker((1.0,), model_info(tiny).spec)
    with pytest.raises(UsageError, match=r"at least two readable images, .* got 1"):
        _ = Calibration(images, views).pixels


def test_networks_without_bn_need_no_pictures(pictures: Path) -> None:
    made = RandomNetwork(nn.Sequential(nn.Linear(2, 2)), ("0",), ("0",), ())
    nothing = open_dataset(pictures).select(np.array([], np.int64))
    made.settle(Calibration(nothing, ViewMaker((1.0,), InputSpec())), 0)


def test_order_of_execution_is_that_of_the_calls() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.late, self.early = nn.Conv2d(3, 3, 1), nn.Sequential(nn.Conv2d(3, 3, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.late(self.early(self.late(x)))

    network = Twice()
    before = copy.deepcopy(network.state_dict())
    order = execution_order(network, torch.zeros(1, 3, 4, 4))
    assert order == ["", "late", "early", "early.0", "late"]
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
