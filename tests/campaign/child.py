"""One try in a process of its own: forked, bounded in time and memory, its output kept."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.permissions import permissions_hold

SECONDS = 20.0  # of the child's own processor time; the machine may be busy
WALL = 120.0
MEMORY = 2 << 30  # bytes above what the process has when it is forked
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_CODES = (0, 1, 2, 3)


@dataclass(frozen=True)
class Result:
    """What became of a child; `seconds` are processor time, `peak` is in bytes."""

    code: int
    signal: int
    stdout: str
    stderr: str
    seconds: float
    peak: int
    hung: bool
    killed: bool

    def faults(self, base: int = 0) -> list[str]:
        """Return what must never happen, whatever the input was."""
        found = []
        if "Traceback (most recent call last)" in self.stderr:
            found.append("traceback: " + self.stderr.strip().splitlines()[-1])
        if self.hung or self.seconds > SECONDS:
            found.append(f"hang: {self.seconds:.1f} s of processor time")
        if self.signal and not self.killed and not self.hung:
            found.append(f"ended by {signal.Signals(self.signal).name}")
        elif not self.signal and self.code not in _CODES:
            found.append(f"exit code {self.code}")
        if self.code in (1, 2) and not self.signal and not self.stderr.strip():
            found.append(f"exit code {self.code} without a word")
        if self.peak - base > MEMORY:
            found.append(f"memory: {(self.peak - base) >> 20} MiB")
        for name, text in (("stdout", self.stdout), ("stderr", self.stderr)):
            control = _CONTROL.search(text)
            if control:
                found.append(f"control character {control.group()!r} on {name}")
        return found


def run(
    action: Callable[[], object],
    folder: Path,
    *,
    kill_after: float | None = None,
    largest_file: int | None = None,
    restricted: bool = False,
) -> Result:
    """Run `action` in a forked process with `folder` as its place of work.

    `kill_after` seconds it gets SIGKILL, with all that it started. `largest_file` bytes is the
    most that a file may hold, as on a disk that is full. A `restricted` child obeys permissions
    as root does not.
    """
    out, err = folder / ".stdout", folder / ".stderr"
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_child(action, folder, out, err, largest_file, restricted)
    hung = killed = False
    while True:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            break
        passed = time.monotonic() - began
        if kill_after is not None and passed >= kill_after and not killed:
            killed = True
            _kill(child)
        if passed > WALL and not hung:
            hung = True
            _kill(child)
        time.sleep(0.002)
    _kill(child)  # what it left running
    return Result(
        code=os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 0,
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        stdout=_said(out),
        stderr=_said(err),
        seconds=usage.ru_utime + usage.ru_stime,
        peak=usage.ru_maxrss << 10,
        hung=hung,
        killed=killed,
    )


def _said(file: Path) -> str:
    """What the child wrote; nothing where it was killed before it could."""
    return file.read_text("utf-8", "replace") if file.exists() else ""


def skviz(*words: object) -> Callable[[], None]:
    """Return an action: the command line with these words."""

    def action() -> None:
        from skviz.cli.main import main

        sys.argv = ["skviz", *map(str, words)]
        main()

    return action


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)


def _be_child(
    action: Callable[[], object],
    folder: Path,
    out: Path,
    err: Path,
    largest_file: int | None,
    restricted: bool,
) -> None:
    code = 99
    try:
        os.setsid()
        os.chdir(folder)
        _streams(out, err)
        if largest_file is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        with permissions_hold() if restricted else nullcontext():
            action()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _streams(out: Path, err: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def content(folder: Path, but: Sequence[str] = ()) -> dict[str, bytes]:
    """Return every file below a folder by its name, `but` those whose names end so."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(tuple(but) or ("\0",))
    }
