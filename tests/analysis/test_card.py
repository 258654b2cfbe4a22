"""The model card: its numbers against independent ones, and its words against its numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import skviz
from skviz.analysis.card import measure_speed, model_card, training_command
from skviz.analysis.evaluation import (
    Evaluation,
    evaluate,
    first_scale,
    open_photographs,
    reestimate_bn,
)
from skviz.analysis.published import published_deviation, published_difference
from skviz.analysis.verdict import judge, summary
from skviz.errors import OutputError, ScaleError, UsageError, WeightsError
from skviz.models import build
from skviz.reports.card import markdown, write_card
from skviz.scaling import InputSpec
from skviz.training import Recipe, describe, export_weights

SPEC = InputSpec(size=32)
CLASSES = ("ant", "bee", "cup")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the network's three classes, with 3 and 4 images of noise."""
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for name, count in (("bee", 3), ("cup", 4)):
        (folder / name).mkdir()
        for number in range(count):
            pixels = random.integers(0, 256, (50, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights nobody trained, whose BN statistics fit the pictures."""
    network = build("sknet50_lite", seed=5, classes=3)
    photographs, _ = open_photographs(folder)
    reestimate_bn(network, first_scale(photographs, SPEC))
    recipe = Recipe(epochs=7, size=16, crop_area=(0.2, 1.0), precision="fp32").to_dict()
    metadata = describe(
        "sknet50_lite", SPEC, CLASSES, recipe,
        credits=["drawn by a test"], data={"folder": "my photos", "images": 99, "workers": 1},
    )  # fmt: skip
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    return export_weights(network, path, metadata)


@pytest.fixture(scope="module")
def card(folder: Path, weights: Path) -> dict[str, object]:
    torch.set_num_threads(1)
    return model_card(folder, weights=weights, seeds=2, notes="What was tried.")


def test_differences_and_ranks_are_those_of_single_images(folder: Path, weights: Path) -> None:
    """One image at a time, by the public functions, gives the same numbers as the stream."""
    model = skviz.load_model("sknet50_lite", weights)
    photographs, unreadable = open_photographs(folder)
    assert unreadable == []
    (measured,) = evaluate([model], photographs, [1.0, 2.0], batch_size=3)
    assert measured.differences.shape == (7, 2, 16)
    assert measured.ranks is not None
    for index, (path, label) in enumerate(photographs.samples):
        views = skviz.enlarge(path, [1.0, 2.0], SPEC)
        attention = skviz.Probe(model)(views, logits=True)
        for column, unit in enumerate(measured.units):
            expected = 2 * attention.branch(unit).mean(axis=-1) - 1
            np.testing.assert_allclose(measured.differences[index, :, column], expected, atol=1e-5)
        right = CLASSES.index(photographs.classes[label])
        order = np.argsort(-attention.logits, axis=1)
        assert measured.ranks[index].tolist() == [list(row).index(right) for row in order]


def evaluation(differences: object, labels: object) -> Evaluation:
    return Evaluation(
        units=("SK_2_3", "SK_3_4", "SK_5_3"),
        scales=(1.0, 1.5, 2.0),
        classes=("a", "b", "c"),
        labels=np.asarray(labels),
        differences=np.asarray(differences, np.float64),
    )


def test_statistics_against_a_calculation_by_hand() -> None:
    random = np.random.default_rng(1)
    differences = random.normal(size=(9, 3, 3))
    labels = [0, 0, 0, 0, 0, 1, 1, 1, 2]
    measured = evaluation(differences, labels)
    rising = classes = 0
    for index in range(9):
        rising += differences[index, 2, 1] > differences[index, 0, 1]
    for label in range(3):
        own = [differences[i, 2, 1] - differences[i, 0, 1] for i in range(9) if labels[i] == label]
        classes += sum(own) / len(own) > 0
    assert measured.share_of_images(2.0)[1] == pytest.approx(rising / 9)
    assert measured.share_of_classes(2.0)[1] == pytest.approx(classes / 3)
    values = differences[:, 1, 2].tolist()
    mean = sum(values) / 9
    assert measured.mean()[1, 2] == pytest.approx(mean)
    squares = sum((value - mean) ** 2 for value in values)
    assert measured.deviation()[1, 2] == pytest.approx((squares / 8) ** 0.5)


def test_top_k_counts_ranks() -> None:
    ranks = np.array([[0, 5], [1, 4], [4, 0], [9, 0]])
    measured = replace(evaluation(np.zeros((4, 3, 3)), [0, 0, 1, 2]), ranks=ranks)
    assert measured.accuracy(1).tolist() == [0.25, 0.5]
    assert measured.accuracy(5).tolist() == [0.75, 0.75]


def test_an_evaluation_says_what_it_lacks() -> None:
    measured = evaluation(np.zeros((3, 3, 3)), [0, 1, 2])
    with pytest.raises(UsageError, match="a network whose classes have names, got one without"):
        measured.accuracy()
    with pytest.raises(ScaleError, match=r"one of the scales 1, 1\.5, 2, got 3"):
        measured.change(3.0)


def shifted(change: float, images: int = 60, noise: float = 0.001) -> np.ndarray:
    """Differences that grow by `change` from scale to scale, with a little noise."""
    random = np.random.default_rng(3)
    return np.arange(3)[None, :, None] * change + random.normal(0, noise, (images, 3, 3))


@pytest.mark.parametrize(
    ("change", "untrained", "verdict", "words"),
    [
        (0.02, 0.001, "rises", "appears in all of them"),
        (0.02, 0.03, "rises, untrained too", "rises, but not more than without training"),
        (0.0, 0.0, "no clear change", "there is no clear change"),
        (-0.02, 0.0, "falls", "attention moves the other way, to the smaller kernel"),
    ],
)
def test_words_follow_from_numbers(
    change: float, untrained: float, verdict: str, words: str
) -> None:
    labels = [index % 3 for index in range(60)]
    findings = judge(
        evaluation(shifted(change), labels),
        [evaluation(shifted(untrained), labels), evaluation(shifted(0.0), labels)],
    )
    assert [finding.verdict for finding in findings] == [verdict] * 3
    assert words in " ".join(summary(findings))
    assert findings[0].published == pytest.approx(-0.0628 + 0.0731)
    assert findings[0].change == pytest.approx(2 * change, abs=1e-3)
    assert f"{findings[0].change:+.4f} on average" in findings[0].sentence()


def test_a_rise_that_turns_round_is_none() -> None:
    """Up from 1.0x to 2.0x, but down again in between."""
    differences = shifted(0.02)
    differences[:, 1] -= 0.1
    findings = judge(evaluation(differences, [index % 3 for index in range(60)]))
    assert [finding.verdict for finding in findings] == ["no clear change"] * 3


def test_published_values_are_those_of_figure_3() -> None:
    assert published_difference("SK_3_4", "2.0x") == -0.0226
    assert published_difference("SK_3_3", "2.0x") is None
    assert published_difference("SK_3_4", "3.0x") is None
    assert published_deviation("SK_3_4", "1.0x") == pytest.approx((0.0828 - 0.0275) / 2)
    assert published_deviation("SK_3_3", "1.0x") is None


def test_bn_statistics_are_those_of_the_pictures(folder: Path) -> None:
    network = build("sknet50_lite", classes=3)
    photographs, _ = open_photographs(folder)
    batches = list(first_scale(photographs, SPEC))
    momentum = network.stem[1].momentum
    network.eval()
    reestimate_bn(network, iter(batches))
    assert not network.training
    assert network.stem[1].momentum == momentum
    with torch.no_grad():
        expected = network.stem[0](batches[0]).mean(dim=(0, 2, 3))
    torch.testing.assert_close(network.stem[1].running_mean, expected, rtol=1e-3, atol=1e-5)


def test_card_of_a_network(card: dict, weights: Path) -> None:
    assert card["weights"]["bytes"] == weights.stat().st_size
    assert card["photographs"] == {
        "folder": card["photographs"]["folder"],
        "images": 7,
        "classes": 2,
        "unreadable": [],
        "notes": [],
    }
    assert set(card["accuracy"]) == {"1.0x", "1.5x", "2.0x"}
    right = sum(entry["right"][0] for entry in card["classes"].values())
    assert card["accuracy"]["1.0x"]["top1"] == pytest.approx(right / 7, abs=1e-5)
    assert card["accuracy"]["1.0x"]["top5"] == 1.0
    unit = card["units"]["SK_3_4"]["2.0x"]
    assert len(unit["untrained_change"]) == 2
    assert unit["published"] == -0.0226
    assert unit["change"] == pytest.approx(
        unit["mean"] - card["units"]["SK_3_4"]["1.0x"]["mean"], abs=2e-6
    )
    assert len(card["units"]) == len(card["findings"]) == 16
    json.dumps(card, allow_nan=False)


def test_untrained_networks_differ_and_have_statistics(card: dict) -> None:
    """Without BN statistics of the pictures every difference would be next to nothing."""
    means = np.array([card["units"][unit]["1.0x"]["untrained_mean"] for unit in card["units"]])
    assert (means[:, 0] != means[:, 1]).all()
    assert np.abs(means).max() > 1e-3


def test_command_that_repeats_the_training(card: dict) -> None:
    assert card["command"] == (
        "skviz train 'my photos' --model sknet50_lite --out DIR --epochs 7 --size 16 "
        "--crop-area 0.2,1 --precision fp32 --input-size 32 --workers 1 "
        "--credit 'drawn by a test'"
    )
    assert training_command({}) is None


def test_card_as_text(card: dict, tmp_path: Path) -> None:
    numbers, text = write_card(card, tmp_path / "out")
    assert json.loads(numbers.read_text())["accuracy"] == card["accuracy"]
    told = text.read_text()
    for part in (*card["summary"], card["command"], "drawn by a test", "What was tried."):
        assert part in told
    assert f"| 1.0x | {card['accuracy']['1.0x']['top1']:.1%} |" in told
    assert "| SK_4_6 |" in told
    assert markdown(card) == told
    with pytest.raises(OutputError, match="already exists"):
        write_card(card, tmp_path / "out")


def test_card_of_weights_without_a_recipe(card: dict) -> None:
    told = markdown({**card, "description": {}, "command": None, "notes": ""})
    assert "does not say how it was trained" in told
    assert "No credits are recorded" in told
    assert "## Notes" not in told


def test_speed_is_measured() -> None:
    network = build("sknet50_lite", classes=3).eval()
    speed = measure_speed(network, SPEC, torch.device("cpu"), batch=2, seconds=0.05)
    assert speed["images_per_second"] > 0
    assert speed["cores"] == torch.get_num_threads()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scales": [1.5, 2.0]}, ScaleError, r"expected the scales 1\.0 and a larger one"),
        ({"scales": [0.5, 1.0]}, ScaleError, r"expected the scales 1\.0 and a larger one"),
        ({"seeds": -1}, UsageError, "expected 0 or more untrained networks, got -1"),
    ],
)
def test_what_cannot_be_measured(
    folder: Path, weights: Path, arguments: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        model_card(folder, weights=weights, **arguments)


def test_weights_without_class_names(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "plain.pth"
    torch.save(build("sknet50_lite", classes=3).state_dict(), path)
    with pytest.raises(UsageError, match=r"weights that name their classes, got plain\.pth"):
        model_card(folder, weights=path)


def test_a_class_that_the_network_does_not_know(
    weights: Path, folder: Path, tmp_path: Path
) -> None:
    for name in ("bee", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes((folder / "bee" / "0.png").read_bytes())
    with pytest.raises(UsageError, match="among the network's 3, 1 are not: dog"):
        model_card(tmp_path, weights=weights, seeds=0)


def test_missing_weights(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="found no such file"):
        model_card(folder, weights=tmp_path / "nothing.safetensors")


@pytest.fixture(scope="module")
def shipped() -> dict:
    """The card that ships with the bundled network."""
    assets = files("skviz.assets")
    if not assets.joinpath("sknet50_lite.safetensors").is_file():
        pytest.skip("no trained weights are bundled yet (assets/sknet50_lite.safetensors)")
    return json.loads(assets.joinpath("sknet50_lite.card.json").read_text("utf-8"))


def test_shipped_card_meets_the_floor(shipped: dict) -> None:
    assert shipped["accuracy"]["1.0x"]["top1"] >= 0.74
    assert shipped["accuracy"]["1.0x"]["top5"] >= 0.88
    assert shipped["weights"]["bytes"] <= 12_000_000
    assert len(shipped["units"]["SK_2_3"]["2.0x"]["untrained_change"]) >= 5


def test_shipped_card_is_of_the_shipped_weights(shipped: dict) -> None:
    info = skviz.load_model().skviz
    assert shipped["weights"]["sha256"] == info.sha256
    text = files("skviz.assets").joinpath("sknet50_lite.card.md").read_text("utf-8")
    assert text == markdown(shipped)
    page = Path(__file__).resolve().parents[2] / "docs" / "model-card.md"
    assert page.read_text("utf-8") == text


def test_shipped_numbers_come_out_again(shipped: dict, shared_data: Path, tmp_path: Path) -> None:
    """Every tenth class of the photographs, measured anew with the shipped weights."""
    names = sorted(shipped["classes"])[::10]
    for name in names:
        (tmp_path / name).symlink_to(shared_data / "photos_val" / name)
    photographs, _ = open_photographs(tmp_path)
    model = skviz.load_model()
    (measured,) = evaluate([model], photographs, shipped["scales"])
    assert measured.ranks is not None
    for label, name in enumerate(measured.classes):
        own, told = measured.labels == label, shipped["classes"][name]
        assert int(own.sum()) == told["images"]
        right = (measured.ranks[own] < 1).sum(axis=0)
        # Another processor rounds otherwise, and may turn a picture on the edge.
        assert np.abs(right - told["right"]).max() <= 1
        means = measured.differences[own].mean(axis=0)
        for unit, differences in told["differences"].items():
            column = measured.units.index(unit)
            np.testing.assert_allclose(means[:, column], differences, atol=2e-4)
