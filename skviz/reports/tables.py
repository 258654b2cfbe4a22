"""One table for every reader: columns that know how their values are written, and rows of these.

A writer takes a `Table` and nothing else: `terminal`, `markdown`, `latex`, `html`, `slides` and
`pdf` are in modules of their own, CSV is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz import numbers
from skviz.files import check_output, output_folder, write_text
from skviz.frames import csv_text
from skviz.numbers import Writer
from skviz.scales import scale_label

if TYPE_CHECKING:
    from skviz.inference.summary import Summary


def scale(value: float | None) -> str:
    """Return "1.5x" for a scale, also for one that was stored in single precision."""
    known = numbers.known(value)
    return scale_label(float(numbers.significant(value, 6))) if known else numbers.NOTHING


# How the values of a column are written, by name.
FORMATS: dict[str, Writer] = {
    "text": numbers.text,
    "signed": numbers.signed,
    "effect": partial(numbers.signed, digits=2),
    "plain": numbers.number,
    "wide": partial(numbers.number, digits=2),
    "share": numbers.percent,
    "p": numbers.p_value,
    "count": numbers.count,
    "scale": scale,
    "interval": lambda ends: numbers.interval(*ends),
}


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, how its values are written, and on which side they stand.

    `write` is a name in `FORMATS` or a function from a value to its text. Numbers stand on the
    right, texts on the left, unless `right` says otherwise.
    """

    head: str
    write: str | Writer = "text"
    right: bool | None = None

    @property
    def on_right(self) -> bool:
        """Whether values stand on the right."""
        return self.write != "text" if self.right is None else self.right

    def written(self, value: Any) -> str:
        """Return the text of a value."""
        return (FORMATS[self.write] if isinstance(self.write, str) else self.write)(value)


@dataclass(frozen=True)
class Table:
    """Columns, and rows of one value per column."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]

    @classmethod
    def of(cls, heads: Iterable[str | Column], rows: Iterable[Sequence[Any]]) -> Table:
        """Return a table whose columns are told by their heads.

        The first of those given as words is one of texts; of the others, values that are numbers
        or ready texts stand on the right.
        """
        columns = (
            head if isinstance(head, Column) else Column(head, right=index > 0)
            for index, head in enumerate(heads)
        )
        return cls(tuple(columns), list(rows))

    @property
    def heads(self) -> list[str]:
        """The heads of the columns."""
        return [column.head for column in self.columns]

    @property
    def right(self) -> list[bool]:
        """Which columns stand on the right."""
        return [column.on_right for column in self.columns]

    @property
    def cells(self) -> list[list[str]]:
        """The rows as texts."""
        return [
            [column.written(value) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]


def two_lines(head: str) -> tuple[str, ...]:
    """Part a head of several words where it gets narrowest."""
    words = head.split()
    if len(words) < 2:
        return (head,)
    splits = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    return min(splits, key=lambda lines: max(map(len, lines)))


def write_tables(summary: Summary, folder: Path, *, overwrite: bool = False) -> list[Path]:
    """Write a CSV file for each table of a summary; return the paths.

    Nothing is written unless all of them may be. Raises `OutputError`.
    """
    output_folder(folder)
    names = ("units", "shifts", "trends", "classes", "channels", "channel-kernels")
    files = [check_output(folder / f"{name}.csv", overwrite) for name in names]
    frames = (
        summary.to_frame(), summary.shifts, summary.trends, summary.classes, summary.channels,
        summary.channel_kernels,
    )  # fmt: skip
    for file, frame in zip(files, frames, strict=True):
        write_text(file, csv_text(frame), overwrite=overwrite)
    return files
