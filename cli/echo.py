"""What goes where: results to stdout; notes, warnings and errors to stderr."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

import click

from skviz.files import json_text
from skviz.names import printable

if TYPE_CHECKING:
    from skviz.notes import Note
    from skviz.reports.tables import Table

# Where the group notes what was called, for the metadata of what is written.
COMMAND_LINE = "skviz.command_line"
# More unreadable images than this are left to the results' own list.
_SHOWN = 5


@dataclass(frozen=True)
class Echo:
    """Speak to the user as the options ask for.

    With `quiet` neither results nor notes are printed; with `as_json` the only thing on
    stdout is one JSON document. Warnings and errors always show. Whatever a text holds,
    nothing in it is a command to the terminal.
    """

    quiet: bool = False
    as_json: bool = False

    def result(self, *parts: str | Table) -> None:
        """Print texts and tables for a reader, unless JSON takes their place."""
        if not self.quiet and not self.as_json:
            for part in parts:
                say(part) if isinstance(part, str) else say_table(part)

    def document(self, value: object) -> None:
        """Print the JSON document, if asked for."""
        if self.as_json:
            text = json_text(value)
            if text != in_encoding(text, sys.stdout):  # JSON has escapes of its own.
                text = json.dumps(json.loads(text), indent=2)
            say(text)

    def note(self, text: str) -> None:
        """Say what is going on."""
        if not self.quiet:
            say(text, err=True)

    def written(self, files: Iterable[object]) -> None:
        """Name the files that were written."""
        for file in files:
            self.result(f"written: {file}")

    def unreadable(self, errors: Sequence[Mapping[str, str]]) -> None:
        """Name the first images that could not be read; the results list them all."""
        for error in errors[:_SHOWN]:
            self.error(f"{error['image']}: {error['reason']}")

    def next(self, *commands: Sequence[object]) -> None:
        """Say what may come next, as command lines without their first word."""
        if not self.quiet and not self.as_json:
            for number, words in enumerate(commands):
                line = shlex.join(["skviz", *map(str, words)])
                say(f"{'     ' if number else 'next:'} {line}", err=True)

    def warn(self, text: str) -> None:
        """Say what a reader of the results must know."""
        say(f"Warning: {text}", err=True)

    def notes(self, notes: Iterable[Note], said: Container[Note] = ()) -> None:
        """Warn of what a run notes; what was `said` is not said again."""
        for note in notes:
            if note not in said:
                self.warn(str(note))

    def error(self, text: str) -> None:
        """Say what failed while the rest goes on."""
        say(f"Error: {text}", err=True)


def say(text: str, err: bool = False, nl: bool = True) -> None:
    """Print a line: nothing in it is a command to the terminal.

    What the stream's encoding has no letters for stands as an escape.
    """
    click.echo(in_encoding(printable(text), sys.stderr if err else sys.stdout), err=err, nl=nl)


def say_table(table: Table) -> None:
    """Print a table: for eyes on a terminal, else as plain aligned columns."""
    from skviz.reports.terminal.tables import plain_table, rich_table

    if sys.stdout.isatty():
        colour = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        width = shutil.get_terminal_size().columns
        click.echo(in_encoding(rich_table(table, width, colour), sys.stdout))
    else:
        say(plain_table(table))


def in_encoding(text: str, stream: TextIO) -> str:
    """Return the text with escapes for what a stream cannot encode: `\\u2192`."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def command_line() -> str:
    """Return the command that is running, as the shell would take it: "skviz plot ..."."""
    return str(click.get_current_context().meta.get(COMMAND_LINE, ""))
