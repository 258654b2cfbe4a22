"""Tables for the terminal: set by rich where somebody reads, plain aligned text in a pipe."""

from __future__ import annotations

import io

from skviz.names import printable
from skviz.numbers import plain
from skviz.reports.tables import Table

_GAP = 2
# A text that is broken into lines needs so many columns.
_NARROWEST = 15


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

    A table with more columns of numbers than fit goes on below, its first texts repeated. The
    text holds the terminal's commands for bold letters; cells hold none.
    """
    return "\n\n".join(_set(part, width, colour) for part in _parts(table, width))


def _set(table: Table, width: int, colour: bool) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    # Two blanks between columns, as in plain text, so that both fit the same screen.
    shown = RichTable(
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold" if colour else "",
    )
    for column in table.columns:
        shown.add_column(
            Text(printable(column.head)),
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
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return "\n".join(lines).strip("\n")


def _parts(table: Table, width: int) -> list[Table]:
    """Part a table so that no number is cut; its first columns, those of texts, are in each."""
    cells = [table.heads, *_cells(table)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    texts = [column.write == "text" for column in table.columns]
    keys = list(range(texts.index(False) if False in texts else len(texts)))
    parts, room = [list(keys)], width - sum(widths[key] + _GAP for key in keys)
    left = room
    for index in range(len(keys), len(widths)):
        needed = min(widths[index], _NARROWEST) if texts[index] else widths[index]
        if needed > left and len(parts[-1]) > len(keys):
            parts.append(list(keys))
            left = room
        parts[-1].append(index)
        left -= needed + _GAP
    return [
        Table(
            tuple(table.columns[index] for index in part),
            [[row[index] for index in part] for row in table.rows],
        )
        for part in parts
    ]


def _cells(table: Table) -> list[list[str]]:
    return [
        [
            cell if column.write == "text" else plain(cell)
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.cells
    ]
