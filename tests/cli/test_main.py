"""The group: help, version, exit codes, and what happens when it is interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from skviz.cli.main import COMMANDS, GROUPS, RENAMED, cli

RUN = [sys.executable, "-m", "skviz.cli"]


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_lists_every_command_with_its_line(flag: str) -> None:
    result = CliRunner().invoke(cli, [flag])
    assert result.exit_code == 0
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in result.output
        assert line in result.output
    assert [f"{title}:" in result.output for title in GROUPS] == [True] * 4
    assert "3 done in part" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "-h"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {name}")
    command = cli.commands.get(name) or cli.get_command(None, name)
    for parameter in command.params:
        if parameter.param_type_name == "option":
            assert parameter.help, f"{parameter.name} has no help"


def test_every_command_is_in_the_readme(root: Path) -> None:
    readme = (root / "README.md").read_text()
    assert [name for name in COMMANDS if f"| `skviz {name}" not in readme] == []


@pytest.mark.parametrize("old", RENAMED)
def test_old_names_answer_with_the_new_one(old: str) -> None:
    result = CliRunner().invoke(cli, [old, "-h"])
    assert result.exit_code == 2
    assert f"'skviz {old}' is now 'skviz {RENAMED[old]}'" in result.output
    assert RENAMED[old].split()[0] in COMMANDS


def test_commands_are_the_files_of_the_package(root: Path) -> None:
    """A command that the table forgets could never be called."""
    files = (root / "cli" / "commands").glob("*.py")
    commands = {file.stem for file in files if "@click.command(" in file.read_text()}
    assert commands == {module for module, _ in COMMANDS.values()}


def test_fourteen_commands_in_four_groups() -> None:
    assert (len(COMMANDS), len(GROUPS)) == (14, 4)


@pytest.mark.parametrize("name", COMMANDS)
def test_stage_is_another_word_for_units(name: str) -> None:
    """`--units` everywhere; `--stage`, as the paper says, means the same."""
    words = [set(parameter.opts) for parameter in cli.get_command(None, name).params]
    assert all(("--units" in one) == ("--stage" in one) for one in words)


@pytest.mark.slow
def test_interrupted_leaves_with_130(tmp_path: Path, photo: Path) -> None:
    many = [str(photo)] * 300
    process = subprocess.Popen(
        [*RUN, "attention", *many, "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/*.png")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "Interrupted."
    assert not list(tmp_path.glob("out/.*")), "a temporary file was left behind"


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error_to_talk_about() -> None:
    line = f"{sys.executable} -m skviz.cli models --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout == "["
    assert done.stderr == ""
