"""The model card: its numbers against independent ones, and its words against its numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

import skviz
from skviz.errors import OutputError, UsageError
from skviz.inference.judging import judge
from skviz.inference.published import published_deviation, published_difference
from skviz.models import build
from skviz.numbers import percent, signed
from skviz.pictures.scaling import InputSpec
from skviz.reports.card import markdown, write_card
from skviz.runs.analyze import Options
from skviz.runs.measurements import RunMeasurements
from skviz.studies.card import (
    measure_speed,
    model_card,
    read_tried,
    replaced_attention,
    training_command,
)
from skviz.studies.card_words import summary
from skviz.studies.controls.evidence import evidence_of
from skviz.studies.controls.making import controls
from skviz.studies.controls.networks import reestimate_bn
from skviz.studies.controls.suite import ControlSuite
from skviz.studies.interventions.measure import intervene_dataset
from skviz.studies.interventions.result import InterventionRun
from skviz.training import Recipe, describe, export_weights
from tests.helpers.noise import in_classes, noise_pictures
from tests.helpers.verdict_arrays import evidence

SPEC = InputSpec(size=32)
CLASSES = ("ant", "bee", "cup")
ONLY = ("blur", "object-constant", "random-*")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the network's three classes, with 3 and 4 images of noise."""
    names = [*in_classes(3, ["bee"]), *in_classes(4, ["cup"])]
    return noise_pictures(tmp_path_factory.mktemp("photographs"), names, (50, 60))


