"""What was assumed to read a picture reaches the user of every command, once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import skviz
from skviz.analysis.records import Run
from skviz.cli.main import cli
from skviz.notes import Note, note_lines

LINE = "32-bit floats do not say what is white: 1 was taken for white, 0 for black"


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
    detail = f"{LINE} (1 of 2,304 values are beyond and cut)"
    assert f"Warning: {folder / '0.tif'}: {detail}\n" in said
    assert document["assumed"] == [detail]
    said, document = call("attention", folder / "plain.png", "--out", tmp_path / "out")
    assert "white" not in said
    assert document["assumed"] == []


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_says_it_once_and_keeps_it(folder: Path, tmp_path: Path, workers: int) -> None:
    out = tmp_path / "run"
    arguments = ("analyze", folder, "--out", out, "--workers", workers, "--shard-size", 2)
    line = f"5 images (0.tif, 1.tif, 2.tif, ...): {LINE}"
    for _ in range(2):  # Also of a run that is finished already.
        said, document = call(*arguments)
        assert said.count(LINE) == 1
        assert f"Warning: {line}\n" in said
        assert document["assumed"] == [line]
    notes = Run(out).notes
    assert [name for name, _ in notes] == [f"{number}.tif" for number in range(5)]
    assert {note.text for _, note in notes} == {LINE}
    assert [bool(note.detail) for _, note in notes] == [True, False, False, False, False]


def test_merged_runs_keep_it(folder: Path, tmp_path: Path) -> None:
    for part in ("1/2", "2/2"):
        call("analyze", folder, "--out", tmp_path / part[0], "--part", part)
    said, document = call("merge", tmp_path / "1", tmp_path / "2", "--out", tmp_path / "both")
    assert said.count(LINE) == 1
    assert len(Run(tmp_path / "both").notes) == 5
    assert document["assumed"] == note_lines(Run(tmp_path / "both").notes)


def test_a_run_without_assumptions_has_no_notes(folder: Path, tmp_path: Path) -> None:
    for file in folder.glob("*.tif"):
        file.unlink()
    _, document = call("analyze", folder, "--out", tmp_path / "run")
    assert document["assumed"] == []
    assert not (tmp_path / "run" / "notes").exists()


def test_other_commands_say_it(folder: Path, tmp_path: Path) -> None:
    few = ("--units", "3_4", "--scales", "1,2")
    commands = {
        "controls": (folder, "--out", tmp_path / "suite", "--only", "plain", *few),
        "intervene": (folder, "--out", tmp_path / "done", "--kinds", "uniform", *few),
        "field": (folder, "--out", tmp_path, "--stage", "3_4,4_6", "--scales", "1,2"),
    }
    for command, arguments in commands.items():
        said, document = call(command, *arguments)
        assert said.count(LINE) == 1, command
        assert "Warning: 5 images (" in said, command
        assert LINE in json.dumps(document), command


def test_reports_say_it(folder: Path, tmp_path: Path) -> None:
    call("analyze", folder, "--out", tmp_path / "run")
    said, _ = call("report", tmp_path / "run", "--to", tmp_path / "run.html")
    assert f"Warning: 5 images (0.tif, 1.tif, 2.tif, ...): {LINE}.\n" in said
    assert LINE in (tmp_path / "run.html").read_text()
    said, _ = call("report", folder / "1.tif", "--scales", "1,2", "--to", tmp_path / "one.html")
    assert LINE in said
    assert LINE in (tmp_path / "one.html").read_text()


def test_in_python(folder: Path) -> None:
    result = skviz.analyze_image(folder / "0.tif", skviz.load_model(), scales=(1.0,))
    assert [note.text for note in result.views.notes] == [LINE]
    assert result.assumed == result.views.notes


def test_lines_of_notes() -> None:
    first, second = Note("white is 1", "so dark"), Note("inks are ideal")
    assert note_lines([]) == []
    assert note_lines([("a", first), ("b", second)]) == [
        "a: white is 1 (so dark)", "b: inks are ideal"]  # fmt: skip
    assert note_lines([("a", first), ("b", second), ("c", first._replace(detail="7"))]) == [
        "2 images (a, c): white is 1", "b: inks are ideal"]  # fmt: skip
