"""Verdicts in `skviz summary`, and random networks in `skviz plot` and `skviz summary`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from tests.helpers.synthetic_suite import make_suite

SHIFTS = {
    "plain": (0.05, 0.05, 0.0, -0.05),
    "blur": (0.0, 0.05, 0.0, 0.0),
    "object-constant": (0.0, 0.0, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_suite(tmp_path_factory.mktemp("suite"), SHIFTS)


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_verdicts_are_printed_and_written(suite: Path, tmp_path: Path) -> None:
    result = call("summary", suite, "--verdicts", tmp_path / "page")
    assert result.exit_code == 0, result.stderr
    assert "larger objects get the larger kernel" in result.stdout
    assert "rises, but is consistent with blur alone" in result.stdout
    assert result.stdout.count("written: ") == 5
    again = call("summary", suite, "--verdicts", tmp_path / "page")
    assert again.exit_code == 1
    assert "already exists; pass --overwrite" in again.stderr
    assert call("summary", suite, "--verdicts", tmp_path / "page", "--overwrite").exit_code == 0


def test_verdicts_as_json(suite: Path, tmp_path: Path) -> None:
    result = call("summary", suite, "--verdicts", tmp_path, "--json")
    document = json.loads(result.stdout)["verdicts"]
    assert [claim["verdict"] for claim in document["claims"]] == [
        "larger", "rises, blur", "no clear change", "smaller",
    ]  # fmt: skip
    assert document["random_networks"] == 6
    assert len(document["files"]) == 5


def test_the_page_may_go_into_the_suite(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "suite", {"plain": SHIFTS["plain"]}, seeds=0)
    assert call("summary", folder, "--verdicts", folder, "--quiet").stdout == ""
    assert (folder / "verdicts.md").is_file()


def test_what_is_not_finished_is_left_out_with_a_warning(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "suite", SHIFTS, seeds=3)
    for file in (folder / "blur" / "shards").iterdir():
        file.unlink()
    result = call("summary", folder, "--verdicts", folder)
    assert result.exit_code == 0, result.stderr
    assert "Warning: unfinished and left out: blur" in result.stderr
    assert "Not made: blur." in (folder / "verdicts.md").read_text()


def test_plot_draws_the_band(suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "bars.svg"
    words = ("plot", suite / "plain", "--figure", "bars", "--out", out)
    result = call(*words, "--null", suite)
    assert result.exit_code == 0, result.stderr
    assert "shift of random networks" in out.read_text()
    runs = ("--null", suite / "random-00", "--null", suite / "random-01", "--overwrite")
    assert call(*words, *runs).exit_code == 0


def test_summary_says_where_shifts_lie(suite: Path) -> None:
    result = call("summary", suite / "plain", "--no-bootstrap", "--null", suite)
    assert result.exit_code == 0, result.stderr
    assert "shift from 1.0x to 2.0x in random networks" in result.stdout
    assert "6 of 6" in result.stdout
    words = ("summary", suite / "plain", "--no-bootstrap", "--json")
    document = json.loads(call(*words, "--null", suite).stdout)
    assert document["null"]["raw"][0]["seeds"] == 6
    assert document["null"]["raw"][0]["p_holm"] < 0.05
    assert document["null"]["matched"][2]["p_holm"] > 0.05
    assert "null" not in json.loads(call(*words).stdout)
    few = call(*words, "--null", suite / "random-00")
    assert json.loads(few.stdout)["null"]["raw"] == [None] * 4


CASES = {
    "no suite": ("summary {nothing} --verdicts {out}", "the folder of a suite of controls", 2),
    "a run": ("summary {plain} --verdicts {out}", "with a controls.json in it", 2),
    "unknown style": ("summary {suite} --verdicts {out} --style dar", "Did you mean 'dark'", 2),
    "null is no run": ("summary {plain} --no-bootstrap --null {nothing}", "folder of a run", 2),
    "null is plain": ("summary {plain} --no-bootstrap --null {plain}", "of random networks in", 2),
}


@pytest.mark.parametrize("case", CASES)
def test_mistakes_are_explained(suite: Path, tmp_path: Path, case: str) -> None:
    command, message, code = CASES[case]
    places = {"nothing": tmp_path / "no", "plain": suite / "plain", "suite": suite,
              "out": tmp_path / "out"}  # fmt: skip
    result = call(*command.format(**places).split())
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
