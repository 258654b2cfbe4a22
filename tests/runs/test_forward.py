"""Batches that do not fit into memory are halved, with an allocator that really refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from skviz.capture.probe import Probe
from skviz.errors import CaptureError, SkvizError, UsageError
from skviz.models import Branch, SKNet, SKNetConfig
from skviz.pictures.scaling import InputSpec
from skviz.runs.forward import Forward, check_precision

BRANCHES = (Branch(3, 1, group_width=4), Branch(3, 2, group_width=4))
# More bytes than a process can address: no machine has them.
TOO_MUCH = 2**47


class Hungry(nn.Module):
    """An SK network whose memory suffices for `views` views and not for one more."""

    def __init__(self, views: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.views = views
        self.inner = SKNet(
            SKNetConfig((1, 1), (8, 16), (16, 32), BRANCHES, stem="cifar", classes=3)
        )

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.views:
            torch.empty(TOO_MUCH, dtype=torch.uint8)
        return self.inner(x)


def prepared(views: int, batch_size: int) -> Forward:
    network = Hungry(100)
    probe = Probe(network, example=torch.randn(1, 3, 16, 16))
    network.views = views
    return Forward(probe, InputSpec(size=16), batch_size, "fp32")


def test_a_batch_that_does_not_fit_is_halved_until_it_does() -> None:
    pixels = torch.randint(0, 256, (7, 2, 16, 16, 3), dtype=torch.uint8)
    plenty, little = prepared(100, 14), prepared(3, 14)
    expected, measured = plenty.measure(pixels), little.measure(pixels)
    assert (plenty.batch_size, little.batch_size) == (14, 3)
    np.testing.assert_allclose(measured.means, expected.means, atol=1e-6)
    np.testing.assert_array_equal(measured.predicted, expected.predicted)
    np.testing.assert_allclose(measured.probability, expected.probability, atol=1e-6)


def test_memory_that_does_not_hold_one_view() -> None:
    pixels = torch.zeros((1, 2, 16, 16, 3), dtype=torch.uint8)
    with pytest.raises(SkvizError, match="memory of cpu does not hold one view of 16 x 16 pixels"):
        prepared(0, 2).measure(pixels)


def test_other_errors_of_a_network_are_told_and_do_not_halve_the_batch() -> None:
    pixels = torch.zeros((1, 1, 16, 16, 3), dtype=torch.uint8)
    forward = prepared(5, 4)
    forward.probe.network.inner.fc = nn.Linear(5, 3)
    message = "fails on its input, .*RuntimeError: .*shapes cannot be multiplied"
    with pytest.raises(CaptureError, match=message) as caught:
        forward.measure(pixels)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert forward.batch_size == 4


def test_unknown_precision() -> None:
    with pytest.raises(UsageError, match="expected precision fp32, bf16, fp16, got 'fp8'"):
        check_precision("fp8")
