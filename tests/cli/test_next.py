"""Commands end with what may come next, as command lines that can be called."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli
from tests.helpers.synthetic import make_run
from tests.helpers.synthetic_suite import make_suite

# Command line: the commands that may come next.
CASES = {
    "attention example --out x": ["explore", "report"],
    "models": ["models"],
    "models sknet50_lite": ["attention"],
    "plot run --figure bars --out x.png": ["report"],
    "plot paper --figure 3a --out x.png": ["attention"],
    "merge run --out merged": ["summary", "report"],
    "summary run": ["plot", "report", "controls"],
    "summary suite": ["plot", "report"],
    "compare run run": ["compare"],
    "compare run run --figure x.png": [],
    "report run --to x.html": ["controls"],
    "report suite --to x.html": [],
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_run(folder / "run", classes=2, per_class=2)
    make_suite(folder / "suite", {"plain": (0.0,) * 4}, seeds=0)
    return folder


def call(line: str) -> Result:
    return CliRunner().invoke(cli, shlex.split(line))


def next_lines(result: Result) -> list[str]:
    said = result.stderr.splitlines()
    starts = [index for index, line in enumerate(said) if line.startswith("next: ")]
    return [line.removeprefix("next:").strip() for line in said[starts[0] :]] if starts else []


@pytest.mark.parametrize(
    "line",
    [pytest.param(line, marks=[pytest.mark.slow] * line.startswith("report")) for line in CASES],
)
def test_what_may_come_next_can_be_called(
    line: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("run", "suite"):
        Path(name).symlink_to(made / name)
    result = call(line)
    assert result.exit_code == 0, result.stderr
    found = [shlex.split(said) for said in next_lines(result)]
    assert [words[:2] for words in found] == [["skviz", name] for name in CASES[line]]
    group = click.Context(cli, **cli.context_settings)  # Commands keep their help option.
    for _, name, *words in found:
        command = cli.get_command(group, name)
        assert command is not None
        with command.make_context(name, words, parent=group):
            """Options and arguments are those of the command."""


def test_nothing_comes_next_where_nobody_reads(made: Path) -> None:
    assert next_lines(call(f"summary {made / 'run'} --quiet")) == []
    result = call(f"summary {made / 'run'} --json")
    assert next_lines(result) == []
    assert json.loads(result.stdout)["images"] == 4
