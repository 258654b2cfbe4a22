"""`skviz receptive-field`: the table, the files, the JSON document, the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from skviz.studies.receptive_field.store import load_field
from tests.helpers.noise import noise_pictures


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noise_pictures(tmp_path_factory.mktemp("pictures"), "01234", (90, 90))


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(cli, ["receptive-field", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_table_and_files(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    result = run(pictures, "--stage", "2_1", "--scales", "1,2", "--out", out, "--format", "png,svg")
    assert result.exit_code == 0, result.stderr
    assert result.stderr == f"next: skviz analyze {pictures} --out run\n"
    assert sorted(path.name for path in out.iterdir()) == [
        f"field_2_1.{ending}" for ending in ("csv", "json", "npz", "png", "svg")
    ]
    field = load_field(out / "field_2_1.npz")
    lines = result.stdout.splitlines()
    assert lines[0] == "SK_2_1: sknet50_lite, weights: bundled, 5 images of 128 x 128 pixels"
    rows = {line[:18].strip(): line.split()[-2:] for line in lines[3:9]}
    names = ["3x3", "5x5", "mixed", "all 3x3", "all 5x5", "attention of 1.0x"]
    assert list(rows) == names
    for number, name in enumerate(names):
        assert rows[name] == [f"{width:.1f}" for width in field.widths[:, number]]
    changes = field.changes().set_index("part")
    for part, text in (
        ("total", "mixed, minus that at 1.0x"),
        ("picture", "  with the attention kept"),
        ("attention", "  due to the attention"),
        ("possible", "all 5x5 minus all 3x3"),
    ):
        (line,) = (line for line in lines if line.startswith(text))
        value, low, high = changes.loc[part, ["value", "low", "high"]]
        assert line.endswith(f"{value:+.2f} [{low:+.2f}, {high:+.2f}]")
    assert f"written: {out / 'field_2_1.svg'}" in lines

    table = pd.read_csv(out / "field_2_1.csv")
    assert table.width.to_numpy() == pytest.approx(field.widths.ravel())
    document = json.loads((out / "field_2_1.json").read_text())
    assert document["unit"]["name"] == "SK_2_1"
    assert [row["width"] for row in document["fields"]] == pytest.approx(field.widths.ravel())


def test_json_only(pictures: Path, tmp_path: Path) -> None:
    words = ("--scales", "1", "--limit", 2, "--out", tmp_path, "--json")
    one = json.loads(run(pictures, *words, "--stage", "2_1").stdout)
    assert (one["unit"]["name"], one["images"], one["changes"]) == ("SK_2_1", 2, [])
    assert {Path(file).suffix for file in one["files"]} == {".npz", ".json", ".csv", ".png"}
    assert one["fields"][0]["low"] is None  # no interval for two images
    two = json.loads(run(pictures, *words, "--stage", "2_1,2_2", "--overwrite").stdout)
    assert [found["unit"]["name"] for found in two["units"]] == ["SK_2_1", "SK_2_2"]


def test_options_reach_the_measurement(pictures: Path, tmp_path: Path) -> None:
    result = run(
        pictures / "0.png", pictures / "1.png", "--model", "sknet26", "--no-pretrained",
        "--input-size", 16, "--stage", "2_1", "--scales", "1", "--through-attention",
        "--batch-size", 1, "--out", tmp_path, "--json",
    )  # fmt: skip
    document = json.loads(result.stdout)
    assert document["through_attention"]
    assert document["images"] == 2
    assert document["spec"]["size"] == 16
    assert "Warning: untrained network: this is the field of random weights" in result.stderr
    assert "the picture's border cuts these fields off" in result.stderr


def test_unreadable_images(pictures: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    words = ("--stage", "2_1", "--scales", "1", "--out", tmp_path)
    result = run(broken, pictures / "0.png", *words)
    assert result.exit_code == 3
    assert "broken.png: cannot read" in result.stderr
    assert "1 of 2 images failed" in result.stderr
    assert (tmp_path / "field_2_1.png").exists()
    result = run(broken, *words, "--overwrite")
    assert result.exit_code == 1
    assert "none of 1 could be read" in result.stderr


def test_mistakes(pictures: Path, tmp_path: Path) -> None:
    def fails(*words: object) -> tuple[int, str]:
        result = run(*words, "--out", tmp_path)
        return result.exit_code, result.stderr

    assert fails(pictures, "--stage", "9_9")[0] == 2
    assert "unknown unit '9_9'" in fails(pictures, "--stage", "9_9")[1]
    assert fails(tmp_path / "none")[0] == 2
    assert "there is no such file or folder" in fails(tmp_path / "none")[1]
    assert fails(pictures, "--limit", "0")[0] == 2
    assert fails(pictures, "--style", "drak")[0] == 2
    assert not list(tmp_path.iterdir())
    (tmp_path / "field_2_1.csv").write_text("mine")
    code, text = fails(pictures, "--stage", "2_1")
    assert code == 1
    assert "already exists; pass --overwrite" in text
    assert [path.name for path in tmp_path.iterdir()] == ["field_2_1.csv"]
