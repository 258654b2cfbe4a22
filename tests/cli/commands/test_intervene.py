"""`skviz intervene`: what it prints, writes and refuses; and that its docs page runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from skviz.cli.main import cli
from skviz.runs.loop import Interrupted
from skviz.studies.interventions.measure import Interventions

pytestmark = pytest.mark.usefixtures("tiny")

ROOT = Path(__file__).resolve().parents[3]


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve pictures in three classes, as many as the network has."""
    for number in range(12):
        draw(tmp_path / "val" / ("ant", "bee", "cat")[number % 3] / f"{number}.png", number)
    return tmp_path / "val"


def run(data: object, out: Path, *arguments: object) -> Result:
    options = ("--model", "tiny", "--workers", 0, "--shard-size", 5, "--device", "cpu")
    words = ["intervene", data, "--out", out, "--scales", "1,2", *options, *arguments]
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_tables_files_and_the_same_again(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "iv"
    first = run(data, out, "--format", "png,pdf")
    assert first.exit_code == 0
    assert (
        "tiny, weights: untrained (seed 0); 12 images, 0 unreadable; the true class is"
        in first.stdout
    )
    assert "3 targets x 7 kinds: 23 passes over every view, each from" in first.stdout
    assert "1.0x: change of the probability of the true class (* the 95 %" in first.stdout
    assert "2.0x, all 2 units together: change of logit and probability" in first.stdout
    assert re.search(r"^all +[+-]0\.\d{4}", first.stdout, re.MULTILINE)
    assert re.search(r"time: \S+ s plain, \S+ s more: \S+ x plain", first.stderr)
    assert "Warning: untrained network" in first.stderr
    names = {path.name for path in out.iterdir()}
    files = {f"interventions.{kind}" for kind in ("csv", "json", "md", "png", "pdf")}
    assert names == {"baseline", "checksums", "shards", "settings.json", *files}
    assert len((out / "interventions.csv").read_text().splitlines()) == 1 + 3 * (7 * 2 - 1)
    again = run(data, out)
    assert again.exit_code == 0
    assert f"'{out}' is already finished; nothing to do" in again.stderr
    assert again.stdout.splitlines()[:20] == first.stdout.splitlines()[:20]
    other = run(data, out, "--kinds", "uniform")
    assert other.exit_code == 2
    assert "Use the same settings to resume it, or another folder with --out" in other.stderr


def test_json_units_and_kinds(data: Path, tmp_path: Path) -> None:
    arguments = ("--json", "--units", "3_1", "--kinds", "patch,uniform", "--per-class", 2)
    result = run(data, tmp_path / "iv", *arguments)
    document = json.loads(result.stdout)
    assert document["images"] == 6
    assert document["passes"] == 6
    assert document["together"] == {"all": ["SK_2_1", "SK_3_1"]}
    assert {row["unit"] for row in document["rows"]} == {"SK_3_1", "all"}
    rows = [row for row in document["rows"] if row["unit"] == "SK_3_1"]
    assert [(row["kind"], row["scale"]) for row in rows] == [
        ("uniform", 1.0),
        ("uniform", 2.0),
        ("patch", 2.0),
    ]
    assert set(document["seconds"]) == {"baseline", "interventions"}
    assert [Path(file).name for file in document["files"]] == [
        "interventions.csv",
        "interventions.json",
        "interventions.md",
        "interventions.png",
    ]


def test_classes_that_cannot_be_compared_and_unreadable_images(data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "cat")
    (data / "ant" / "0.png").write_text("no picture")
    result = run(data, tmp_path / "iv", "--kinds", "uniform")
    assert result.exit_code == 3
    assert "the class that the unchanged network predicts counts as the true one" in result.stderr
    assert "Error: ant/0.png: cannot read" in result.stderr
    assert "1 of 8 images could not be read; the baseline run lists them" in result.stderr
    assert "counts as the true class" in result.stdout
    for file in data.rglob("*.png"):
        file.write_text("no picture")
    result = run(data, tmp_path / "none", "--kinds", "uniform")
    assert result.exit_code == 1
    assert "every one of them was unreadable" in result.stderr


def test_interrupted(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(work: Interventions, progress: bool = True) -> None:
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(Interventions, "__call__", stop)
        result = run(data, tmp_path / "iv", "--kinds", "uniform")
    assert result.exit_code == 130
    assert "interrupted: 0 of 3 shards are done" in result.stderr
    resumed = run(data, tmp_path / "iv", "--kinds", "uniform")
    assert resumed.exit_code == 0
    assert f"resuming '{tmp_path / 'iv'}': 0 of 3 shards are done" in resumed.stderr


def test_wrong_words(data: Path, tmp_path: Path) -> None:
    for arguments, text in (
        (("--kinds", "meen"), "got 'meen'. Did you mean 'mean'?"),
        (("--units", "9_9"), "unknown unit '9_9'"),
        (("--style", "papr"), "unknown style 'papr'"),
    ):
        result = run(data, tmp_path / "iv", *arguments)
        assert result.exit_code == 2
        assert text in result.stderr
    assert not (tmp_path / "iv").exists()


def test_the_example_of_the_docs_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(tmp_path / "dog.jpg", 0)
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "interventions.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "interventions.md", "exec"), names)
    assert names["changed"]["3_4"][:, -1].min() == 1.0
    # The first view keeps its own attention.
    patched, plain = names["patched"], names["plain"]
    np.testing.assert_allclose(patched.logits[0], plain.logits[0], atol=1e-5)
    assert not np.allclose(patched.logits[1], plain.logits[1], atol=1e-3)
    assert capsys.readouterr().out.startswith("[[")
