"""The options that choose a network, through the commands that take them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from skviz.cli.main import cli

FACTORY = """
import torch
from skviz.models import Branch, SKNet, SKNetConfig

def small(width=8):
    torch.manual_seed(0)
    branches = (Branch(3, 1, group_width=4), Branch(3, 2, group_width=4))
    return SKNet(SKNetConfig((1, 1), (width, 16), (16, 32), branches, stem="cifar", classes=3))
"""

NO_UNITS = """
from torch import nn

def plain():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(FACTORY)
    return path


def run(*words: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(cli, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_a_network_from_a_file_with_arguments(factory: Path, photo: Path, tmp_path: Path) -> None:
    code, out, _ = run(
        *("attention", photo, "--model", f"{factory}:small", "--model-args", '{"width": 24}'),
        *("--stage", "2_1", "--input-size", 32, "--crop", 1, "--mean", "0.5,0.5,0.5"),
        *("--std", "0.2,0.2,0.2", "--out", tmp_path / "out", "--json"),
    )
    assert code == 0
    document = json.loads(out)
    assert list(document["units"]) == ["SK_2_1", "SK_3_1"]
    assert document["units"]["SK_2_1"]["kernels"] == ["3x3", "5x5"]
    assert Path(document["files"][0]).is_file()


def test_units_of_a_network_from_a_file(factory: Path) -> None:
    code, out, _ = run("models", f"{factory}:small", "--json")
    assert code == 0
    assert [unit["channels"] for unit in json.loads(out)["units"]] == [8, 16]


def test_a_network_without_selective_attention_fails(tmp_path: Path, photo: Path) -> None:
    path = tmp_path / "other.py"
    path.write_text(NO_UNITS)
    code, _, err = run("attention", photo, "--model", f"{path}:plain", "--out", tmp_path)
    assert code == 1
    assert "selective attention" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model-args", "{"), "expected a JSON object such as"),
        (("--model-args", "[1]"), "expected a JSON object, got [1]"),
        (("--mean", "1,2"), "expected three comma-separated numbers, got '1,2'"),
        (("--std", "a,b,c"), "expected three comma-separated numbers, got 'a,b,c'"),
        (("--crop", "2"), "expected a crop fraction above 0 and up to 1, got 2.0"),
        (("--input-size", "0"), "--input-size"),
    ],
)
def test_wrong_options(
    words: tuple[str, str], message: str, factory: Path, photo: Path, tmp_path: Path
) -> None:
    code, _, err = run(
        "attention", photo, "--model", f"{factory}:small", "--out", tmp_path / "out", *words
    )
    assert code == 2
    assert message in err


GATES = """
import torch
from torch import nn

class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.down, self.up = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = self.conv(x)
        gate = self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.fc((x * gate).mean((2, 3)))
"""


def test_gates_are_recorded_without_a_difference(photo: Path, tmp_path: Path) -> None:
    import pandas as pd

    (tmp_path / "net.py").write_text(GATES)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "one.jpg").write_bytes(photo.read_bytes())
    code, _, err = run(
        *("analyze", tmp_path / "images", "--model", f"{tmp_path / 'net.py'}:Gated"),
        *("--input-size", 32, "--out", tmp_path / "run", "--workers", 0),
    )
    assert code == 0
    assert "gates have one branch and so no attention difference" in err
    records = pd.read_parquet(tmp_path / "run" / "shards")
    assert len(records) == 3
    assert records["difference"].isna().all()
    assert records["attention_0"].between(0, 1).all()
