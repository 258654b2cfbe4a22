"""`skviz analyze` and `skviz merge`: what they print, write and refuse, and their exit codes."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from skviz.runs.analyze import Analysis
from skviz.runs.loop import Interrupted
from skviz.runs.records import Run
from skviz.runs.storage.claims import Claims
from skviz.runs.storage.shards import table_file
from tests.helpers.noise import in_classes, noise_pictures
from tests.helpers.permissions import permissions_hold
from tests.helpers.tiny_runs import TINY

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Twelve pictures in two classes."""
    return noise_pictures(tmp_path / "val", in_classes(6))


def run(command: str, *arguments: object) -> Result:
    result = CliRunner().invoke(cli, [command, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def analyze(data: object, out: Path, *arguments: object) -> Result:
    options = ("--model", "tiny", "--workers", 0, "--shard-size", 5, "--device", "cpu")
    return run("analyze", data, "--out", out, *options, *arguments)


def test_a_run_and_the_same_again(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = analyze(data, out, "--scales", "1,2")
    assert first.exit_code == 0
    assert first.stdout == f"{out}: 12 images, 2 scales, 2 units, 2 classes\n"
    assert "Warning: untrained network" in first.stderr
    assert "the classes of data set and network differ" in first.stderr
    assert Run(out).settings["command"]
    again = analyze(data, out, "--scales", "1,2", "--batch-size", 7)
    assert again.exit_code == 0
    assert f"'{out}' is already finished; nothing to do" in again.stderr
    other = analyze(data, out, "--scales", "1,3")
    assert other.exit_code == 2
    assert "scales: [1.0, 2.0] in the run, [1.0, 3.0] now" in other.stderr
    assert "Use the same settings to resume it, or another folder with --out" in other.stderr


def test_resuming_says_so(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    analyze(data, out)
    (out / "shards" / "00001.parquet").unlink()
    assert f"resuming '{out}': 2 of 3 shards are done" in analyze(data, out).stderr
    assert Run(out).complete


def test_json(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = analyze(data, out, "--json", "--units", "3_1", "--channels", "3_1")
    document = json.loads(result.stdout)
    assert document == {
        "run": str(out),
        "complete": True,
        "resumed": False,
        "images": 12,
        "scales": [1.0, 1.5, 2.0],
        "units": ["SK_3_1"],
        "classes": 2,
        "shards": {"done": 3, "total": 3},
        "unreadable": [],
        "notes": [],
    }
    assert Run(out).channels("3_1").shape == (12, 3, 2, 16)


def test_unreadable_images(data: Path, tmp_path: Path) -> None:
    (data / "ant" / "3.png").write_text("no picture")
    (data / "bee" / "0.png").write_bytes(b"")
    result = analyze(data, tmp_path / "run")
    assert result.exit_code == 3
    assert "Error: ant/3.png: cannot read" in result.stderr
    assert "Error: 2 of 12 images could not be read; the run lists them" in result.stderr
    assert Run(tmp_path / "run").images == 10
    assert [error["image"] for error in Run(tmp_path / "run").errors] == [
        "ant/3.png",
        "bee/0.png",
    ]


def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_text("no picture")
    result = analyze(tmp_path / "set", tmp_path / "run")
    assert result.exit_code == 1
    assert "1 of 1 images could not be read" in result.stderr


def test_one_rank_of_two(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "ant" / "3.png").write_text("no picture")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert analyze(data, tmp_path / "run").exit_code == 0
    # Another rank is at work on two shards.
    for number in (0, 2):
        table_file(tmp_path / "run", number).unlink()
    others = Claims(tmp_path / "run", lambda shard: False)
    assert others.take(0) and others.take(2)
    result = analyze(data, tmp_path / "run")
    assert result.exit_code == 0
    assert "other processes are still measuring 2 shards" in result.stderr
    assert result.stdout == ""
    others.close()
    monkeypatch.setenv("RANK", "0")
    result = analyze(data, tmp_path / "run")
    # torchrun would end the other ranks for exit code 3.
    assert result.exit_code == 0
    assert "Warning: 1 of 12 images could not be read" in result.stderr


def test_interrupted(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Analysis, progress: bool = True) -> Run:
        raise Interrupted

    monkeypatch.setattr(Analysis, "__call__", interrupt)
    result = analyze(data, tmp_path / "run")
    assert result.exit_code == 130
    assert "interrupted: 0 of 3 shards are done" in result.stderr
    assert "run the same command again to go on" in result.stderr


def test_subset_and_parts_that_merge(data: Path, tmp_path: Path) -> None:
    parts = [tmp_path / f"part{i}" for i in (1, 2)]
    for number, part in enumerate(parts, start=1):
        analyze(data, part, "--shuffle", 0, "--part", f"{number}/2", "--classes", "ant,bee")
    result = run("merge", *parts, "--out", tmp_path / "all")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path / 'all'}: 12 images from 2 runs, 0 unreadable\n"
    assert json.loads(run("merge", *parts, "--out", tmp_path / "all", "--json").stdout) == {
        "run": str(tmp_path / "all"),
        "merged": [str(part) for part in parts],
        "images": 12,
        "unreadable": [],
        "notes": [],
    }
    result = run("merge", parts[0], parts[0], "--out", tmp_path / "twice")
    assert result.exit_code == 2
    assert "expected every image in one run only" in result.stderr
    assert not (tmp_path / "twice").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--part 3", "expected a part such as 2/10, got '3'"),
        ("--part 3/2", "expected part i of n with i from 1 to n, got 3 of 2"),
        ("--batch-size many", "expected a whole number or auto, got 'many'"),
        ("--batch-size 0", "expected at least 1, got 0"),
        ("--precision fp8", "expected precision fp32, bf16, fp16, got 'fp8'"),
        ("--classes bug", "unknown class 'bug'"),
        ("--units 9_9", "unknown unit '9_9'"),
        ("--channels 9_9", "unknown unit '9_9'"),
        ("--scales 0", "expected positive finite scales"),
        ("--limit 0", "0 is not in the range"),
        ("--resample sharp", "expected resample to be one of"),
        ("--split test", "'split' does not go with a folder of images"),
        ("--labels x", "ground truth goes with these files only"),
        ("--boxes x", "expected a folder of XML files with boxes"),
    ],
)
def test_wrong_usage(data: Path, tmp_path: Path, arguments: str, message: str) -> None:
    result = analyze(data, tmp_path / "run", *arguments.split())
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("list.csv", "size\n", "expected a column 'path'"),
        ("list.csv", "path,label\nno.png,a\n", "not one of 1 is there"),
        ("list.parquet", "no parquet", "cannot read the manifest"),
        ("list.txt", "path\n", "it is no data set"),
    ],
)
def test_wrong_manifests(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    result = analyze(tmp_path / name, tmp_path / "run")
    assert result.exit_code == 2
    assert message in result.stderr


def test_manifest_with_a_missing_file(data: Path, tmp_path: Path) -> None:
    (data / "list.csv").write_text("path,label\nant/0.png,ant\nant/no.png,ant\n")
    result = analyze(data / "list.csv", tmp_path / "run")
    assert result.exit_code == 3
    assert (
        "Warning: left out: files listed in 'list.csv' that are missing (1: ant/no.png)"
        in result.stderr
    )
    assert "no such file" in result.stderr


def test_another_projects_folder(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("mine")
    for command in (lambda: analyze(data, other), lambda: run("merge", data, "--out", other)):
        result = command()
        assert result.exit_code == 1
        assert "holds other things such as 'chapter.tex'" in result.stderr
        assert [file.name for file in other.iterdir()] == ["chapter.tex"]


def test_read_only_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with permissions_hold():
        result = analyze(data, tmp_path / "locked" / "run")
    assert result.exit_code == 1
    assert "Permission denied; name another folder" in result.stderr


def test_what_may_not_be_read_is_listed(data: Path, tmp_path: Path) -> None:
    classes = sorted(path for path in data.iterdir() if path.is_dir())
    closed = classes[0]
    closed.chmod(0)
    try:
        with permissions_hold():
            result = analyze(data, tmp_path / "run")
    finally:
        closed.chmod(0o755)
    assert result.exit_code == 3
    assert f"{closed.name}/: cannot read" in result.stderr
    assert "a folder that may not be listed" in result.stderr


def test_a_folder_that_cannot_be_made(data: Path) -> None:
    result = analyze(data, Path("/proc/skviz"))
    assert result.exit_code == 1
    assert "cannot write into '/proc/skviz': " in result.stderr
    assert "name another folder" in result.stderr


@pytest.mark.parametrize(("limit", "stopped"), [(1000, "run.json"), (5000, "00000.npz")])
def test_no_room(data: Path, tmp_path: Path, limit: int, stopped: str) -> None:
    """Every write beyond a size fails, as on a full disk."""
    out = tmp_path / "run"
    words = ["analyze", str(data), "--model", "tiny", "--workers", "0", "--quiet"]
    done = subprocess.run(
        [sys.executable, str(TINY), *words, "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TINY.parent.parent)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1
    assert f"{stopped}': File too large" in done.stderr
    assert "Traceback" not in done.stderr
    left = [file.name for file in out.rglob("*") if file.is_file()]
    assert left == ([] if stopped == "run.json" else ["run.json"])
    # With room again, the same command goes on.
    result = analyze(data, tmp_path / "other")
    shutil.rmtree(tmp_path / "other")
    assert result.exit_code == 0
