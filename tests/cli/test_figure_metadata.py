"""Every command that draws says in the file what is drawn and how it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from skviz.cli.main import cli
from tests.helpers.synthetic import make_run, stage_units
from tests.helpers.synthetic_suite import make_suite

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six pictures in three classes, as many as the network has."""
    for number in range(6):
        path = tmp_path / "val" / ("ant", "bee", "cat")[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return tmp_path / "val"


def made_by(*words: object) -> str:
    """Run a command and return it as the shell takes it."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return " ".join(["skviz", *map(str, words)])


def info(figure: Path) -> dict[str, str]:
    result = CliRunner().invoke(cli, ["summary", str(figure), "--json"])
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["title"]
    assert told["alternative"]
    assert "matplotlib" in told["versions"]
    return told


def width(figure: Path) -> int:
    with Image.open(figure) as image:
        return image.width


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_compare(tmp_path: Path, kind: str) -> None:
    make_run(tmp_path / "run", stage_units((3, 4, 6, 3)), classes=["a", "b"], per_class=4)
    out = tmp_path / f"f.{kind}"
    command = made_by(
        "compare", tmp_path / "run", "--paper", "--figure", out, "--resamples", 50, "--for", "paper"
    )
    told = info(out)
    assert told["command"] == command
    assert "published, figure 3 (c) shift the same way in" in told["title"]
    assert "Mean over 8 images of 'made-up' (2 classes)" in told["caption"]
    if kind == "png":
        assert width(out) == 3.5 * 600


def test_field(data: Path, tmp_path: Path) -> None:
    command = made_by(
        "receptive-field", data, "--stage", "2_1", "--scales", "1,2", "--model", "tiny",
        "--out", tmp_path / "f", "--format", "png,pdf", "--quiet", "--for", "talk",
    )  # fmt: skip
    for kind in ("png", "pdf"):
        told = info(tmp_path / "f" / f"field_2_1.{kind}")
        assert told["command"] == command
        assert told["title"].startswith("SK_2_1: the width of the mixed field in pixels ")
        assert "Mean over 6 images of the effective receptive field" in told["caption"]
        assert "The network is untrained" in told["caption"]
    assert width(tmp_path / "f" / "field_2_1.png") == pytest.approx(13.333 * 150, abs=2)


def test_intervene(data: Path, tmp_path: Path) -> None:
    command = made_by(
        "intervene", data, "--out", tmp_path / "iv", "--scales", "1,2", "--model", "tiny",
        "--kinds", "uniform", "--units", "3_1", "--workers", 0, "--device", "cpu", "--for", "web",
    )  # fmt: skip
    told = info(tmp_path / "iv" / "interventions.png")
    assert told["command"] == command
    assert "One panel per replacement (uniform)" in told["caption"]
    assert width(tmp_path / "iv" / "interventions.png") == 8 * 192


def test_controls(data: Path, tmp_path: Path) -> None:
    command = made_by(
        "controls", data, "--out", tmp_path / "c", "--only", "blur", "--seeds", 0, "--scales",
        "1,2", "--model", "tiny", "--workers", 0, "--device", "cpu",
    )  # fmt: skip
    views = info(tmp_path / "c" / "views.png")
    assert views["command"] == command
    assert views["title"] == "The image 'ant/0.png' in 2 controls"
    told = info(tmp_path / "c" / "verdicts.png")
    assert told["command"] == command
    assert "per unit, and what remains of it: whole shift, without blur." in told["caption"]


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_verdicts(tmp_path: Path, kind: str) -> None:
    suite = make_suite(tmp_path / "suite", {"plain": (0.05, 0.05, 0.05, 0.0)})
    command = made_by("summary", suite, "--verdicts", tmp_path / "page", "--for", "paper")
    told = info(tmp_path / "page" / f"verdicts.{kind}")
    assert told["command"] == command
    assert told["title"].startswith("In 0 of 4 units larger objects get the larger kernel")
    if kind == "png":
        assert width(tmp_path / "page" / "verdicts.png") == 3.5 * 600
