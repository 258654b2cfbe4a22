"""`skviz card`: writes a card, and says what is wrong before it measures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from skviz.cli.main import cli
from skviz.models import build
from skviz.scaling import InputSpec
from skviz.training import describe, export_weights


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs of two classes, and weights for them."""
    folder = tmp_path_factory.mktemp("given")
    random = np.random.default_rng(0)
    for name in ("ant", "bee"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    (folder / "photos" / "ant" / "text.png").write_text("no picture")
    (folder / "notes.md").write_text("What was tried.")
    metadata = describe("sknet50_lite", InputSpec(size=32), ["ant", "bee"], {})
    export_weights(build("sknet50_lite", classes=2), folder / "model.safetensors", metadata)
    return folder


def run(given: Path, out: Path, *words: str) -> Result:
    fixed = ["--data", given / "photos", "--weights", given / "model.safetensors", "--out", out]
    return CliRunner().invoke(cli, ["card", *map(str, fixed), "--workers", "0", *words])


def test_writes_numbers_and_text(given: Path, tmp_path: Path) -> None:
    words = ["--seeds", "1", "--notes", str(given / "notes.md"), "--json"]
    result = run(given, tmp_path / "card", *words)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    numbers, text = (Path(path) for path in document.pop("files"))
    assert json.loads(numbers.read_text()) == document
    assert "What was tried." in text.read_text()
    assert "1 images cannot be read and are left out" in result.stderr
    again = run(given, tmp_path / "card")
    assert again.exit_code == 1
    assert "already exists; pass --overwrite" in again.stderr


def test_table_for_a_reader(given: Path, tmp_path: Path) -> None:
    result = run(given, tmp_path / "card", "--seeds", "0", "--scales", "1,2")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("scale  ")
    assert "The paper finds that attention moves to the larger kernel" in result.stdout
    assert "photographs: 4" in result.stderr


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        (["--scales", "2"], "expected the scales 1.0 and a larger one", 2),
        (["--seeds", "-1"], "-1 is not in the range x>=0", 2),
        (["--data", "nothing"], "found none at nothing", 2),
        (["--weights", "nothing.pth"], "found no such file", 1),
    ],
)
def test_wrong_usage(
    given: Path, tmp_path: Path, words: list[str], message: str, code: int
) -> None:
    result = run(given, tmp_path / "card", *words)
    assert result.exit_code == code
    assert message in result.stderr
