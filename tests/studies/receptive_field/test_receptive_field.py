"""Receptive fields: against analytic widths, finite differences, and the network as it was."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import skviz
from skviz.capture.features import central_features
from skviz.capture.intervene import intervene
from skviz.capture.probe import Probe
from skviz.capture.replacements import unchanged
from skviz.data.loading import normalised
from skviz.errors import CaptureError, ImageError, OutputError, SkvizError, UnitError, UsageError
from skviz.models import Branch, SKConv, SKNet, SKNetConfig
from skviz.models.registry import ModelInfo
from skviz.pictures.scaling import InputSpec
from skviz.studies.receptive_field.measure import FieldMeasure, Measured
from skviz.studies.receptive_field.store import load_field, save_field
from skviz.studies.receptive_field.study import open_images, receptive_field, spread
from skviz.studies.receptive_field.widths import (
    map_extent,
    moments,
    stack_width,
    width_of,
)
from tests.helpers.noise import noise_pictures

BRANCHES = (Branch(3, 1, groups=1), Branch(3, 2, groups=1))
TINY = SKNetConfig(
    units=(1, 1), widths=(4, 8), outputs=(8, 8), branches=BRANCHES, stem="cifar", stem_width=4,
    classes=3, input_size=24,
)  # fmt: skip
SPEC = InputSpec(size=64, mean=(0, 0, 0), std=(1, 1, 1))


class Stack(nn.Module):
    """Two convolutions, the first with a stride, the second dilated, and an SK convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.two = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.sk = SKConv(4, BRANCHES, min_width=4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.sk(self.two(self.one(x))).mean((2, 3)))
        return logits


class Inline(nn.Module):
    """A unit that skviz does not know, without modules for its branches' results."""

    def __init__(self) -> None:
        super().__init__()
        self.three = nn.Conv2d(3, 4, 3, padding=1)
        self.five = nn.Conv2d(3, 4, 3, padding=2, dilation=2)
        self.logits = nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        u, v = self.three(x), self.five(x)
        a = self.logits((u + v).mean((2, 3))).view(-1, 2, 4).softmax(1)[..., None, None]
        return a[:, 0] * u + a[:, 1] * v


class Held(nn.Module):
    """Another unit, and a head behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.unit, self.head = Inline(), nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.unit(x)).mean((2, 3))
        return logits


def positive(network: nn.Module) -> nn.Module:
    """Equal positive weights in every convolution."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.1)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network.eval()


def measured(
    network: nn.Module, unit: str, spec: InputSpec = SPEC
) -> tuple[FieldMeasure, Measured]:
    """Measure a white picture at 1.0x."""
    measure = FieldMeasure.of(Probe(network), unit, (1.0,), spec)
    white = torch.full((1, 1, spec.size, spec.size, 3), 255, dtype=torch.uint8)
    return measure, measure(white)


def widths(measure: FieldMeasure, found: Measured) -> dict[str, float]:
    values = width_of(found.moments)[0, 0].tolist()
    return {field.label: value for field, value in zip(measure.fields, values, strict=True)}


def sknet(size: int) -> SKNet:
    """A random network that wants pictures of this size."""
    torch.manual_seed(0)
    network = SKNet(TINY).eval()
    network.skviz = ModelInfo("tiny", "random", None, False, InputSpec(size))
    return network


@pytest.fixture
def network() -> SKNet:
    return sknet(24)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_pictures(tmp_path_factory.mktemp("pictures"), "012345", (40, 40))


@pytest.mark.parametrize("k", [1, 2, 3, 5, 8])
def test_a_box_is_as_wide_as_it_is(k: int) -> None:
    field = np.zeros((20, 24))
    field[3 : 3 + k, 9 : 9 + k] = 2.5
    assert width_of(moments(field)) == pytest.approx(k)
    assert map_extent(field) == pytest.approx(k * 0.95**0.5)
    assert map_extent(field, 1.0) == pytest.approx(k)


def test_moments_by_hand() -> None:
    field = np.zeros((5, 5))
    field[0, 1], field[4, 1] = 3.0, 1.0
    y = (3 * -2 + 1 * 2) / 4
    assert moments(field).tolist() == pytest.approx([y, -1, 4, 1])
    assert width_of(moments(field)) == pytest.approx((12 * (4 - y**2) / 2 + 1) ** 0.5)
    assert np.isnan(width_of(moments(np.zeros((3, 3)))))
    assert np.isnan(map_extent(np.zeros((3, 3))))


def test_moments_of_an_average_are_averages() -> None:
    maps = np.random.default_rng(0).random((7, 9, 9))
    maps /= maps.sum(axis=(1, 2), keepdims=True)
    assert width_of(moments(maps).mean(axis=0)) == pytest.approx(
        width_of(moments(maps.mean(axis=0)))
    )


