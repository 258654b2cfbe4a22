"""`skviz attention`: the table, the files, the JSON document."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import skviz
from skviz.cli.commands.attention import _digits
from skviz.cli.main import cli
from skviz.models import build
from tests.conftest import draw_photo


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder of its own for every test."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["attention", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_figure_in_the_current_folder_and_a_table(photo: Path, work: Path) -> None:
    result = run(photo, "--model", "sknet26", "--stage", "3_1")
    assert result.exit_code == 0
    assert made(work) == ["photo_attention_3_1.png"]
    with Image.open("photo_attention_3_1.png") as figure:
        assert figure.format == "PNG"
        assert min(figure.size) > 300
    lines = result.stdout.splitlines()
    assert lines[0] == "photo.jpg: sknet26, weights: untrained (seed 0)"
    units = ["SK_2_2", "SK_3_1", "SK_3_2", "SK_4_2", "SK_5_2"]
    assert [line.split()[0] for line in lines[3:8]] == units
    assert lines[2].split() == ["unit", "kernels", "1.0x", "1.5x", "2.0x"]
    assert "written: photo_attention_3_1.png" in lines
    assert result.stderr == (
        "Warning: untrained network: this is the attention of random weights\n"
        "Warning: interpolated at 1.0x, 1.5x, 2.0x: the picture has fewer pixels there than the "
        "network's input\n"
        f"next: skviz explore {photo} --model sknet26\n"
        f"      skviz report {photo} --model sknet26 --to report.html\n"
    )


def test_table_shows_the_numbers(photo: Path) -> None:
    result = run(photo, "--scales", "2,1", "--stage", "3_1")
    model = skviz.load_model()
    expected = skviz.analyze_image(photo, model, stages=["3_1"], scales=(2, 1))
    large, plain = expected.attention.difference("3_1").tolist()
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("SK_3_1")]
    unit, first, second, value, change, reference = line.split()
    assert (unit, first, second) == ("SK_3_1", "3x3", "5x5")
    digits = len(value.split(".")[1])
    assert float(value) == pytest.approx(large, abs=10**-digits)
    assert float(change.strip("()")) == pytest.approx(large - plain, abs=10**-digits)
    assert float(reference) == pytest.approx(plain, abs=10**-digits)
    assert "change from 1.0x" in result.stdout


@pytest.mark.parametrize(
    ("change", "digits"), [(0.2, 4), (0.0, 4), (0.01, 4), (3e-4, 5), (3e-6, 7), (1e-9, 7)]
)
def test_digits_show_the_change(change: float, digits: int) -> None:
    assert _digits(change) == digits


def test_several_units_formats_and_data(photo: Path, work: Path) -> None:
    result = run(
        *(photo, "--stage", "2_3,3_4", "--stage", "SK_5_3", "--format", "pdf,svg"),
        *("--data", "csv,json", "--out", "new/folder", "--group", "1", "--quiet"),
    )
    assert result.exit_code == 0
    assert result.stdout == ""
    stem = "photo_attention_2_3-3_4-5_3"
    assert made(work / "new" / "folder") == [
        f"{stem}.{end}" for end in ("csv", "json", "pdf", "svg")
    ]
    frame = pd.read_csv(f"new/folder/{stem}.csv")
    channels = frame.groupby("unit")["channel"].nunique().to_dict()
    units = skviz.Probe(skviz.load_model(), "paper").units
    assert channels == {unit.name: unit.channels for unit in units}
    assert len(frame) == 3 * 2 * sum(channels.values())
    sums = frame.groupby(["unit", "scale", "channel"])["attention"].sum()
    assert sums.between(0.999999, 1.000001).all()
    document = json.loads(Path(f"new/folder/{stem}.json").read_text())
    assert len(document["attention"]) == len(frame)
    assert document["attention"][0]["attention"] == frame["attention"][0]
    assert document["units"]["SK_3_4"]["kernels"] == ["3x3", "5x5"]


def test_many_units_are_counted_in_the_name(photo: Path, work: Path) -> None:
    assert run(photo, "--stage", "all", "--scales", "1").exit_code == 0
    assert made(work) == ["photo_attention_16_units.png"]


def test_json_is_one_document(photo: Path, tmp_path: Path) -> None:
    weights = tmp_path / "mine.pth"
    torch.save(build("sknet50_lite", seed=1).state_dict(), weights)
    result = run(
        photo, "--json", "--weights", weights, "--scales", "1,2", "--model", "sknet50_lite"
    )
    assert result.exit_code == 0
    said = "interpolated at 2.0x: the picture has fewer pixels there than the network's input"
    assert result.stderr == f"Warning: {said}\n"
    document = json.loads(result.stdout)
    assert document["note"] == said
    with Image.open(document["files"][0]) as figure:
        assert (
            "Interpolated from fewer pixels than the network's input: 2.0x."
            in figure.text["Description"]
        )
    assert document["image"] == str(photo)
    assert document["model"] == "sknet50_lite"
    assert document["weights"]["name"] == "mine.pth"
    assert len(document["weights"]["sha256"]) == 64
    assert document["scales"] == [1.0, 2.0]
    assert document["files"] == ["photo_attention_3_4.png"]
    unit = document["units"]["SK_3_4"]
    assert len(unit["difference"]) == 2
    for difference, (small, large) in zip(unit["difference"], unit["attention_mean"], strict=True):
        assert small + large == pytest.approx(1, abs=1e-6)
        assert 2 * large - 1 == pytest.approx(difference, abs=1e-6)


def test_a_note_says_of_how_many_images_it_is(photo: Path, tmp_path: Path) -> None:
    large = draw_photo(tmp_path / "large.png", 800, 600)
    result = run(photo, large, "--scales", "1,2", "--model", "sknet50_lite")
    assert result.stderr.startswith("Warning: 1 of 2 images: interpolated at 2.0x: the picture")
    assert run(large, "--scales", "1,2", "--overwrite", "--quiet").stderr == ""


def test_json_says_untrained(photo: Path) -> None:
    document = json.loads(run(photo, "--json", "--quiet", "--model", "sknet26").stdout)
    assert document["weights"] == {
        "name": "untrained (seed 0)",
        "sha256": None,
        "trained": False,
        "notes": [],
    }
    assert "untrained" in document["note"]


def test_a_broken_image_does_not_stop_the_others(photo: Path, tmp_path: Path, work: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    other = tmp_path / "other.png"
    Image.open(photo).save(other)
    result = run(photo, broken, other, "--json")
    assert result.exit_code == 3
    assert made(work) == ["other_attention_3_4.png", "photo_attention_3_4.png"]
    document = json.loads(result.stdout)
    assert [entry["image"] for entry in document["images"]] == [str(photo), str(other)]
    (error,) = document["errors"]
    assert error["image"] == str(broken)
    assert "not an image" in error["error"]
    assert f"Error: cannot read '{broken}'" in result.stderr
    assert "1 of 3 images failed" in result.stderr


def test_images_of_one_name_do_not_overwrite_each_other(
    photo: Path, tmp_path: Path, work: Path
) -> None:
    names = ["a/dog.jpg", "b/dog.jpg", "b/Dog.png", "b/dog-2.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(photo, tmp_path / name)
    result = run(*(tmp_path / name for name in names), "--scales", "1")
    assert result.exit_code == 0
    assert made(work) == [
        *("Dog-4_attention_3_4.png", "dog-2_attention_3_4.png", "dog-3_attention_3_4.png"),
        "dog_attention_3_4.png",
    ]
    lines = result.stdout.splitlines()
    # Every figure is named below the table of its image.
    assert [line.split()[1] for line in lines if line.startswith("written")] == [
        *("dog_attention_3_4.png", "dog-3_attention_3_4.png", "Dog-4_attention_3_4.png"),
        "dog-2_attention_3_4.png",
    ]


def test_an_existing_figure_is_replaced_only_when_asked(photo: Path, work: Path) -> None:
    figure = work / "photo_attention_3_4.png"
    figure.write_text("mine")
    assert run(photo).exit_code == 1
    assert figure.read_text() == "mine"
    assert run(photo, "--overwrite").exit_code == 0
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_outputs_are_checked_before_the_network_runs(photo: Path, work: Path) -> None:
    """The second image's figure exists: then the first one's is not made either."""
    second = photo.with_name("second.jpg")
    shutil.copy(photo, second)
    (work / "second_attention_3_4.png").write_text("mine")
    result = run(photo, second)
    assert result.exit_code == 1
    assert made(work) == ["second_attention_3_4.png"]


def test_on_photographs(shared_data: Path, work: Path) -> None:
    photographs = sorted((shared_data / "photos_val").rglob("*.jpg"))[::97][:3]
    if not photographs:
        pytest.skip("needs photographs in ../shared/data/photos_val")
    result = run(*photographs, "--scales", "1,1.5,2")
    assert result.exit_code == 0
    assert len(made(work)) == len(photographs)


def test_the_example_is_a_photograph_that_skviz_ships() -> None:
    result = run("example", "--stage", "3_4", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert Path(document["files"][0]).name == "okapi_attention_3_4.png"
    assert [best[0]["class"] for best in document["classes"]] == ["okapi"] * 3


def test_a_file_called_example_comes_first(photo: Path, work: Path) -> None:
    photo.rename(work / "example")
    result = run("example", "--stage", "3_4", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["image"] == "example"


def test_several_photographs_on_one_sheet(photo: Path, work: Path) -> None:
    shutil.copy(photo, work / "b.jpg")
    shared = (photo, "b.jpg", "--model", "sknet26", "--stage", "3_1", "--json")
    result = run(*shared, "--sheet", "sheet.svg")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["sheet"] == "sheet.svg"
    drawn = (work / "sheet.svg").read_text(encoding="utf-8")
    assert ">photo.jpg<" in drawn and ">b.jpg<" in drawn
    assert "2 images; first SK_3_1: " in drawn
    # What cannot be written is refused before anything is computed.
    again = run(*shared, "--sheet", "sheet.svg", "--out", "other")
    assert again.exit_code != 0 and not (work / "other").exists()
    assert run(*shared, "--sheet", "sheet.gif").exit_code == 2
