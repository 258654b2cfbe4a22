"""What goes where: results to stdout; notes, warnings and errors to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TextIO

import click

from skviz.files import json_text
from skviz.names import printable

# Where the group notes what was called, for the metadata of what is written.
COMMAND_LINE = "skviz.command_line"


@dataclass(frozen=True)
class Echo:
    """Speak to the user as the options ask for.

    With `quiet` neither results nor notes are printed; with `as_json` the only thing on
    stdout is one JSON document. Warnings and errors always show. Whatever a text holds,
    nothing in it is a command to the terminal.
    """

    quiet: bool = False
    as_json: bool = False

    def result(self, text: str) -> None:
        """Print a result for a reader, unless JSON takes its place."""
        if not self.quiet and not self.as_json:
            say(text)

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

    def warn(self, text: str) -> None:
        """Say what a reader of the results must know."""
        say(f"Warning: {text}", err=True)

    def error(self, text: str) -> None:
        """Say what failed while the rest goes on."""
        say(f"Error: {text}", err=True)


def say(text: str, err: bool = False, nl: bool = True) -> None:
    """Print a line: nothing in it is a command to the terminal.

    What the stream's encoding has no letters for stands as an escape.
    """
    click.echo(in_encoding(printable(text), sys.stderr if err else sys.stdout), err=err, nl=nl)


def in_encoding(text: str, stream: TextIO) -> str:
    """Return the text with escapes for what a stream cannot encode: `\\u2192`."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def command_line() -> str:
    """Return the command that is running, as the shell would take it: "skviz plot ..."."""
    return str(click.get_current_context().meta.get(COMMAND_LINE, ""))


def table(rows: list[list[str]]) -> str:
    """Align rows of cells, the first row being the head; the first column to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    return "\n".join(lines)
