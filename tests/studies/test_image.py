"""One image through a network: the numbers, and the tables made of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import skviz
from skviz.models import build
from skviz.models.sknet import Branch
from skviz.studies.image import analyze_image
from skviz.studies.image_result import ImageResult
from skviz.studies.unit_choice import choose_units
from skviz.units import Kernel, Unit

SCALES = (1.0, 1.5, 2.0)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return skviz.load_model("sknet50_lite", pretrained=False)


@pytest.fixture
def result(photo: Path, model: nn.Module) -> ImageResult:
    return analyze_image(photo, model, stages=["2_1"], scales=SCALES)


def unit(name: str) -> Unit:
    return Unit(name, name, (Kernel(3), Kernel(3, 2)), 8)


def test_units_asked_for_and_the_papers(result: ImageResult) -> None:
    assert [u.short for u in result.choice.lines] == ["2_1"]
    assert [u.short for u in result.choice.bars] == ["2_3", "3_4", "4_6", "5_3"]
    assert [u.short for u in result.choice.all] == ["2_1", "2_3", "3_4", "4_6", "5_3"]
    assert list(result.attention) == [u.name for u in result.choice.all]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["SK_2_1", "SK_3_4"], ["3_4"]),
        (["SK_2_2", "SK_3_2", "SK_4_2"], ["3_2"]),
        (["SK_2_2"], ["2_2"]),
        (["layer1.conv", "layer2.conv", "layer3.conv"], ["layer2.conv"]),
    ],
)
def test_without_names_the_papers_line(names: list[str], expected: list[str]) -> None:
    choice = choose_units([unit(name) for name in names])
    assert [u.short for u in choice.lines] == expected


def test_no_units_to_choose_from() -> None:
    with pytest.raises(skviz.UnitError, match="expected a network with selective attention"):
        choose_units([])


def test_the_numbers_are_those_of_the_units_own_layers(
    result: ImageResult, model: nn.Module
) -> None:
    """The difference equals one computed by hand from what goes into the attention module."""
    inputs: list[torch.Tensor] = []
    module = model.get_submodule("stage3.3.sk.attention")
    handle = module.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    with torch.no_grad():
        model(result.views.images)
        fused = inputs[0].mean(dim=(2, 3))
        z = torch.relu(module.bn(module.fc1(fused)))
        weights = torch.softmax(module.fc2(z).reshape(len(SCALES), 2, -1), dim=1).numpy()
    handle.remove()
    np.testing.assert_allclose(result.attention["3_4"], weights, atol=1e-6)
    document = result.to_dict()["units"]["SK_3_4"]
    np.testing.assert_allclose(
        document["difference"], (weights[:, 1] - weights[:, 0]).mean(axis=1), atol=1e-6
    )
    np.testing.assert_allclose(document["attention_mean"], weights.mean(axis=2), atol=1e-6)
    assert document["kernels"] == ["3x3", "5x5"]


def test_document_is_json_and_says_where_it_comes_from(result: ImageResult, photo: Path) -> None:
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["image"] == str(photo)
    assert document["model"] == "sknet50_lite"
    assert document["weights"] == {
        "name": "untrained (seed 0)",
        "sha256": None,
        "trained": False,
        "notes": [],
    }
    assert "untrained" in document["note"]
    assert document["scales"] == list(SCALES)
    # The picture has 160 rows, of which the network at 128 pixels sees 140, 93 and 70.
    assert document["interpolated"] == [False, True, True]
    assert "interpolated at 1.5x, 2.0x: the picture has fewer pixels there" in document["note"]


def test_trained_weights_need_no_note(photo: Path, tmp_path: Path) -> None:
    weights = tmp_path / "mine.pth"
    torch.save(build("sknet50_lite", seed=3).state_dict(), weights)
    result = analyze_image(photo, skviz.load_model("sknet50_lite", weights), scales=[1.0])
    assert result.notes == ()
    assert result.to_dict()["note"] is None
    assert result.to_dict()["weights"]["name"] == "mine.pth"
    assert len(result.to_dict()["weights"]["sha256"]) == 64


def test_change_is_counted_from_the_original_size(photo: Path, model: nn.Module) -> None:
    result = analyze_image(photo, model, scales=[2.0, 1.0])
    table = result.table().set_index(["unit", "scale"])
    assert result.reference == 1
    assert table.loc[("SK_3_4", 1.0), "change"] == 0
    expected = table.loc[("SK_3_4", 2.0), "difference"] - table.loc[("SK_3_4", 1.0), "difference"]
    assert table.loc[("SK_3_4", 2.0), "change"] == pytest.approx(expected)
    assert len(table) == 2 * len(result.choice.all)


def test_change_is_counted_from_the_first_scale_without_the_original(
    photo: Path, model: nn.Module
) -> None:
    assert analyze_image(photo, model, scales=[1.5, 0.5]).reference == 0


def test_tidy_frame_has_a_row_per_unit_scale_branch_and_channel(
    result: ImageResult, photo: Path
) -> None:
    frame = result.to_frame()
    assert list(frame) == [
        *("image", "model", "weights", "unit", "scale", "branch", "kernel", "channel"),
        "attention",
    ]
    assert len(frame) == sum(3 * 2 * u.channels for u in result.choice.all)
    assert set(frame["image"]) == {str(photo)}
    assert set(frame["weights"]) == {"untrained (seed 0)"}
    one = frame.query("unit == 'SK_3_4' and scale == 1.5 and branch == 1 and channel == 7")
    assert one["attention"].item() == result.attention["3_4"][1, 1, 7]


def test_three_branches(photo: Path) -> None:
    """Largest minus smallest kernel, and all three in the means."""
    network = build("sknet26", widths=(32, 64, 128, 256), outputs=(64, 64, 64, 64), classes=2,
                    branches=(Branch(3, 3, 8), Branch(3, 1, 8), Branch(3, 2, 8)))  # fmt: skip
    result = analyze_image(photo, network.eval(), stages=["3_2"], scales=[1.0])
    document = result.to_dict()["units"]["SK_3_2"]
    assert document["kernels"] == ["7x7", "3x3", "5x5"]
    (means,) = document["attention_mean"]
    assert sum(means) == pytest.approx(1, abs=1e-6)
    assert document["difference"] == [pytest.approx(means[0] - means[1], abs=1e-6)]


def test_an_image_from_memory_has_no_name(photo: Path, model: nn.Module) -> None:
    result = analyze_image(photo.read_bytes(), model, scales=[1.0])
    assert result.image is None
    assert result.to_dict()["image"] is None


def test_a_trained_classifier_names_its_classes(photo: Path, model: nn.Module) -> None:
    known = model.skviz
    names = tuple(f"thing {index}" for index in range(112))
    try:
        model.skviz = dataclasses.replace(known, trained=True, classes=names)
        result = analyze_image(photo, model, stages=["2_1"])
        untrained = dataclasses.replace(result, model=known)
    finally:
        model.skviz = known
    assert untrained.classes is None
    classes = result.classes
    assert classes is not None
    logits = torch.tensor(result.attention.logits, dtype=torch.float64)
    for row, best in zip(logits.softmax(dim=1), classes, strict=True):
        assert [name for name, _ in best] == [names[i] for i in row.argsort(descending=True)[:3]]
        assert best[0][1] == pytest.approx(row.max().item(), abs=1e-6)
    document = result.to_dict()
    assert document["classes"][0][0]["class"] == classes[0][0][0]
    assert untrained.to_dict()["classes"] is None


def test_only_warnings_are_in_the_warning_colour(result: ImageResult) -> None:
    from matplotlib.colors import to_hex

    from skviz.figures import figure_style
    from skviz.figures.style.palette import WARNING_COLOUR
    from skviz.reports.single import result_figure

    assert result.warnings == ("untrained network: this is the attention of random weights",)
    with figure_style("web"):
        figure = result_figure(result).plot().figure_
    warned = [
        text.get_text()
        for text in figure.texts
        if to_hex(text.get_color()) == WARNING_COLOUR.lower()
    ]
    assert warned == list(result.warnings)
    said = " ".join(text.get_text() for text in figure.texts)
    assert "interpolated at 1.5x, 2.0x: the picture has fewer pixels there" in said
