"""The edge between library and shell: exit codes, and errors as click knows them."""

from __future__ import annotations

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
