"""What was assumed to read a picture reaches the user of every command, once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import skviz
from skviz.cli.main import cli
from skviz.notes import Assumption, notes_on_pictures
from skviz.runs.records import Run

LINE = "32-bit floats do not define white: 1 was taken as white, 0 as black"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five float pictures, of which one has an outlier, and one that assumes nothing."""
    where = tmp_path / "pictures"
    where.mkdir()
    for number in range(5):
        values = np.linspace(0, 1, 48 * 48, dtype=np.float32).reshape(48, 48)
        values[0, 0] = 1.5 if number == 0 else 0
        Image.fromarray(values).save(where / f"{number}.tif")
    Image.new("RGB", (48, 48), "olive").save(where / "plain.png")
    return where


def call(*args: object) -> tuple[str, dict[str, object]]:
    done = CliRunner().invoke(cli, [str(arg) for arg in args] + ["--json"])
    assert done.exit_code == 0, done.output
    return done.stderr, json.loads(done.stdout)


def test_attention_says_it(folder: Path, tmp_path: Path) -> None:
    said, document = call("attention", folder / "0.tif", "--out", tmp_path / "out")
    detail = f"{LINE} (1 of 2,304 values lie outside and are clipped)"
    assert f"Warning: assumed: {detail} (1: {folder / '0.tif'})\n" in said
    assert document["assumed"] == [detail]
    said, document = call("attention", folder / "plain.png", "--out", tmp_path / "out")
    assert "white" not in said
    assert document["assumed"] == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_says_it_once_and_keeps_it(folder: Path, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "run"
    arguments = ("analyze", folder, "--out", out, "--workers", workers, "--shard-size", 2)
    line = f"assumed: {LINE} (5: 0.tif, 1.tif, 2.tif, ...)"
    for _ in range(2):  # Also of a run that is finished already.
        said, document = call(*arguments)
        assert said.count(LINE) == 1
        assert f"Warning: {line}\n" in said
        assert [note["text"] for note in document["notes"]] == [LINE]
    (note,) = Run(out).notes
    assert note.names == tuple(f"{number}.tif" for number in range(5))
    assert (note.kind, note.text, note.count) == ("assumed", LINE, 5)


def test_merged_runs_keep_it(folder: Path, tmp_path: Path) -> None:
    for part in ("1/2", "2/2"):
        call("analyze", folder, "--out", tmp_path / part[0], "--part", part)
    said, document = call("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "both")
    assert said.count(LINE) == 1
    (note,) = Run(tmp_path / "both").notes
    assert note.count == 5
    assert document["notes"] == [note.to_dict()]


def test_a_run_without_assumptions_has_no_notes(folder: Path, tmp_path: Path) -> None:
    for file in folder.glob("*.tif"):
        file.unlink()
    _, document = call("analyze", folder, "--out", tmp_path / "run")
    assert document["notes"] == []
    assert not (tmp_path / "run" / "notes").exists()


@pytest.mark.slow
def test_other_commands_say_it(folder: Path, tmp_path: Path) -> None:
    few = ("--units", "3_4", "--scales", "1,2")
    commands = {
        "controls": (folder, "--out", tmp_path / "suite", "--only", "plain", *few),
        "intervene": (folder, "--out", tmp_path / "done", "--kinds", "uniform", *few),
        "receptive-field": (folder, "--out", tmp_path, "--stage", "3_4,4_6", "--scales", "1,2"),
    }
    for command, arguments in commands.items():
        said, document = call(command, *arguments)
        assert said.count(f"assumed: {LINE} (5: 0.tif, 1.tif, 2.tif, ...)") == 1, said
        assert LINE in json.dumps(document), command


@pytest.mark.slow
def test_reports_say_it(folder: Path, tmp_path: Path) -> None:
    call("analyze", folder, "--out", tmp_path / "run")
    said, _ = call("report", tmp_path / "run", "--to", tmp_path / "run.html")
    assert f"Warning: Assumed: {LINE} (5: 0.tif, 1.tif, 2.tif, ...).\n" in said
    assert LINE in (tmp_path / "run.html").read_text()
    said, _ = call("report", folder / "1.tif", "--scales", "1,2", "--to", tmp_path / "one.html")
    assert LINE in said
    assert LINE in (tmp_path / "one.html").read_text()


def test_in_python(folder: Path) -> None:
    result = skviz.analyze_image(folder / "0.tif", skviz.load_model(), scales=(1.0,))
    assert [note.text for note in result.views.notes] == [LINE]
    assert result.assumed == result.views.notes


def test_notes_on_pictures() -> None:
    first, second = Assumption("white is 1", "so dark"), Assumption("inks are ideal")
    assert notes_on_pictures([]) == ()
    assert [str(note) for note in notes_on_pictures([("a", first), ("b", second)])] == [
        "assumed: white is 1 (so dark) (1: a)", "assumed: inks are ideal (1: b)"]  # fmt: skip
    three = [("a", first), ("b", second), ("c", first._replace(detail="7"))]
    assert [str(note) for note in notes_on_pictures(three)] == [
        "assumed: white is 1 (2: a, c)", "assumed: inks are ideal (1: b)"]  # fmt: skip
