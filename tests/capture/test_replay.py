"""Passes that run only what follows a replaced unit give the numbers of whole passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from skviz import Probe, intervene
from skviz.capture.discovery.adapters import own, register_adapter, unregister_adapter
from skviz.capture.replay import Pass, Replay, check_given
from skviz.errors import CaptureError
from skviz.models.sknet import SKNet, SKNetConfig


@pytest.fixture(params=["returned by a module", "inside of a module"])
def probe(request: pytest.FixtureRequest) -> Iterator[Probe]:
    torch.manual_seed(0)
    config = SKNetConfig(units=(2, 1), widths=(32, 64), outputs=(32, 64), classes=3)
    network = SKNet(config).eval()
    if request.param == "returned by a module":
        yield Probe(network)
        return
    unregister_adapter("skviz")
    yield Probe(network)
    register_adapter("skviz", own.sources)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def whole(probe: Probe, images: Tensor, given: dict[str, Tensor]) -> Tensor:
    with intervene(probe, given):
        output: Tensor = probe.capture(images, output=True)[1]
    return output


def made(plain: Pass, *names: str) -> dict[str, Tensor]:
    """All weight on the first branch."""
    given = {name: torch.zeros_like(plain.attention[name]) for name in names}
    for array in given.values():
        array[:, 0] = 1
    return given


def test_the_plain_pass_is_that_of_the_probe(probe: Probe, images: Tensor) -> None:
    replay = Replay(probe, images, [["SK_2_1"]])
    plain, (attention, output) = replay.plain(images), probe.capture(images, output=True)
    assert torch.equal(plain.output, output)
    assert list(plain.attention) == [unit.name for unit in probe.units]
    assert all(torch.equal(plain.attention[name], attention[name]) for name in attention)


@pytest.mark.parametrize("names", [["SK_2_1"], ["SK_2_2"], ["SK_3_1"], ["SK_2_1", "SK_3_1"]])
def test_a_replaced_pass_is_that_of_an_intervention(
    probe: Probe, images: Tensor, names: list[str]
) -> None:
    replay = Replay(probe, images, [names])
    for part in (images, images[:3]):
        plain = replay.plain(part)
        given = made(plain, *names)
        output = replay.replaced(given, plain).output
        assert torch.allclose(output, whole(probe, part, given), atol=1e-6)
        assert (output - plain.output).abs().max() > 1e-4


def test_a_pass_goes_on_from_another(probe: Probe, images: Tensor) -> None:
    sets = [["SK_2_1"], ["SK_2_1", "SK_3_1"], ["SK_2_1", "SK_2_2", "SK_3_1"]]
    replay = Replay(probe, images, sets)
    plain = replay.plain(images)
    first = replay.replaced(made(plain, "SK_2_1"), plain, [frozenset(names) for names in sets])
    for names in sets[1:]:
        given = made(plain, *names)
        output = replay.replaced(given, first).output
        assert torch.allclose(output, whole(probe, images, given), atol=1e-6)


def test_a_set_that_was_not_named_runs_from_the_start(probe: Probe, images: Tensor) -> None:
    replay = Replay(probe, images, [["SK_3_1"]])
    plain = replay.plain(images)
    given = made(plain, "SK_2_2")
    output = replay.replaced(given, plain).output
    assert torch.allclose(output, whole(probe, images, given), atol=1e-6)


def test_only_what_follows_runs_again(probe: Probe, images: Tensor) -> None:
    names = ["SK_2_1", "SK_2_2", "SK_3_1"]
    replay = Replay(probe, images, [[name] for name in names])
    convolutions = [
        sum(step.target is torch.ops.aten.convolution.default for step in plan.steps)
        for plan in (
            replay._plan(None, frozenset()),
            *(replay._plan(frozenset([name]), frozenset()) for name in names),
        )
    ]
    assert convolutions == sorted(convolutions, reverse=True)
    # Behind the last unit there is its own last convolution, if it is not folded, and no other.
    assert convolutions[-1] <= 2 < convolutions[-2] < convolutions[0]


def test_wrong_attention_is_refused(probe: Probe, images: Tensor) -> None:
    attention = probe.capture(images)[0]
    check_given(probe, attention)
    with pytest.raises(CaptureError, match="sum to 1 over the branches"):
        check_given(probe, {"SK_2_1": attention["SK_2_1"] * 2})


class Choosy(nn.Module):
    """Takes another way by what it sees."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * 2 if float(x.mean()) > 0 else x)


def test_a_network_that_cannot_be_traced_is_named(images: Tensor) -> None:
    config = SKNetConfig(units=(1,), widths=(32,), outputs=(32,), classes=3)
    probe = Probe(Choosy(SKNet(config)).eval(), attention="inner.*.attention:1")
    with pytest.raises(CaptureError, match="Choosy cannot be traced"):
        Replay(probe, images, [[probe.units[0].name]])
