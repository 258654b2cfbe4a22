"""`skviz report --card`: writes a model card, and says what is wrong before it measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from skviz.models import build
from skviz.pictures.scaling import InputSpec
from skviz.training import describe, export_weights
from tests.helpers.noise import in_classes, noise_pictures


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs of two classes, and weights for them."""
    folder = tmp_path_factory.mktemp("given")
    noise_pictures(folder / "photos", in_classes(2), (40, 40))
    (folder / "photos" / "ant" / "text.png").write_text("no picture")
    (folder / "notes.md").write_text("What was tried.")
    metadata = describe("sknet50_lite", InputSpec(size=32), ["ant", "bee"], {})
    export_weights(build("sknet50_lite", classes=2), folder / "model.safetensors", metadata)
    return folder


@pytest.fixture(scope="module")
def controls(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of which a picture cannot be read and one control is not finished."""
    suite = tmp_path_factory.mktemp("made") / "suite"
    words = ["controls", given / "photos", "--weights", given / "model.safetensors", "--quiet"]
    words += ["--out", suite, "--scales", "1,2", "--only", "blur", "--seeds", "1", "--workers", "0"]
    assert CliRunner().invoke(cli, [str(word) for word in words]).exit_code == 3
    (suite / "blur" / "shards" / "00000.parquet").unlink()
    return suite


def run(given: Path, controls: Path, out: Path, *words: str) -> Result:
    fixed = [controls, "--card", "--weights", given / "model.safetensors", "--to", out]
    return CliRunner().invoke(cli, ["report", *map(str, fixed), *words])


def test_writes_numbers_and_text(given: Path, controls: Path, tmp_path: Path) -> None:
    words = ["--notes", str(given / "notes.md"), "--json"]
    result = run(given, controls, tmp_path / "card", *words)
    assert result.exit_code == 3, result.output
    document = json.loads(result.stdout)
    numbers, text = (Path(path) for path in document.pop("files"))
    assert json.loads(numbers.read_text()) == document
    assert "What was tried." in text.read_text()
    assert "1 images could not be read and are left out" in result.stderr
    assert [error["path"] for error in document["photographs"]["unreadable"]] == ["text.png"]
    again = run(given, controls, tmp_path / "card")
    assert again.exit_code == 1
    assert "already exists; pass --overwrite" in again.stderr


def test_the_table_for_a_reader(given: Path, controls: Path, tmp_path: Path) -> None:
    result = run(given, controls, tmp_path / "card")
    assert result.exit_code == 3, result.output
    assert result.stdout.startswith("scale  ")
    assert "The paper finds that attention moves to the larger kernel" in result.stdout
    assert "unfinished and left out: blur" in result.stderr
    text = (tmp_path / "card" / "sknet50_lite.card.md").read_text()
    assert "Unfinished and left out: blur." in text


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--interventions", "nothing"], "expected the folder of interventions", 2),
        (["--weights", "nothing.pth"], "found no such file", 1),
    ],
)
def test_wrong_usage(
    given: Path, controls: Path, tmp_path: Path, words: list[str], message: str, code: int
) -> None:
    result = run(given, controls, tmp_path / "card", *words)
    assert result.exit_code == code
    assert message in result.stderr


def test_what_belongs_together(given: Path, controls: Path, tmp_path: Path) -> None:
    result = run(given, given / "photos", tmp_path / "card")
    assert result.exit_code == 2
    assert "expected one folder of `skviz controls` for a model card" in result.stderr
    words = [str(controls), "--to", str(tmp_path / "x.html"), "--notes", str(given / "notes.md")]
    result = CliRunner().invoke(cli, ["report", *words])
    assert result.exit_code == 2
    assert "'--notes' belongs to --card; leave it out" in result.stderr


@pytest.mark.parametrize("option", ["--notes", "--tried"])
def test_files_that_are_no_text(option: str, given: Path, controls: Path, tmp_path: Path) -> None:
    """Refused before anything is measured, without a traceback."""
    (tmp_path / "file").write_bytes(b"\xff\xfe\n")
    result = run(given, controls, tmp_path / "card", option, str(tmp_path / "file"))
    assert result.exit_code == 2
    assert "UTF-8" in result.stderr


def test_classes_that_the_network_does_not_know(given: Path, tmp_path: Path) -> None:
    for name in ("bee", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        picture = given / "photos" / "bee" / "0.png"
        (tmp_path / "photos" / name / "0.png").write_bytes(picture.read_bytes())
    words = ["controls", tmp_path / "photos", "--weights", given / "model.safetensors"]
    words += ["--out", tmp_path / "suite", "--scales", "1,2", "--only", "blur", "--workers", "0"]
    made = CliRunner().invoke(cli, [str(word) for word in [*words, "--seeds", "0", "--quiet"]])
    assert made.exit_code == 0, made.output
    result = run(given, tmp_path / "suite", tmp_path / "card")
    assert result.exit_code == 2
    assert "among the network's 2, 1 are not: dog" in result.stderr