@pytest.fixture(scope="module")
def weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights nobody trained, whose BN statistics fit the pictures."""
    network = build("sknet50_lite", seed=5, classes=3)
    views = [skviz.enlarge(path, [1.0], SPEC).images for path in sorted(folder.rglob("*.png"))]
    reestimate_bn(network, [torch.cat(views)])
    recipe = Recipe(epochs=7, size=16, crop_area=(0.2, 1.0), precision="fp32").to_dict()
    metadata = describe(
        "sknet50_lite", SPEC, CLASSES, recipe,
        credits=["drawn by a test"], data={"folder": "my photos", "images": 99, "workers": 1},
    )  # fmt: skip
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    return export_weights(network, path, metadata)


@pytest.fixture(scope="module")
def network(weights: Path) -> torch.nn.Module:
    return skviz.load_model("sknet50_lite", weights)


@pytest.fixture(scope="module")
def suite(
    folder: Path, network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> ControlSuite:
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("suite")
    options = Options(workers=0, tune=False)
    return controls(folder, network, out=out, seeds=3, only=ONLY, options=options, progress=False)


@pytest.fixture(scope="module")
def interventions(
    folder: Path, network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory
) -> InterventionRun:
    return intervene_dataset(
        folder, network, out=tmp_path_factory.mktemp("interventions"), scales=[1.0, 2.0],
        kinds=["images", "uniform", "channels"], progress=False, workers=0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tried") / "tried.csv"
    path.write_text('recipe,epochs,top-1\n"a | b, plain",36,69.0 %\nthis one,48,76.0 %\n')
    return path


@pytest.fixture(scope="module")
def card(
    suite: ControlSuite,
    network: torch.nn.Module,
    weights: Path,
    interventions: InterventionRun,
    tried: Path,
) -> dict:
    return model_card(
        suite, network, weights, replaced=replaced_attention(interventions, network),
        tried=read_tried(tried), notes="What was said.",
    )  # fmt: skip


def test_numbers_are_those_of_single_images(
    card: dict, folder: Path, network: torch.nn.Module
) -> None:
    """One image at a time, by the public functions, gives the numbers of the card."""
    paths = sorted(folder.rglob("*.png"))
    ranks, differences = [], []
    for path in paths:
        attention = skviz.Probe(network)(skviz.enlarge(path, [1.0, 2.0], SPEC), logits=True)
        right = CLASSES.index(path.parent.name)
        ranks.append((attention.logits > attention.logits[:, [right]]).sum(axis=1))
        differences.append(2 * attention.branch("SK_3_4").mean(axis=-1) - 1)
    first = np.array(ranks) < 1
    for v, label in enumerate(("1.0x", "2.0x")):
        assert card["accuracy"][label]["top1"] == pytest.approx(first[:, v].mean(), abs=1e-5)
        unit = card["units"]["SK_3_4"][label]
        assert unit["mean"] == pytest.approx(np.mean(differences, axis=0)[v], abs=1e-5)
        assert unit["deviation"] == pytest.approx(np.std(differences, 0, ddof=1)[v], abs=1e-5)
    change = np.diff(np.array(differences), axis=1)[:, 0]
    assert unit["change"] == pytest.approx(change.mean(), abs=1e-5)
    assert unit["low"] < unit["change"] < unit["high"]
    assert unit["images_rising"] == pytest.approx((change > 0).mean(), abs=1e-5)
    bees = np.array([path.parent.name == "bee" for path in paths])
    assert unit["classes_rising"] == np.mean([change[m].mean() > 0 for m in (bees, ~bees)])
    assert card["classes"]["bee"]["right"][::2] == first[bees].sum(axis=0).tolist()


def test_ranks_are_in_the_records(
    suite: ControlSuite, folder: Path, network: torch.nn.Module
) -> None:
    records = suite.plain.records(["image", "scale", "correct", "rank"])
    for (name, scale), rows in records.groupby(["image", "scale"], observed=True):
        views = skviz.enlarge(folder / str(name), [float(scale)], SPEC)
        logits = skviz.Probe(network)(views, logits=True).logits[0]
        rank = (logits > logits[CLASSES.index(Path(str(name)).parent.name)]).sum()
        assert (rows["rank"] == rank).all()
        assert (rows["correct"] == (rank == 0)).all()


def test_ranks_are_unknown_where_labels_are(
    folder: Path, network: torch.nn.Module, tmp_path: Path
) -> None:
    for name in ("bee", "dog"):  # A class that the network does not know.
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "0.png").write_bytes((folder / "bee" / "0.png").read_bytes())
    run = skviz.analyze(
        tmp_path / "data", network, out=tmp_path / "run", scales=[1.0], progress=False, workers=0
    )
    assert run.records(["rank"])["rank"].isna().all()


def test_published_values_are_those_of_figure_3() -> None:
    assert published_difference("SK_3_4", "2.0x") == -0.0226
    assert published_difference("SK_3_3", "2.0x") is None
    assert published_difference("SK_3_4", "3.0x") is None
    assert published_deviation("SK_3_4", "1.0x") == pytest.approx((0.0828 - 0.0275) / 2)
    assert published_deviation("SK_3_3", "1.0x") is None


def test_bn_statistics_are_those_of_the_pictures(folder: Path) -> None:
    network = build("sknet50_lite", classes=3)
    batch = torch.cat([skviz.enlarge(p, [1.0], SPEC).images for p in folder.rglob("*.png")])
    momentum = network.stem[1].momentum
    network.eval()
    reestimate_bn(network, [batch])
    assert not network.training
    assert network.stem[1].momentum == momentum
    with torch.no_grad():
        expected = network.stem[0](batch).mean(dim=(0, 2, 3))
    torch.testing.assert_close(network.stem[1].running_mean, expected, rtol=1e-3, atol=1e-5)


def test_card_of_a_network(card: dict, weights: Path) -> None:
    assert card["weights"]["bytes"] == weights.stat().st_size
    assert card["photographs"] == {
        "folder": card["photographs"]["folder"],
        "images": 7,
        "classes": 2,
        "unreadable": [],
    }
    assert card["accuracy"]["1.0x"]["top5"] == 1.0
    unit = card["units"]["SK_3_4"]["2.0x"]
    low, high = unit["untrained_range"]
    assert len(unit["untrained_change"]) == card["random_networks"] == 3
    assert low <= min(unit["untrained_change"])
    assert max(unit["untrained_change"]) <= high
    assert unit["published"] == -0.0226
    assert len(card["units"]) == len(card["verdicts"]) == 16
    json.dumps(card, allow_nan=False)


def test_verdicts_of_the_card_are_those_of_the_suite(card: dict, suite: ControlSuite) -> None:
    verdicts = judge(evidence_of(suite))
    assert [told["verdict"] for told in card["verdicts"]] == [v.outcome for v in verdicts]
    for told, verdict in zip(card["verdicts"], verdicts, strict=True):
        assert told["sentence"].startswith(f"{verdict.unit}: {verdict.title}. {verdict.sentence}")
    assert any("The paper's SKNet-50 changes by" in told["sentence"] for told in card["verdicts"])


@pytest.mark.parametrize(
    ("shifts", "words"),
    [
        (
            [0.05, 0.05, 0.05, 0.0],
            [
                "(SK_2_3, SK_3_4 and SK_4_6). Here this appears in all of them.",
                "Here, at SK_5_3: no clear change.",
                "holds at 3 of 4 units: SK_2_3, SK_3_4 and SK_4_6.",
                "clearly falls at: none.",
            ],
        ),
        (
            [0.05, -0.05, 0.0, 0.05],
            [
                "Here this appears at SK_2_3 only.",
                "At SK_3_4: larger objects get the smaller kernel.",
                "At SK_4_6: no clear change.",
                "Here, at SK_5_3: larger objects get the larger kernel.",
                "clearly rises at: SK_2_3 and SK_5_3.",
            ],
        ),
        ([0.0] * 4, ["Here this does not appear in any of them.", "holds at 0 of 4 units."]),
    ],
)
def test_words_follow_from_numbers(shifts: list[float], words: list[str]) -> None:
    names = ("SK_2_3", "SK_3_4", "SK_4_6", "SK_5_3")
    found = judge(evidence(shifts, [0.0] * 4, [0.0] * 4, [0.0] * 4))
    told = " ".join(summary([replace(v, unit=n) for v, n in zip(found, names, strict=True)]))
    for part in words:
        assert part in told


def test_words_name_the_controls_that_are_missing() -> None:
    told = " ".join(summary(judge(evidence([0.05], seeds=2))))
    assert "no verdict can hold: random networks, blur and object." in told


def test_blank_surround_is_beside_enlarging(card: dict, suite: ControlSuite) -> None:
    def shift(name: str) -> float:
        frame = suite.run(name).records(["unit", "scale", "difference"])
        means = frame[frame["unit"] == "SK_3_4"].groupby("scale")["difference"].mean()
        return float(means.loc[2.0] - means.loc[1.0])

    (row,) = [
        line
        for line in markdown(card).partition("### A blank surround")[2].splitlines()
        if line.startswith("| SK_3_4 |")
    ]
    assert f"| {signed(shift('object-constant'))} (" in row
    assert f"| {signed(shift('plain'))} (" in row


def test_replaced_attention_is_that_of_the_records(
    card: dict, interventions: InterventionRun
) -> None:
    records = interventions.records()
    records = records[records["unit"] == "all"]
    told = markdown(card)
    assert "## Replaced attention in all units" in told
    assert "with the attention of all 16 units replaced at once" in told
    assert {row["kind"] for row in card["replaced"]["rows"]} == {"images", "uniform"}
    for row in card["replaced"]["rows"]:
        scale = float(row["scale"].removesuffix("x"))
        own = records[(records["kind"] == row["kind"]) & (records["scale"] == scale)]
        assert row["after"] == pytest.approx(own["correct"].astype(float).mean(), abs=1e-6)
        assert row["before"] == pytest.approx(own["correct_before"].astype(float).mean(), abs=1e-6)
        assert f"| {row['scale']} | {percent(row['before'])} | {percent(row['after'])} |" in told


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
    for part in (*card["summary"], card["command"], "drawn by a test", "What was said."):
        assert part in told
    assert f"| 1.0x | {percent(card['accuracy']['1.0x']['top1'])} |" in told
    assert "| SK_4_6 |" in told
    assert r"| a \| b, plain | 36 | 69.0 % |" in told
    assert markdown(card) == told
    with pytest.raises(OutputError, match="already exists"):
        write_card(card, tmp_path / "out")


def test_card_without_recipe_and_extras(
    card: dict, suite: ControlSuite, network: torch.nn.Module, weights: Path
) -> None:
    told = markdown({**card, "description": {}, "command": None, "notes": ""})
    assert "does not describe its training" in told
    assert "No credits are recorded" in told
    assert "## Notes" not in told
    bare = markdown(model_card(suite, network, weights))
    assert "Replaced attention" not in bare
    assert "What was tried" not in bare


def test_speed_is_measured() -> None:
    network = build("sknet50_lite", classes=3).eval()
    speed = measure_speed(network, SPEC, torch.device("cpu"), batch=2, seconds=0.05)
    assert speed["images_per_second"] > 0
    assert speed["cores"] == torch.get_num_threads()


def test_suite_of_another_network(suite: ControlSuite, weights: Path) -> None:
    other = skviz.load_model("sknet50_lite", weights)
    with torch.no_grad():
        next(other.parameters()).mul_(2)
    with pytest.raises(
        UsageError,
        match="expected measurements of the same network as the given weights of sknet50_lite",
    ):
        model_card(suite, other, weights)


def test_suite_without_predictions(
    folder: Path, network: torch.nn.Module, weights: Path, tmp_path: Path
) -> None:
    options = Options(workers=0, predictions=False, tune=False)
    bare = controls(
        folder, network, out=tmp_path / "suite", only=["plain"], options=options, progress=False
    )
    with pytest.raises(UsageError, match="7 photographs without predictions"):
        model_card(bare, network, weights)


def test_interventions_that_do_not_fit(
    interventions: InterventionRun,
    folder: Path,
    network: torch.nn.Module,
    weights: Path,
    tmp_path: Path,
) -> None:
    other = skviz.load_model("sknet50_lite", weights)
    with torch.no_grad():
        next(other.parameters()).mul_(2)
    with pytest.raises(UsageError, match="expected measurements of the same network"):
        replaced_attention(interventions, other)
    run = intervene_dataset(
        folder, network, out=tmp_path / "channels", scales=[1.0], units="paper",
        kinds=["channels"], progress=False, workers=0,
    )  # fmt: skip
    with pytest.raises(UsageError, match="with one of images, mean, uniform"):
        replaced_attention(run, network)
    next((run.path / "shards").iterdir()).unlink()
    with pytest.raises(UsageError, match="expected finished interventions"):
        replaced_attention(InterventionRun(run.path), network)


def test_weights_without_class_names(suite: ControlSuite, tmp_path: Path) -> None:
    path = tmp_path / "plain.pth"
    torch.save(build("sknet50_lite", classes=3).state_dict(), path)
    with pytest.raises(UsageError, match=r"weights that name their classes, got plain\.pth"):
        model_card(suite, skviz.load_model("sknet50_lite", path), path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "got rows of no cells"),
        (b"recipe,epochs\n", "expected a head and one row per recipe"),
        (b"recipe,epochs\na, b,3\n", "got rows of 2, 3 cells; quote cells"),
        (b"recipe\n\xff\n", "as CSV in UTF-8"),
    ],
)
def test_tried_that_is_no_table(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tried.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_tried(path)


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
        (tmp_path / "data" / name).mkdir(parents=True)
        for path in (shared_data / "photos_val" / name).iterdir():
            (tmp_path / "data" / name / path.name).symlink_to(path)
    run = skviz.analyze(
        tmp_path / "data", skviz.load_model(), out=tmp_path / "run", scales=shipped["scales"],
        progress=False, workers=0, tune=False,
    )  # fmt: skip
    measured = RunMeasurements(run)
    assert measured.correct is not None
    for label, name in enumerate(run.classes):
        own, told = measured.labels == label, shipped["classes"][name]
        assert int(own.sum()) == told["images"]
        # Another processor rounds otherwise, and may turn a picture on the edge.
        assert np.abs(measured.correct[own].sum(axis=0) - told["right"]).max() <= 1
        means = measured.difference[own].mean(axis=0)
        for unit, differences in told["differences"].items():
            column = [found.name for found in measured.units].index(unit)
            np.testing.assert_allclose(means[:, column], differences, atol=2e-4)
