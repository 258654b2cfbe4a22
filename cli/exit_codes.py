"""The edge between library and shell: exit codes, errors as click knows them, the streams."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from contextlib import suppress

import click

from skviz.errors import SkvizError, UsageError

DONE, FAILED, WRONG_USAGE, IN_PART, INTERRUPTED = 0, 1, 2, 3, 130


class Failure(click.ClickException):
    """An error for the user: one line on stderr, no traceback, and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]


def exit_code(error: SkvizError) -> int:
    """Return the exit code that an error of the library leads to."""
    return WRONG_USAGE if isinstance(error, UsageError) else FAILED


def open_streams() -> None:
    """Make stdout and stderr ready for every text.

    What their encoding has no letters for is printed as an escape. A closed stdout (`>&-`)
    becomes one that cannot be written, so that a lost answer is an error; a closed stderr becomes
    one that nobody reads. Both also keep the next file from being opened in their place, where
    messages of other libraries would end up in it.
    """
    # Python has no stream where the descriptor is closed, whatever its types say.
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def stream_failure(error: OSError) -> int:
    """Answer an error of printing; returns the exit code, or raises an error of another origin.

    A reader that has gone (`| head`) is no error to talk about.
    """
    gone = isinstance(error, BrokenPipeError)
    frames = traceback.walk_tb(error.__traceback__)
    if not gone and not any(frame.f_code is click.echo.__code__ for frame, _ in frames):
        raise error
    if not gone:
        closed = error.errno == errno.EBADF
        reason = "stdout is closed" if closed else error.strerror or str(error)
        with suppress(OSError):  # Where it is stderr that cannot be written, the code says it.
            click.echo(
                f"Error: cannot print: {reason}; the output is incomplete; send it elsewhere",
                err=True,
            )
    # What is left in the streams goes nowhere: Python writes once more when it ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    return FAILED
