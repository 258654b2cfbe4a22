"""How a table fits into a width: font size, column widths, and what has to be cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from skviz.figures.style.text import clean, text_width, wrap
from skviz.reports.tables import two_lines
from skviz.reports.words import fitted

_PAD = 1.0  # within a cell, left and right together, in font sizes
_LONGEST = 18.0  # width of a column of texts, in font sizes
_MOST_LINES = 3  # of a text that is wrapped
_ROW, _LINE = 1.75, 1.25  # height of a row, and of one more line in the head, in font sizes


@dataclass(frozen=True)
class TableFit:
    """Font size in points, column widths and heights of a row and of the head in inches.

    `heads` has one or two lines per column. `numbers` says which columns are numbers: they
    stand on the right. `whole` is True where every number fits. Texts have up to `lines` lines.
    """

    size: float
    widths: tuple[float, ...]
    heads: tuple[tuple[str, ...], ...]
    numbers: tuple[bool, ...]
    whole: bool
    lines: int = 1

    @classmethod
    def of(
        cls,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        numbers: Sequence[bool],
        room: float,
        sizes: tuple[float, float],
        *,
        wrapped: bool = False,
    ) -> TableFit:
        """Take the largest font of `sizes` in which all columns fit into `room` inches.

        In the smallest one, texts are cut where they do not fit, the longest first. Where texts
        are `wrapped`, they take what room there is, and further lines.
        """
        size, smallest = sizes
        parted = [two_lines(head) for head in heads]
        widths = _natural_widths(parted, rows, numbers, size)
        while sum(widths) > room and size > smallest:
            size = max(smallest, size - 0.5)
            widths = _natural_widths(parted, rows, numbers, size)
        fixed = sum(w for w, number in zip(widths, numbers, strict=True) if number)
        if wrapped:
            widths = _natural_widths(parted, rows, numbers, size, longest=math.inf)
        most = _share([w for w, number in zip(widths, numbers, strict=True) if not number],
                      max(0.15 * room, room - fixed))  # fmt: skip
        widths = [w if number else min(w, most) for w, number in zip(widths, numbers, strict=True)]
        stretch = min(1.3, room / sum(widths))
        widths = [stretch * w for w in widths]
        fit = cls(size, tuple(widths), tuple(parted), tuple(numbers), stretch >= 1)
        if not wrapped:
            return fit
        broken = [len(fit._wrapped(text, n)) for row in rows for n, text in enumerate(row)]
        return replace(fit, lines=max(broken, default=1))

    def row_of(self, lines: int) -> float:
        """Return the height of a row of so many lines, in inches."""
        return row_height(self.size) + (lines - 1) * self.line

    @property
    def head_row(self) -> float:
        """Height of the head in inches."""
        lines = max(map(len, self.heads))
        return row_height(self.size) + (lines - 1) * self.line

    @property
    def line(self) -> float:
        """Height of one more line in a row, in inches."""
        return _LINE * self.size / 72

    @property
    def pad(self) -> float:
        """Inches within a cell, left and right together."""
        return _PAD * self.size / 72

    def cut(self, text: str, column: int, weight: str = "normal") -> str:
        """Return a cell's text, shortened where it is wider than its column."""
        if self.whole and self.numbers[column]:
            return text  # no need to measure thousands of them
        return fitted(text, 72 * (self.widths[column] - self.pad), self.size, weight)

    def cell(self, text: str, column: int) -> list[str]:
        """Return the lines of a cell's text, the last one shortened where need be."""
        return [self.cut(text, column)] if self.lines == 1 else self._wrapped(text, column)

    def _wrapped(self, text: str, column: int) -> list[str]:
        cut = self.cut(text, column)
        if cut == text or self.numbers[column]:
            return [cut]
        room = 72 * (self.widths[column] - self.pad)
        return wrap(clean(text), room, self.size, _MOST_LINES)

    def head(self, column: int) -> list[str]:
        """Return the lines of a column's head, shortened where need be."""
        return [self.cut(line, column, "bold") for line in self.heads[column]]


def row_height(size: float) -> float:
    """Return the height in inches of a row in a font size."""
    return _ROW * size / 72


def _share(widths: Sequence[float], room: float) -> float:
    """Return the width that no column may be wider than, such that all fit: short ones stay."""
    left = sorted(widths)
    while left and len(left) * left[0] <= room:
        room -= left.pop(0)
    return room / len(left) if left else math.inf


def _natural_widths(
    heads: Sequence[tuple[str, ...]],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[bool],
    size: float,
    longest: float = _LONGEST,
) -> list[float]:
    widths = []
    for column, lines in enumerate(heads):
        # The widest text is one of the longest: not all of 1,000 need to be measured.
        texts = sorted({row[column] for row in rows}, key=len)[-5:]
        points = [text_width(clean(line), size, "bold") for line in lines]
        points += [text_width(clean(text), size) for text in texts]
        # One long name must not make all other columns small.
        most = max(points) if numbers[column] else min(max(points), longest * size)
        widths.append((most + _PAD * size) / 72 + 0.05)
    return widths