def test_stack_width_by_hand() -> None:
    assert stack_width([(5, 1, 1)]) == pytest.approx(5)
    assert stack_width([]) == 1
    # Variances 2/3, then 4 * 4 * 2/3 behind stride 2 and with dilation 2.
    assert stack_width([(3, 2, 1), (3, 1, 2)]) == pytest.approx((12 * (2 / 3 + 32 / 3) + 1) ** 0.5)
    with pytest.raises(UsageError, match=r"each at least 1, got \(3, 0, 1\)"):
        stack_width([(3, 0, 1)])


def test_field_of_a_stack_is_the_analytic_one() -> None:
    torch.manual_seed(0)
    measure, found = measured(positive(Stack()), "sk")
    before = [(3, 2, 1), (3, 1, 2)]
    small, large = stack_width([*before, (3, 1, 1)]), stack_width([*before, (3, 1, 2)])
    got = widths(measure, found)
    assert got["3x3"] == pytest.approx(small, abs=1e-4)
    assert got["5x5"] == pytest.approx(large, abs=1e-4)
    # Clamped, the 5x5 unit is wider by its own variance, 2, in steps of the stride.
    assert got["all 3x3"] == pytest.approx(small, abs=1e-4)
    assert got["all 5x5"] == pytest.approx(large, abs=1e-4)
    assert (got["all 5x5"] ** 2 - got["all 3x3"] ** 2) / 12 == pytest.approx(2**2 * 2, abs=1e-3)
    assert small < got["mixed"] < large
    assert found.maps.sum(axis=(-2, -1)) == pytest.approx(np.ones((1, 1, 5)))


def test_own_sknet_is_the_analytic_one_too(network: SKNet) -> None:
    got = widths(*measured(positive(network), "2_1"))
    assert got["3x3"] == pytest.approx(stack_width([(3, 1, 1), (3, 1, 1)]), abs=1e-4)
    assert got["5x5"] == pytest.approx(stack_width([(3, 1, 1), (3, 1, 2)]), abs=1e-4)


