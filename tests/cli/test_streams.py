"""Where stdout or stderr cannot take what is printed: an answer, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skviz.cli.main import COMMANDS
from tests.helpers.synthetic import make_run

RUN = f"{sys.executable} -m skviz.cli"
# No letter of it is in cp1252, and one is beyond 16 bits.
NAME = "犬→🐈"
ENCODINGS = ["cp1252", "ascii", "utf-8", "utf-8:strict"]
# What each command prints without data: its help, and a complaint on stderr.
PRINTED = [*([name, "--help"] for name in COMMANDS), ["--help"], ["--version"]]
PRINTED += [["models"], ["models", "--json"], ["doctor", "--completion", "zsh"]]
COMPLAINTS = [[name, "--no-such-option"] for name in COMMANDS]


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line in bash; `exit` it with the code that counts."""
    env = {**os.environ, "SHELL": "/bin/bash", **environment}
    return subprocess.run(["bash", "-c", line], capture_output=True, env=env, check=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a name that few encodings hold."""
    folder = tmp_path_factory.mktemp("runs") / NAME
    make_run(folder)
    return folder


@pytest.mark.parametrize("words", PRINTED, ids=" ".join)
def test_a_stdout_that_cannot_be_written_is_said(words: list[str]) -> None:
    for target, reason in ((">/dev/full", "No space left on device"), (">&-", "stdout is closed")):
        done = shell(f"{RUN} {' '.join(words)} {target}")
        said = f"Error: cannot print: {reason}; the output is incomplete; send it elsewhere\n"
        assert (done.returncode, done.stderr.decode()) == (1, said)


@pytest.mark.parametrize("words", PRINTED, ids=" ".join)
def test_a_reader_that_has_gone_is_no_error_to_talk_about(words: list[str]) -> None:
    # The reader ends before anything is written, so that every write meets a closed pipe.
    line = f"( sleep 0.05; exec {RUN} {' '.join(words)} ) | true; exit ${{PIPESTATUS[0]}}"
    done = shell(line)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


@pytest.mark.parametrize("words", COMPLAINTS, ids=" ".join)
def test_a_stderr_that_cannot_be_written_leaves_the_exit_code(words: list[str]) -> None:
    called = f"{RUN} {' '.join(words)}"
    assert shell(f"{called} 2>&-").returncode == 2
    for line in (f"{called} 2>/dev/full", f"{called} 2>/dev/full >/dev/full"):
        done = shell(line)
        assert (done.returncode, done.stdout) == (1, b"")


def test_without_any_stream_files_stay_clean(run: Path, tmp_path: Path) -> None:
    """No file is opened in the place of a closed stream, where messages would end up in it."""
    write = "import os, sys; from skviz.cli.exit_codes import open_streams; open_streams(); "
    write += f"file = open({str(tmp_path / 'file')!r}, 'w'); assert file.fileno() > 2"
    assert shell(f'{sys.executable} -c "{write}" >&- 2>&-').returncode == 0
    done = shell(f"{RUN} summary {run} --csv {tmp_path / 'tables'} --quiet >&- 2>&-")
    assert done.returncode == 0  # Nothing was to be printed.


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_cannot_be_encoded_is_escaped(run: Path, encoding: str) -> None:
    codec = encoding.split(":")[0]
    for words in (
        f"summary {run} --about",
        f"summary {run} --no-bootstrap --csv {run.parent}/{run.name}.csv",
    ):
        done = shell(
            f"{RUN} {words} --overwrite" if "csv" in words else f"{RUN} {words}",
            PYTHONIOENCODING=encoding,
        )
        said = [line for line in done.stderr.splitlines() if b"skviz" not in line]
        assert (done.returncode, said) == (0, []), words
        text = done.stdout.decode(codec)
        assert (NAME if codec == "utf-8" else r"\u72ac") in text
    done = shell(f"{RUN} summary {run} --about --json", PYTHONIOENCODING=encoding)
    assert NAME in json.dumps(json.loads(done.stdout.decode(codec)), ensure_ascii=False)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_complaints_hold_what_cannot_be_encoded(encoding: str) -> None:
    done = shell(f"{RUN} summary --about no-{NAME}-$'\\xff'", PYTHONIOENCODING=encoding)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(b"Error: ")


def test_the_locale_of_a_bare_container() -> None:
    """There every byte of a name beyond ASCII is a surrogate to Python."""
    c = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = shell(f"{RUN} summary --about {NAME}", **c)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(b"Error: ")
    done = shell(f"{RUN} models", **c)
    assert (done.returncode, done.stderr) == (0, b"next: skviz models sknet50_lite\n")
