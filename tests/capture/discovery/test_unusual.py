"""Networks that are looked into as they are, or refused for the reason that holds for them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skviz import CaptureError, Probe, Unit, analyze_image
from skviz.capture.discovery.discover import discover
from skviz.capture.discovery.passes import run_passes
from skviz.capture.intervene import intervene
from skviz.capture.replacements import fixed
from skviz.errors import NoInputError
from skviz.reports.documents.of_images import image_document
from skviz.reports.single import ReportOptions, report_images
from skviz.studies.image import ImageAnalysis
from tests.helpers import unusual_networks as u

THREE = (3, 5, 7)


def seeded(make: Any, *args: Any, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    network = make(*args, **options).eval()
    for parameter in network.parameters():
        parameter.data.mul_(2)  # As they come, weights are so small that all is 1 / M.
    return network


def labels(unit: Unit) -> list[str]:
    return [unit.branch_label(branch) for branch in range(unit.branches)]


def check(network: nn.Module, *shape: int) -> Unit:
    """The one unit of a network, whose attention must be what the network recorded."""
    probe = Probe(network)
    assert len(probe.units) == 1
    body = next(module for module in network.modules() if hasattr(module, "seen"))
    for batch in (1, 2, 3):
        images = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(batch))
        found = probe(images)
        body.seen.clear()
        with torch.no_grad():
            network(images)
        np.testing.assert_allclose(next(iter(found.arrays.values())), body.seen[0], atol=1e-6)
    return probe.units[0]


STEPS = [
    u.Step, u.StepFirst, u.StepBack, u.StepAddcmul, u.StepComplement, u.LerpOfSoftmax,
]  # fmt: skip
NORMALISED = [
    u.Normalised, u.NormalisedSafely, u.NormalisedClamped, u.NormalisedFunctional,
    u.NormalisedLast, u.NormalisedOneByOne, u.NormalisedAfterwards, u.Softplus,
]  # fmt: skip


@pytest.mark.parametrize("kind", STEPS)
def test_a_step_from_one_branch_to_the_other_is_a_selection(kind: type[u.Selective]) -> None:
    unit = check(seeded(kind), 3, 20, 20)
    assert tuple(labels(unit)) == kind.order
    assert unit.kind == "selective kernel"


@pytest.mark.parametrize("kernels", [(3, 5), THREE])
@pytest.mark.parametrize("kind", NORMALISED)
def test_weights_divided_by_their_sum(kind: type[u.Selective], kernels: tuple[int, ...]) -> None:
    network = seeded(kind, kernels)
    unit = check(network, 3, 20, 20)
    assert labels(unit) == [f"{k}x{k}" for k in kernels]
    # Other attention can be put in their place, and is then what is used.
    images = torch.randn(2, 3, 20, 20)
    probe = Probe(network)
    share = torch.rand(len(kernels), u.C) + 0.1
    share = share / share.sum(0)
    with torch.no_grad(), intervene(probe, {unit.name: fixed(share)}):
        found = network(images)
        expected = sum(
            w[None, :, None, None] * conv(images)
            for w, conv in zip(share, network.convs, strict=True)
        )
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (u.OneMinus, "runs over the channels of one branch"),
        (u.OneMinusStep, "runs over the channels of one branch"),
        (u.OneOfThree, "runs over 3 weights, of which one is used"),
    ],
)
def test_a_softmax_over_others_than_branches_with_one_minus_it(kind: Any, said: str) -> None:
    unit = check(seeded(kind), 3, 20, 20)
    assert labels(unit) == ["3x3", "5x5"]
    assert any(said in note and "1 minus its weight" in note for note in unit.notes)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (u.Scaled, "scaled by a learned number, 1.4,"),
        (u.ScaledNumber, "scaled by 1.4,"),
        (u.ScaledPerChannel, "scaled by fixed numbers, one for each,"),
        (u.Divided, "scaled by 0.5,"),
    ],
)
def test_scaled_weights_are_said_to_be(kind: type[u.Selective], said: str) -> None:
    unit = check(seeded(kind), 3, 20, 20)
    assert labels(unit) == ["3x3", "5x5"]
    assert any(said in note for note in unit.notes)


@pytest.mark.parametrize("kind", [u.Null, u.NullOfZeros])
@pytest.mark.parametrize(("at", "kernels"), [(2, (3, 5)), (0, (3, 5)), (1, (5, 3)), (3, (7, 3, 5))])
def test_a_null_branch_takes_no_part_in_the_difference(
    kind: type[u.Null], at: int, kernels: tuple[int, ...]
) -> None:
    network = seeded(kind, at, kernels)
    unit = check(network, 3, 20, 20)
    expected = [f"{k}x{k}" for k in kernels]
    expected.insert(at, "null")
    assert labels(unit) == expected
    assert unit.null == (at,)
    assert f"branch {at} is a null branch" in unit.notes[0]
    images = torch.randn(3, 3, 20, 20)
    found = Probe(network)(images)
    weights = found[unit.name]
    large, small = (expected.index(f"{k}x{k}") for k in (max(kernels), min(kernels)))
    np.testing.assert_allclose(
        found.difference(unit.name), (weights[:, large] - weights[:, small]).mean(-1), atol=1e-6
    )
    assert found.expected_kernel(unit.name) is None


@pytest.mark.parametrize("kernels", [(3, 5), THREE])
@pytest.mark.parametrize(
    "kind", [u.ByMap, u.ByMapOnly, u.ByChannelMap, u.ByChannelMapOnly, u.ByMapStacked]
)
def test_weights_changed_by_a_map_are_refused(kind: Any, kernels: tuple[int, ...]) -> None:
    with pytest.raises(CaptureError, match="changed after it by values that differ from pixel to"):
        Probe(seeded(kind, kernels))


@pytest.mark.parametrize("kind", [u.Taps, u.TapsOfViews, u.TapsOfSlices])
def test_the_taps_of_a_filter_are_no_branches(kind: type[u.Taps]) -> None:
    with pytest.raises(CaptureError, match="its axis holds the taps of one filter, not branches"):
        Probe(seeded(kind))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("kind", [u.Selective, u.Normalised, u.Step, u.OneMinus])
def test_passes_of_one_image_are_averaged(kind: Any, count: int, first: bool) -> None:
    inner = seeded(kind)
    network = u.Passes(inner, count, first).eval()
    probe = Probe(network)
    unit = probe.units[0]
    assert (unit.branches, unit.channels) == (2, u.C)
    assert sorted(labels(unit)) == ["3x3", "5x5"]
    assert any(f"each image passes {count} times" in note for note in unit.notes)
    images = torch.randn(3, 3, 20, 20)
    inner.seen.clear()
    found = probe(images)[unit.name]
    recorded = inner.seen[-1].unflatten(0, (count, 3) if first else (3, count))
    np.testing.assert_allclose(found, recorded.mean(0 if first else 1), atol=1e-6)


def test_groups_of_channels_in_the_batch_are_channels() -> None:
    unit = check(seeded(u.GroupsInBatch), 3, 20, 20)
    assert (unit.channels, labels(unit)) == (u.C, ["3x3", "5x5"])
    assert not any("passes" in note for note in unit.notes)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("kernels", "shape", "expected"),
    [
        ([((3,), (1,)), ((5,), (1,))], (40,), ["3", "5"]),
        ([((3,), (4,)), ((7,), (1,))], (40,), ["9", "7"]),
        ([((3, 1), (1, 1)), ((3, 1), (2, 1))], (20, 20), ["3x1", "5x1"]),
        ([((1, 3), (1, 1)), ((3, 3), (1, 2)), ((3, 3), (2, 1))], (20, 20), ["1x3", "3x5", "5x3"]),
        ([((3, 3), (1, 1)), ((3, 1), (1, 1))], (20, 20), ["3x3", "3x1"]),
        ([((1, 7), (1, 1)), ((7, 1), (1, 1))], (20, 20), ["1x7", "7x1"]),
        ([((1, 3, 3), (1, 1, 1)), ((3, 3, 3), (1, 1, 1))], (6, 9, 9), ["1x3x3", "3x3x3"]),
    ],
)
def test_kernels_of_any_sides_behind_any_padding(
    mode: str, kernels: Any, shape: tuple[int, ...], expected: list[str]
) -> None:
    unit = check(seeded(u.Shapes, *kernels, pad=mode), 2, *shape)
    assert labels(unit) == expected


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular", "constant"])
def test_padding_by_a_function_keeps_the_kernels(mode: str) -> None:
    class Padded(u.Selective):
        def forward(self, x):
            padded = [nn.functional.pad(x, (n, n, n, n), mode=mode) for n in (2, 3)]
            features = [
                conv(wide)[..., n:-n, n:-n]
                for conv, wide, n in zip(self.convs, padded, (2, 3), strict=True)
            ]
            z = self.fc(sum(features).mean((2, 3))).view(len(x), 2, u.C)
            return self.mix(features, z, x)

    assert labels(check(seeded(Padded), 3, 20, 20)) == ["3x3", "5x5"]


@pytest.mark.parametrize("layer", [True, False])
@pytest.mark.parametrize("channels", [1, 3, 4, 6, 12])
def test_an_example_is_found_whatever_the_order_of_the_layers(channels: int, layer: bool) -> None:
    network = seeded(u.StemAt, channels, layer)
    assert labels(check(network, channels, 20, 20)) == ["3x3", "5x5"]


def test_a_given_example_is_used_as_it_is() -> None:
    class Frames(u.Selective):
        """Clips of four frames, of one size only."""

        def forward(self, x):
            assert len(x) % 4 == 0
            assert x.shape[2:] == (18, 22)
            seen.append(x.clone())
            return super().forward(x)

    seen: list[torch.Tensor] = []
    example = torch.randn(4, 3, 18, 22)
    network = seeded(Frames)
    assert labels(Probe(network, example=example).units[0]) == ["3x3", "5x5"]
    assert torch.equal(seen[0], example)


def test_what_is_no_image_of_the_batch_is_left_as_it_is() -> None:
    class WithTable(u.Selective):
        def forward(self, x, table):
            assert table.shape == (5, 3)
            return super().forward(x)

    table = torch.randn(5, 3)
    probe = Probe(seeded(WithTable), example=(torch.randn(1, 3, 20, 20), table))
    assert len(probe((torch.randn(2, 3, 20, 20), table))) == 1


class Lost(u.Selective):
    """The weights go through a look-up that is not followed."""

    def mix(self, features, z, x):
        w = torch.cumsum(z.softmax(1), 1)[..., None, None]
        return features[0] * w[:, 0] + features[1] * w[:, 1]


class OneUsed(u.Selective):
    """One of two weights weighs everything."""

    def mix(self, features, z, x):
        return sum(features) * z.softmax(1)[:, 0, :, None, None]


class NoOtherBatch(u.Selective):
    def forward(self, x):
        if len(x) != 2:
            raise ValueError("two images only")
        return super().forward(x)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Lost, "its result goes into `cumsum`, behind which it is not followed"),
        (OneUsed, "one weight of each softmax is used, the others multiply nothing"),
        (u.NormalisedApart, "divided by a sum to which those of other calls belong"),
        (u.NormalisedApartAfterwards, "divided by a sum to which those of other calls belong"),
        (NoOtherBatch, "alike with batches of 2 and 3 images: .*ValueError: two images only"),
    ],
)
def test_a_refusal_gives_the_reason_that_was_seen(kind: type[u.Selective], why: str) -> None:
    with pytest.raises(CaptureError, match=why):
        Probe(seeded(kind))


EVERY = [
    u.Selective, *STEPS, *NORMALISED, u.OneMinus, u.Scaled, u.Null, u.ByMap, u.Taps, u.TapsOfViews,
    u.TapsOfSlices, u.GroupsInBatch,
]  # fmt: skip


@pytest.mark.parametrize("kind", EVERY)
def test_looking_takes_two_seconds_at_most(kind: type[nn.Module]) -> None:
    assert seconds_of_looking(seeded(kind)) < 2


@pytest.mark.parametrize(
    "name", ["skresnet50", "skresnext50_32x4d", "resnest50d", "efficientnet_b0", "convnext_tiny"]
)
def test_looking_into_a_network_of_timm_takes_two_seconds_at_most(name: str) -> None:
    timm = pytest.importorskip("timm")
    assert seconds_of_looking(timm.create_model(name, pretrained=False).eval()) < 2


def test_looking_into_a_network_without_a_unit_takes_one_pass() -> None:
    class Positions(nn.Module):
        """Attention between positions, of which there are very many."""

        passes = 0

        def forward(self, x):
            self.passes += 1
            f = x.flatten(2)
            return (f @ (f.transpose(1, 2) @ f).softmax(-1)).view_as(x)

    network = Positions()
    run_passes(network)
    assert network.passes == 3  # One for each number of axes asked for, then the one.
    assert seconds_of_looking(network) < 2


def seconds_of_looking(network: nn.Module) -> float:
    """Processor time of one thread: on a busy machine the clock says something else."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        taken = []
        for _ in range(3):  # The first may load code; the least is what it takes.
            start = time.process_time()
            discover(network)
            taken.append(time.process_time() - start)
            if taken[-1] < 1.5:
                break
        return min(taken)
    finally:
        torch.set_num_threads(threads)