def test_gradient_by_finite_differences() -> None:
    torch.manual_seed(1)
    network = SKNet(TINY).double().eval()
    probe = Probe(network)
    unit = probe.only("3_1").units[0]
    images = torch.randn(1, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    with intervene(probe, {"all": unchanged()}, constant=True):
        total = central_features(probe, unit, images).output.sum()
    (gradient,) = torch.autograd.grad(total, images)
    # The attention stays what it is on the unmoved picture.
    attention, _ = probe.capture(images)
    kept = {name: (lambda _, a=array: a) for name, array in attention.items()}
    step = 1e-6
    with torch.no_grad(), intervene(probe, kept, constant=True):
        for place in [(0, 0, 6, 6), (0, 1, 5, 7), (0, 2, 3, 6), (0, 0, 0, 0)]:
            moved = []
            for sign in (1, -1):
                other = images.detach().clone()
                other[place] += sign * step
                moved.append(float(central_features(probe, unit, other).output.sum()))
            slope = (moved[0] - moved[1]) / (2 * step)
            assert float(gradient[place]) == pytest.approx(slope, abs=1e-6)
    assert float(gradient.abs().max()) > 1e-3


@pytest.mark.parametrize("through", [False, True])
def test_every_field_is_that_of_a_pass_of_its_own(network: SKNet, through: bool) -> None:
    probe, scales = Probe(network), (1.0, 1.5, 2.0)
    measure = FieldMeasure.of(probe, "3_1", scales, InputSpec(24), through)
    pixels = torch.randint(0, 256, (2, 3, 24, 24, 3), dtype=torch.uint8)
    passes: list[object] = []
    hook = network.register_forward_pre_hook(lambda *given: passes.append(given))
    found = measure(pixels).maps.reshape(6, 6, 24, 24)
    hook.remove()
    # One for the attention, the branches and the mixture, one for each clamp, one for the fixed.
    assert len(passes) == 4 + through
    images = normalised(pixels.flatten(0, 1), InputSpec(24), torch.empty(0))
    attention, _ = probe.capture(images)
    first = {name: array[[0, 0, 0, 3, 3, 3]] for name, array in attention.items()}
    own = {} if through else dict.fromkeys(attention, unchanged())
    kinds = [own] * 3 + [dict.fromkeys(attention, end) for end in ("smallest", "largest")] + [first]
    for number, replacements in enumerate(kinds):
        views = images.clone().requires_grad_()
        with intervene(probe, replacements, constant=True):
            features = central_features(probe, measure.unit, views)
        feature = features.branches[number] if number < 2 else features.output
        (gradient,) = torch.autograd.grad(feature.sum(), views)
        expected = gradient.abs().sum(dim=1).double()
        expected /= expected.sum(dim=(1, 2), keepdim=True)
        assert np.abs(found[:, number] - expected.numpy()).max() < 1e-6


def test_attention_held_or_not(network: SKNet, pictures: Path) -> None:
    held = receptive_field(network, pictures, "2_1", (1.0,), progress=False)
    through = receptive_field(
        network, pictures, "2_1", (1.0,), through_attention=True, progress=False
    )
    mixed, corner = held.index("mixed"), (0, 0)
    # 7x7 pixels around the middle: nothing beyond them, unless the pooling carries it.
    assert held.maps[0, mixed][corner] == 0
    assert through.maps[0, mixed][corner] > 0
    assert held.widths[0, mixed] <= 7
    assert np.array_equal(held.maps[0, 0], through.maps[0, 0])  # no attention before a branch


def test_result_and_the_network_as_it_was(network: SKNet, pictures: Path) -> None:
    network.train()
    before = copy.deepcopy(network.state_dict())
    field = receptive_field(network, pictures, "3_1", (1.0, 2.0), batch_size=4, progress=False)
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    assert "forward" not in network.__dict__

    assert [one.kind for one in field.fields] == ["branch"] * 2 + ["mixed"] + ["clamped"] * 2 + [
        "fixed"
    ]
    assert field.maps.shape == (2, 6, 24, 24)
    assert field.moments.shape == (6, 2, 6, 4)
    assert field.maps.sum(axis=(-2, -1)) == pytest.approx(np.ones((2, 6)), abs=1e-5)
    again = width_of(moments(field.maps))
    assert field.widths == pytest.approx(again, abs=1e-4)
    # At the reference scale nothing is replaced by something else.
    assert np.allclose(field.moments[:, 0, 2], field.moments[:, 0, 5], atol=1e-5)
    attention = Probe(network, "3_1").capture(
        skviz.enlarge(pictures / "0.png", (1.0, 2.0), skviz.models.model_info(network).spec).images
    )[0]["SK_3_1"]
    assert field.attention[0] == pytest.approx(attention[:, 1].mean(dim=-1).tolist(), abs=1e-6)
    assert field.expected == pytest.approx(3 + 2 * field.attention)


def test_batches_change_nothing(network: SKNet, pictures: Path) -> None:
    one = receptive_field(network, pictures, "3_1", (1.0, 1.5), batch_size=1, progress=False)
    all_ = receptive_field(network, pictures, "3_1", (1.0, 1.5), batch_size=6, progress=False)
    assert one.maps == pytest.approx(all_.maps, abs=1e-6)
    assert one.moments == pytest.approx(all_.moments, abs=1e-3)


def test_changes_add_up(network: SKNet, pictures: Path) -> None:
    field = receptive_field(network, pictures, "3_1", (1.0, 2.0), progress=False)
    parts = field.changes().set_index("part")
    assert list(parts.index) == ["total", "picture", "attention", "possible"]
    assert parts.value["picture"] + parts.value["attention"] == pytest.approx(parts.value["total"])
    frame = field.to_frame().set_index(["scale", "field"])
    mixed = frame.width[2.0, "mixed"] - frame.width[1.0, "mixed"]
    assert parts.value["total"] == pytest.approx(mixed)
    assert frame.change[2.0, "mixed"] == pytest.approx(mixed)
    ends = frame.width[2.0, "all 5x5"] - frame.width[2.0, "all 3x3"]
    assert parts.value["possible"] == pytest.approx(ends)
    assert (parts.low <= parts.value).all()
    assert (parts.value <= parts.high).all()
    assert (frame.low < frame.width).all()
    relation = field.relation()
    assert list(relation.of) == ["value", "value", "change"]
    assert relation.spearman.between(-1, 1).all()


def test_few_images_have_no_intervals(network: SKNet, pictures: Path) -> None:
    field = receptive_field(network, pictures / "0.png", "2_1", progress=False)
    assert field.images == (str(pictures / "0.png"),)
    assert field.to_frame()[["low", "high"]].isna().all().all()
    assert field.to_dict()["fields"][0]["low"] is None
    assert field.relation().spearman.isna().all()


def test_units_of_other_networks() -> None:
    torch.manual_seed(0)
    measure, found = measured(Held().eval(), "unit")
    assert [field.kind for field in measure.fields] == ["mixed", "clamped", "clamped"]
    assert "no fields of single branches: skviz knows the branch modules" in measure.notes[0]
    got = widths(measure, found)
    assert got["all 3x3"] <= 3.5 < got["all 5x5"] <= 6.1
    assert found.maps[0, 0, :, 0, 0].max() == 0  # attention held constant


def test_timm() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    network = timm.create_model("skresnext50_32x4d", pretrained=False).eval()
    spec = InputSpec(size=64)
    measure = FieldMeasure.of(Probe(network), "3_1", (1.0, 2.0), spec)
    pixels = torch.randint(0, 256, (1, 2, 64, 64, 3), dtype=torch.uint8)
    found = measure(pixels)
    kinds = [field.kind for field in measure.fields]
    assert kinds == ["branch", "branch", "mixed", "clamped", "clamped", "fixed"]
    small, large = width_of(found.moments)[0, 0, :2]
    assert 3 < small < large


def test_written_and_read(network: SKNet, pictures: Path, tmp_path: Path) -> None:
    field = receptive_field(network, pictures, "2_1", (1.0, 2.0), limit=5, progress=False)
    arrays, document = save_field(field, tmp_path, "field")
    read = load_field(arrays)
    assert read.unit.name == field.unit.name
    assert (read.scales, read.fields, read.images) == (field.scales, field.fields, field.images)
    assert np.array_equal(read.maps, field.maps)
    assert read.to_dict() == json.loads(document.read_text())
    with pytest.raises(OutputError, match="already exists"):
        save_field(field, tmp_path, "field")
    save_field(field, tmp_path, "field", overwrite=True)
    other = tmp_path / "other.npz"
    np.savez(other, a=np.zeros(3))
    with pytest.raises(SkvizError, match=r"expected a receptive field written by skviz in '.*'"):
        load_field(other)
    np.savez(other, about=np.array(json.dumps({"format": "x"})))
    with pytest.raises(SkvizError, match="its format is 'x'"):
        load_field(other)


def test_which_images(pictures: Path) -> None:
    images = open_images(pictures)
    assert spread(images, None) is images
    assert [Path(n).stem for n in spread(images, 3).names] == ["0", "2", "5"]
    files = open_images([pictures / "3.png", str(pictures / "1.png")])
    assert [Path(name).stem for name in files.names] == ["3", "1"]
    assert open_images(files) is files
    with pytest.raises(UsageError, match="expected images, got an empty list"):
        open_images([])


def test_unreadable_images(network: SKNet, pictures: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    field = receptive_field(network, [broken, pictures / "0.png"], "2_1", progress=False)
    assert len(field.images) == 1
    assert field.errors[0]["image"] == str(broken)
    with pytest.raises(ImageError, match="none of 1 could be read: cannot read"):
        receptive_field(network, [broken], "2_1", progress=False)


def test_fields_cut_off_by_the_border(pictures: Path) -> None:
    field = receptive_field(sknet(8), pictures, "3_1", (1.0,), progress=False)
    assert "the picture's border cuts these fields off" in field.notes[0]


def test_what_has_no_field(network: SKNet, pictures: Path) -> None:
    with pytest.raises(UnitError, match="unknown unit '9_9'"):
        receptive_field(network, pictures, "9_9", progress=False)
    with pytest.raises(UnitError, match="expected the name of one unit, got 'all'"):
        receptive_field(network, pictures, "all", progress=False)
    with pytest.raises(UsageError, match="expected limit of at least 1, got 0"):
        receptive_field(network, pictures, "2_1", limit=0)
    with pytest.raises(UsageError, match="expected batch_size of at least 1, got 0"):
        receptive_field(network, pictures, "2_1", batch_size=0)
    with pytest.raises(CaptureError, match=r"expected a network of float32 .* got torch.bfloat16"):
        receptive_field(copy.deepcopy(network).bfloat16(), pictures, "2_1", progress=False)


def test_a_gate_has_no_field() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return y * torch.sigmoid(self.fc(y.mean((2, 3))))[..., None, None]

    probe = Probe(Gated().eval())
    with pytest.raises(UnitError, match="expected a unit of two branches or more"):
        FieldMeasure.of(probe, probe.units[0].name, (1.0,), SPEC)


def test_features_that_are_no_pixels() -> None:
    class Flat(Inline):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).mean((2, 3))

    with pytest.raises(
        CaptureError, match=r"return features of shape \(B, C, H, W\), got \(1, 4\)"
    ):
        measured(Flat().eval(), "all")


def test_no_gradient_no_field() -> None:
    class Cut(SKConv):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.detach())

    stack = Stack()
    stack.sk = Cut(4, BRANCHES, min_width=4)
    with pytest.raises(CaptureError, match="the network stops gradients on the way"):
        measured(stack.requires_grad_(False).eval(), "sk")


def test_a_unit_that_does_not_run(network: SKNet) -> None:
    probe = Probe(network)
    unit = probe.units[0]
    with pytest.raises(CaptureError, match="to run in the forward pass, it did not"):
        central_features(probe, replace(unit, call=1), torch.zeros(1, 3, 24, 24))
