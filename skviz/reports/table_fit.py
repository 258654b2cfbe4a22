"""How a table fits into a width: font size, column widths, and what has to be cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from skviz.figures.text import clean, text_width
from skviz.reports.words import fitted

_PAD = 1.0  # within a cell, left and right together, in font sizes
_LONGEST = 18.0  # width of a column of texts, in font sizes
_ROW, _LINE = 1.75, 1.25  # height of a row, and of one more line in the head, in font sizes


@dataclass(frozen=True)
class TableFit:
    """Font size in points, column widths and heights of a row and of the head in inches.

    `heads` has one or two lines per column. `numbers` says which columns are numbers: they
    stand on the right. `whole` is True where every number fits.
    """

    size: float
    widths: tuple[float, ...]
    heads: tuple[tuple[str, ...], ...]
    numbers: tuple[bool, ...]
    whole: bool

    @classmethod
    def of(
        cls,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        numbers: Sequence[bool],
        room: float,
        sizes: tuple[float, float],
    ) -> TableFit:
        """Take the largest font of `sizes` in which all columns fit into `room` inches.

        In the smallest one, texts are cut where they do not fit.
        """
        size, smallest = sizes
        parted = [two_lines(head) for head in heads]
        widths = _natural_widths(parted, rows, numbers, size)
        while sum(widths) > room and size > smallest:
            size = max(smallest, size - 0.5)
            widths = _natural_widths(parted, rows, numbers, size)
        fixed = sum(w for w, number in zip(widths, numbers, strict=True) if number)
        texts = sum(widths) - fixed
        least = 0.15 * room  # of all texts together
        factor = min(1.0, max(least, room - fixed) / texts) if texts else 1.0
        widths = [w if number else factor * w for w, number in zip(widths, numbers, strict=True)]
        stretch = min(1.3, room / sum(widths))
        return cls(
            size, tuple(stretch * w for w in widths), tuple(parted), tuple(numbers), stretch >= 1
        )

    @property
    def row(self) -> float:
        """Height of a row in inches."""
        return row_height(self.size)

    @property
    def head_row(self) -> float:
        """Height of the head in inches."""
        lines = max(map(len, self.heads))
        return self.row + (lines - 1) * _LINE * self.size / 72

    @property
    def pad(self) -> float:
        """Inches within a cell, left and right together."""
        return _PAD * self.size / 72

    def cut(self, text: str, column: int, weight: str = "normal") -> str:
        """Return a cell's text, shortened where it is wider than its column."""
        if self.whole and self.numbers[column]:
            return text  # no need to measure thousands of them
        return fitted(text, 72 * (self.widths[column] - self.pad), self.size, weight)

    def head(self, column: int) -> list[str]:
        """Return the lines of a column's head, shortened where need be."""
        return [self.cut(line, column, "bold") for line in self.heads[column]]


def row_height(size: float) -> float:
    """Return the height in inches of a row in a font size."""
    return _ROW * size / 72


def two_lines(head: str) -> tuple[str, ...]:
    """Part a head of several words where it gets narrowest."""
    words = head.split()
    if len(words) < 2:
        return (head,)
    splits = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    return min(splits, key=lambda lines: max(map(len, lines)))


def _natural_widths(
    heads: Sequence[tuple[str, ...]],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[bool],
    size: float,
) -> list[float]:
    widths = []
    for column, lines in enumerate(heads):
        # The widest text is one of the longest: not all of 1,000 need to be measured.
        longest = sorted({row[column] for row in rows}, key=len)[-5:]
        points = [text_width(clean(line), size, "bold") for line in lines]
        points += [text_width(clean(text), size) for text in longest]
        # One long name must not make all other columns small.
        most = max(points) if numbers[column] else min(max(points), _LONGEST * size)
        widths.append((most + _PAD * size) / 72 + 0.05)
    return widths
