"""`skviz controls` and `analyze --control`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from skviz.cli.commands import controls as command
from skviz.cli.main import cli
from skviz.models.registry import CONFIGS
from skviz.runs.records import Run
from skviz.studies.controls.suite import ControlSuite
from tests.helpers.noise import noise_pictures
from tests.helpers.tiny import CONFIG

pytestmark = pytest.mark.usefixtures("tiny")

NETWORK = ("--model", "tiny", "--workers", 0, "--device", "cpu", "--shard-size", 4)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Eight pictures without classes."""
    return noise_pictures(tmp_path / "val", "01234567")


def run(name: str, *arguments: object) -> Result:
    result = CliRunner().invoke(cli, [name, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_suite_with_its_costs_and_its_views(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "suite"
    result = run("controls", data, "--out", out, "--quick", "--seeds", 1, *NETWORK)
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["control", "images", "seconds", "cost"]
    names = ["plain", "blur", "object-constant", "masked", "random-00"]
    assert [line[0] for line in lines[1:6]] == names
    assert lines[1][1] == "8"
    assert lines[1][3] == "1.00"
    assert "cost is the time per image as a multiple of the plain run's\n" in result.stdout
    assert f"written: {out / 'verdicts.md'}\n" in result.stdout
    assert (out / "verdicts.json").is_file()
    assert "Warning: untrained network" in result.stderr
    assert "2 of 5: blur, " in result.stderr
    assert ControlSuite(out).names == tuple(names)
    assert Image.open(out / "views.png").width > 300
    view, page = ((out / name).read_bytes() for name in ("views.png", "verdicts.md"))
    again = run("controls", data, "--out", out, "--quick", "--seeds", 1, *NETWORK)
    assert again.exit_code == 0
    assert "are of fewer runs" not in again.stderr
    # More controls are added; pages are replaced only when that is asked for.
    (out / "views.png").write_bytes(b"kept")
    more = run("controls", data, "--out", out, "--only", "object-*", "--json", *NETWORK)
    document = json.loads(more.stdout)
    assert [entry["name"] for entry in document["runs"]] == [*names, "object-blurred"]
    assert (document["images"], document["missing"], document["unreadable"]) == (8, [], [])
    assert (out / "views.png").read_bytes() == b"kept"
    assert (out / "verdicts.md").read_bytes() == page
    assert "verdicts.md, verdicts.json" in more.stderr
    assert "are of fewer runs; pass --overwrite to replace them" in more.stderr
    run("controls", data, "--out", out, "--only", "object-*", "--overwrite", *NETWORK)
    assert len((out / "views.png").read_bytes()) > len(view)
    assert (out / "verdicts.md").read_bytes() != page


def test_cascade_adds_the_units(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "suite"
    result = run("controls", data, "--out", out, "--cascade", "--only", "*-SK_*", *NETWORK)
    assert result.exit_code == 0
    assert list(ControlSuite(out).cascade) == ["SK_3_1", "SK_2_1"]


def test_unreadable_images_are_counted_once(data: Path, tmp_path: Path) -> None:
    (data / "0.png").write_bytes(b"no picture")
    result = run("controls", data, "--out", tmp_path / "s", "--only", "blur,random-00", *NETWORK)
    assert result.exit_code == 3
    assert "1 of 8 images could not be read; each run lists them" in result.stderr
    assert ControlSuite(tmp_path / "s").run("random-00").images == 7


def test_interrupted_says_how_to_go_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_cost", stop)
    result = run("controls", data, "--out", tmp_path / "s", "--only", "blur", *NETWORK)
    assert result.exit_code == 130
    assert "interrupted: finished runs are kept in" in result.stderr
    (tmp_path / "s/plain/shards/00001.parquet").unlink()
    monkeypatch.undo()
    monkeypatch.setitem(CONFIGS, "tiny", CONFIG)
    again = run("controls", data, "--out", tmp_path / "s", "--only", "blur", *NETWORK)
    assert again.exit_code == 0
    assert "resuming plain: 1 of 2 shards are done" in again.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "blurr"), "got 'blurr'. Did you mean 'blur'?"),
        (("--skip", "rondom-*"), "expected names of controls, or patterns such as random-*"),
        (("--scales", "1.5,2"), "expected the scales 1.0 and a larger one"),
        (("--seeds", "-1"), "-1 is not in the range"),
    ],
)
def test_wrong_use_leaves_nothing(data: Path, tmp_path: Path, options: tuple, message: str) -> None:
    result = run("controls", data, "--out", tmp_path / "s", *options, *NETWORK)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "s").exists()


def test_another_folder_is_refused(data: Path, tmp_path: Path) -> None:
    result = run("controls", data, "--out", data, *NETWORK)
    assert result.exit_code == 1
    assert "expected a new or empty folder, or a suite of controls" in result.stderr


def test_one_control_with_analyze(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "r"
    result = run("analyze", data, "--out", out, "--control", "zoom-out-reflect", *NETWORK)
    assert result.exit_code == 0
    assert Run(out).settings["control"] == {"kind": "zoom-out", "fill": "reflect"}
    assert Run(out).scales == pytest.approx((1, 1 / 1.5, 0.5))
    plain = run("analyze", data, "--out", out, *NETWORK)
    assert plain.exit_code == 2
    assert 'control: {"kind": "zoom-out", "fill": "reflect"} in the run, null now' in plain.stderr
    wrong = run("analyze", data, "--out", tmp_path / "x", "--control", "zoom-out-reflekt", *NETWORK)
    assert wrong.exit_code == 2
    assert "Did you mean 'zoom-out-reflect'?" in wrong.stderr
    assert not (tmp_path / "x").exists()
