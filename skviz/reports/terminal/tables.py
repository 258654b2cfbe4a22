"""Tables for the terminal: set by rich where somebody reads, plain aligned text in a pipe."""

from __future__ import annotations

import io

from skviz.names import printable
from skviz.numbers import plain
from skviz.reports.tables import Column, Table


def plain_table(table: Table) -> str:
    """Return aligned columns of plain text."""
    rows = [table.heads, *_cells(table)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        placed = zip(row, widths, table.right, strict=True)
        cells = [cell.rjust(width) if right else cell.ljust(width) for cell, width, right in placed]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def rich_table(table: Table, width: int, colour: bool = True) -> str:
    """Return the table as a terminal of so many columns shows it; long texts break their lines.

    The text holds the terminal's commands for bold letters; cells hold none.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        header_style="bold" if colour else "",
    )
    for column in table.columns:
        shown.add_column(
            Text(printable(column.title)),
            justify="right" if column.on_right else "left",
            no_wrap=column.write != "text",
        )
    for row in _cells(table):
        shown.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, no_color=True, legacy_windows=False
    )
    with console.capture() as captured:
        console.print(shown)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").splitlines())


def _cells(table: Table) -> list[list[str]]:
    return [
        [_plain(cell, column) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.cells
    ]


def _plain(cell: str, column: Column) -> str:
    return cell if column.write == "text" else plain(cell)
