"""Completion: as the shells ask for it, from small tables that match the library."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib.style
import pytest
from click.testing import CliRunner

from skviz.cli.installation import completion
from skviz.cli.main import COMMANDS, cli
from skviz.cli.options import candidates
from skviz.figures.style.sheets import STYLES
from skviz.models import CONFIGS, DEFAULT_MODEL, known_models
from skviz.pictures.crops import FILLS, RESAMPLING
from skviz.runs.forward import PRECISIONS
from skviz.runs.options import ENGINE_NAMES

HEAVY = {"torch", "matplotlib", "pandas", "numpy"}


def ask(line: str, cwd: Path | None = None) -> list[str]:
    """The words that bash offers behind a line; nothing heavy may be imported for them."""
    words = line.split(" ")
    code = "import sys\nfrom skviz.cli.main import main\nsys.argv = ['skviz']\n"
    code += "try:\n    main()\nfinally:\n    print(*sys.modules, file=sys.stderr)\n"
    environment = {
        "_SKVIZ_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )
    assert HEAVY.isdisjoint(done.stderr.split()), done.stderr
    return done.stdout.split()


def test_the_tables_are_the_librarys() -> None:
    assert list(candidates.UNITS_PER_STAGE) == list(CONFIGS)
    assert candidates.DEFAULT == DEFAULT_MODEL
    for card in known_models():
        names = [f"SK_{name}" for name in candidates.unit_names(None, card.name)]
        assert names == card.units


def test_the_words_of_analyze_are_the_librarys() -> None:
    assert tuple(PRECISIONS) == candidates.PRECISION
    assert ENGINE_NAMES == candidates.ENGINE
    assert set(candidates.RESAMPLE) == set(RESAMPLING)
    assert set(candidates.FILL) == set(FILLS)


def test_styles_are_those_that_can_be_drawn_in() -> None:
    found = candidates.style_names()
    assert set(STYLES) <= set(found)
    assert set(found) - set(STYLES) <= set(matplotlib.style.available) - {"_classic_test_patch"}
    assert "ggplot" in found


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("skviz att", ["plain,attention"]),
        ("skviz plot run --figure cl", ["plain,classes"]),
        ("skviz attention a.jpg --model sknet1", ["plain,sknet101"]),
        ("skviz attention a.jpg --model mine.p", ["file,mine.p"]),
        ("skviz models sknet26", ["plain,sknet26"]),
        ("skviz attention a.jpg --stage 2_", [*(f"plain,2_{n}" for n in (1, 2, 3)), "plain,2_*"]),
        ("skviz attention a.jpg --stage 3_4,pa", ["plain,3_4,paper"]),
        ("skviz attention a.jpg --model sknet26 --stage 3_1", ["plain,3_1"]),
        ("skviz attention a.jpg --model sknet101 --stage 4_23", ["plain,4_23"]),
        ("skviz attention a.jpg --model timm:x --stage a", ["plain,all"]),
        ("skviz attention a.jpg --style tal", ["plain,talk"]),
        ("skviz attention a.jpg --style paper,ggp", ["plain,paper,ggplot"]),
        ("skviz attention a.jpg --format png,p", ["plain,png,pdf"]),
        ("skviz analyze d --resample bic", ["plain,bicubic"]),
        ("skviz doctor --completion f", ["plain,fish"]),
    ],
)  # fmt: skip
def test_words_are_offered(line: str, offered: list[str]) -> None:
    assert ask(line) == offered


def test_units_of_a_run_are_offered(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    units = [{"name": "SK_2_1"}, {"name": "stem.gate"}]
    (tmp_path / "run" / "run.json").write_text(json.dumps({"units": units}))
    assert ask("skviz plot run --unit ", tmp_path) == [
        "plain,2_1",
        "plain,stem.gate",
        "plain,2_*",
        "plain,paper",
        "plain,all",
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"units": 3}', None])
def test_a_broken_run_offers_what_is_always_there(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    assert candidates.unit_names(tmp_path, None) == []


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_script_is_on_stdout_and_what_to_do_on_stderr(shell: str) -> None:
    done = CliRunner().invoke(cli, ["doctor", "--completion", shell])
    assert done.exit_code == 0
    assert f"_SKVIZ_COMPLETE={shell}_complete" in done.stdout
    assert f"skviz doctor --completion {shell} -q > ~/{completion.FILES[shell]}" in done.stderr
    quiet = CliRunner().invoke(cli, ["doctor", "--completion", shell, "-q"])
    assert (quiet.stdout, quiet.stderr) == (done.stdout, "")


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_the_shell_can_read_the_script(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}")
    script = tmp_path / "script"
    script.write_text(CliRunner().invoke(cli, ["doctor", "--completion", shell]).stdout)
    flag = "--no-execute" if shell == "fish" else "-n"
    subprocess.run([program, flag, str(script)], check=True, capture_output=True)


def in_shell(shell: str, lines: str, cwd: Path) -> str:
    """What a shell that has read the script prints; skips where shell or command is missing."""
    program, skviz = shutil.which(shell), Path(sys.executable).with_name("skviz")
    if program is None or not skviz.is_file():
        pytest.skip(f"needs {shell} and the installed command")
    (cwd / "script").write_text(CliRunner().invoke(cli, ["doctor", "--completion", shell]).stdout)
    environment = {**os.environ, "PATH": f"{skviz.parent}:{os.environ['PATH']}", "HOME": str(cwd)}
    done = subprocess.run(
        [program, "-c", f"source ./script\n{lines}"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=cwd,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("skviz plot run --figure cha", "channels"),
        ("skviz attention a.jpg --stage 3_4,pa", "3_4,paper"),
        ("skviz attention a.jpg --stage 4_*", "4_*"),
    ],
)
def test_bash_and_fish_complete_with_the_script(words: str, offered: str, tmp_path: Path) -> None:
    (tmp_path / "4_picture.jpg").touch()  # A pattern of units is none of files.
    asked = " ".join(f"'{word}'" for word in words.split())
    bash = f"COMP_WORDS=({asked}); COMP_CWORD={len(words.split()) - 1}\n_skviz_completion skviz\n"
    assert in_shell("bash", bash + 'printf "%s" "${COMPREPLY[@]}"', tmp_path) == offered
    assert in_shell("fish", f'complete -C "{words}"', tmp_path) == offered


def test_fish_shows_the_whole_line_about_a_command(tmp_path: Path) -> None:
    _, about = COMMANDS["models"]
    assert in_shell("fish", 'complete -C "skviz mod"', tmp_path) == f"models\t{about}"


def test_the_shell_in_use_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/local/bin/fish")
    assert (
        "_SKVIZ_COMPLETE=fish_complete"
        in CliRunner().invoke(cli, ["doctor", "--completion"]).stdout
    )
    monkeypatch.setenv("SHELL", "/bin/dash")
    done = CliRunner().invoke(cli, ["doctor", "--completion"])
    assert done.exit_code == 2
    assert "expected a shell, one of bash, zsh, fish: none is known from $SHELL" in done.stderr
    done = CliRunner().invoke(cli, ["doctor", "--completion", "zhs"])
    assert done.exit_code == 2
    assert "Did you mean 'zsh'?" in done.stderr


def test_an_installed_script_is_found(tmp_path: Path) -> None:
    assert completion.installed("fish", tmp_path) is None
    script = tmp_path / completion.FILES["fish"]
    script.parent.mkdir(parents=True)
    script.touch()
    assert completion.installed("fish", tmp_path) == script
    (tmp_path / ".bashrc").write_text("alias ls='ls -l'\n")
    assert completion.installed("bash", tmp_path) is None
    (tmp_path / ".bashrc").write_text('eval "$(skviz doctor --completion bash -q)"\n')
    assert completion.installed("bash", tmp_path) == tmp_path / ".bashrc"