class Photographs(u.Selective):
    """Takes nothing but photographs as they are normalised, of the usual size."""

    def forward(self, x):
        if x.shape[2:] != (224, 224) or x.abs().max() > 3.5:
            raise ValueError("no photograph")
        return super().forward(x)


def test_the_photograph_itself_is_tried_as_example(photo: Path, tmp_path: Path) -> None:
    network = seeded(Photographs)
    with pytest.raises(NoInputError, match="no photograph; nor on"):
        Probe(network)
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(NoInputError, match="no photograph; nor on"):
        ImageAnalysis.of(network, photographs=[text])
    analysis = ImageAnalysis.of(network, photographs=[text, photo])
    assert [labels(unit) for unit in analysis.choice.all] == [["3x3", "5x5"]]
    (report,) = report_images([photo], network, options=ReportOptions(out=tmp_path))
    assert report.error is None


def test_what_was_noted_stands_beside_the_numbers(photo: Path, tmp_path: Path) -> None:
    network = seeded(u.Scaled)
    result = analyze_image(photo, network, scales=(1.0, 2.0))
    said = "Scaled: the weights are scaled by a learned number, 1.4, before they are used"
    assert said in result.notes
    assert result.to_dict()["units"]["Scaled"]["notes"] == [said.removeprefix("Scaled: ")]
    assert said in image_document([result]).notes
