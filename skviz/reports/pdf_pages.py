"""Pages of A4 that are filled from top to bottom: headings, paragraphs, figures, tables.

Text is set by Matplotlib, so that it has the same fonts as the figures, embedded, and the same
help for scripts that the main font lacks. Figures are drawn apart and laid on their page as
vectors.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from pypdf import PdfReader, PdfWriter, Transformation
from pypdf.annotations import Link
from pypdf.generic import BooleanObject, DictionaryObject, NameObject, TextStringObject

from skviz.figures.text import clean, shorten, text_width, wrap
from skviz.reports.table_fit import TableFit

WIDTH, HEIGHT = 8.27, 11.69  # A4
MARGIN, TOP, BOTTOM = 1.0, 0.95, 0.95
ROOM = WIDTH - 2 * MARGIN
LEADING = 1.4  # height of a line, in font sizes
_BODY, _SMALL = 10.0, 8.5
_ENDLESS = 100_000
_LONGEST = 30  # lines of a paragraph beside its name, which stays on one page


@dataclass(frozen=True)
class _Laid:
    """A drawing on a page: where its lower left corner is, in points, and its size's factor."""

    page: int
    data: bytes
    x: float
    y: float
    factor: float


@dataclass(frozen=True)
class _Entry:
    """A line of the table of contents: where it stands and where it leads."""

    page: int
    y: float
    target: int


@dataclass
class Pages:
    """The pages so far; `y` is how far down the last one is filled, in inches from its top."""

    footer: str
    pages: list[Figure] = field(default_factory=list)
    y: float = 0.0
    laid: list[_Laid] = field(default_factory=list)
    heads: list[tuple[str, int, int]] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)

    def new_page(self) -> None:
        """Go on with a new page."""
        figure = Figure(figsize=(WIDTH, HEIGHT))
        figure.set_layout_engine("none")  # whatever the style says
        self.pages.append(figure)
        self.y = TOP

    def need(self, height: float) -> None:
        """Go on with a new page if there are no such inches left on this one."""
        if not self.pages or self.y + height > HEIGHT - BOTTOM:
            self.new_page()

    def space(self, height: float) -> None:
        """Leave inches free."""
        self.y += height

    def heading(self, text: str, size: float, level: int = 0, follow: float = 0.0) -> None:
        """Set a heading that stays with the `follow` inches behind it; level 0 is a chapter."""
        lines = _wrapped(clean(text), 72 * ROOM, size, 3, weight="bold")
        self.need(len(lines) * LEADING * size / 72 + follow)
        self.heads.append((text, len(self.pages) - 1, level))
        self._lines(lines, size, weight="bold")

    def paragraph(
        self, text: str, size: float = _BODY, *, lines: int = _ENDLESS, weight: str = "normal",
        colour: str = "",
    ) -> None:  # fmt: skip
        """Set a paragraph; of more than so many lines the rest is cut visibly."""
        found = _wrapped(clean(text), 72 * ROOM, size, lines, weight=weight)
        self._lines(found, size, weight=weight, colour=colour)

    def paragraph_height(self, text: str, size: float, lines: int = _ENDLESS) -> float:
        """Return how many inches a paragraph takes."""
        return len(_wrapped(clean(text), 72 * ROOM, size, lines)) * LEADING * size / 72

    def facts(
        self, pairs: Sequence[tuple[str, str]], size: float = _BODY, *, left: float = 2.0,
        lines_each: int = 4, gap: float = 0.0,
    ) -> None:  # fmt: skip
        """Set words in bold, each with what it is beside it, `left` inches from the margin."""
        for word, what in pairs:
            lines = _wrapped(clean(what), 72 * (ROOM - left), size, lines_each)
            self.need(len(lines) * LEADING * size / 72)
            y = self.y
            self._text(shorten(clean(word), 72 * (left - 0.1), size), MARGIN, y, size, "bold")
            for line in lines:
                self._text(line, MARGIN + left, self.y, size)
                self.y += LEADING * size / 72
            if not lines:
                self.y += LEADING * size / 72
            self.y += gap

    def prose(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Set names in bold, each with its paragraph beside it."""
        widest = max((text_width(clean(name), _SMALL, "bold") for name, _ in pairs), default=0.0)
        left = min(2.0, widest / 72 + 0.2)
        self.facts(pairs, _SMALL, left=left, lines_each=_LONGEST, gap=0.08)

    def drawing(self, data: bytes, width: float, height: float, factor: float) -> None:
        """Lay a PDF figure of so many inches on the page, `factor` times as large."""
        self.need(factor * height)
        x = MARGIN + max(0.0, (ROOM - factor * width) / 2)
        bottom = HEIGHT - self.y - factor * height
        self.laid.append(_Laid(len(self.pages) - 1, data, 72 * x, 72 * bottom, factor))
        self.y += factor * height

    def table(
        self, heads: list[str], rows: list[list[str]], numbers: list[bool], wrapped: bool = False
    ) -> None:
        """Set a table; where it goes on on another page, its head stands there again."""
        heads, rows = list(map(clean, heads)), [list(map(clean, row)) for row in rows]
        fit = TableFit.of(heads, rows, numbers, ROOM, (_SMALL, 5.5), wrapped=wrapped)
        self.need(fit.head_row + 3 * fit.row)
        self._head(fit)
        for number, row in enumerate(rows):
            if self.y + fit.row > HEIGHT - BOTTOM:
                self._rule(fit)
                self.new_page()
                self._head(fit)
            self._row(row, fit, number % 2 == 1)
        self._rule(fit)

    def contents(self, targets: Sequence[tuple[str, int, int]], start: int, y: float) -> None:
        """Fill in the table of contents, for which `contents_height` was left free."""
        page = start
        for text, target, level in targets:
            size, step = _BODY, LEADING * _BODY / 72
            if y + step > HEIGHT - BOTTOM:
                page, y = page + 1, TOP
            indent = 0.25 * level
            number = str(target + 1)
            room = 72 * (ROOM - indent) - text_width(number, size) - 2 * size
            weight = "normal" if level else "bold"
            line = shorten(clean(text), room, size, weight=weight)
            self._text(line, MARGIN + indent, y, size, weight, page=page)
            self._text(number, MARGIN + ROOM, y, size, page=page, side="right")
            self.entries.append(_Entry(page, y, target))
            y += step

    def leave_contents(self, count: int) -> tuple[int, float]:
        """Leave so many lines free for the table of contents; return page and place."""
        start, y = len(self.pages) - 1, self.y
        for _ in range(count):
            self.need(LEADING * _BODY / 72)
            self.y += LEADING * _BODY / 72
        return start, y

    def pdf(self, title: str, creator: str, keywords: str = "") -> bytes:
        """Return the document: pages, drawings, links and outline."""
        self._foot()
        buffer = io.BytesIO()
        with PdfPages(buffer, metadata={"CreationDate": None}) as document:
            for page in self.pages:
                document.savefig(page)
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(buffer.getvalue())))
        for laid in self.laid:
            drawing = PdfReader(io.BytesIO(laid.data)).pages[0]
            place = Transformation().scale(laid.factor).translate(laid.x, laid.y)
            writer.pages[laid.page].merge_transformed_page(drawing, place)
        for done in writer.pages:
            done.compress_content_streams()
        parents: dict[int, Any] = {}
        for text, target, level in self.heads:
            parent = parents.get(level - 1)
            parents[level] = writer.add_outline_item(
                title=clean(text), page_number=target, parent=parent
            )
        for entry in self.entries:
            low = 72 * (HEIGHT - entry.y - LEADING * _BODY / 72)
            rect = (72 * MARGIN, low, 72 * (WIDTH - MARGIN), low + LEADING * _BODY)
            link = Link(rect=rect, target_page_index=entry.target)
            writer.add_annotation(page_number=entry.page, annotation=link)
        about = {"/Title": clean(title), "/Creator": creator, "/Producer": creator}
        writer.metadata = {**about, **({"/Keywords": keywords} if keywords else {})}
        root = writer.root_object
        root[NameObject("/Lang")] = TextStringObject("en")
        root[NameObject("/ViewerPreferences")] = DictionaryObject(
            {NameObject("/DisplayDocTitle"): BooleanObject(True)}
        )
        writer.compress_identical_objects()
        result = io.BytesIO()
        writer.write(result)
        return result.getvalue()

    def _lines(
        self, lines: Sequence[str], size: float, *, weight: str = "normal", colour: str = ""
    ) -> None:
        for line in lines:
            self.need(LEADING * size / 72)
            self._text(line, MARGIN, self.y, size, weight, colour)
            self.y += LEADING * size / 72

    def _text(
        self, text: str, x: float, y: float, size: float, weight: str = "normal",
        colour: str = "", *, page: int = -1, side: str = "left",
    ) -> None:  # fmt: skip
        """Set one line whose top is at `y`."""
        self.pages[page].text(
            x / WIDTH, 1 - (y + 1.05 * size / 72) / HEIGHT, text,
            size=size, weight=weight, ha=side, va="baseline", parse_math=False,
            color=colour or matplotlib.rcParams["text.color"],
        )  # fmt: skip

    def _head(self, fit: TableFit) -> None:
        self._shade(fit, fit.head_row, 1)
        for column in range(len(fit.widths)):
            lines = fit.head(column)
            below = 1.25 * fit.size / 72  # the last line stands at the foot of the head
            top = self.y + fit.head_row - len(lines) * below - 0.35 * fit.size / 72
            for index, line in enumerate(lines):
                self._cell(line, fit, column, top + index * below, "bold")
        self.y += fit.head_row

    def _row(self, cells: Sequence[str], fit: TableFit, shaded: bool) -> None:
        if shaded:
            self._shade(fit, fit.row, 0.35)
        for column, text in enumerate(cells):
            lines = fit.cell(text, column)
            top = self.y + (fit.row - LEADING * fit.size / 72 - (len(lines) - 1) * fit.line) / 2
            for index, line in enumerate(lines):
                self._cell(line, fit, column, top + index * fit.line)
        self.y += fit.row

    def _shade(self, fit: TableFit, height: float, alpha: float) -> None:
        box = Rectangle(
            (MARGIN / WIDTH, 1 - (self.y + height) / HEIGHT),
            sum(fit.widths) / WIDTH,
            height / HEIGHT,
            facecolor=to_hex(matplotlib.rcParams["grid.color"]),
            alpha=alpha,
            linewidth=0,
        )
        self.pages[-1].add_artist(box)

    def _cell(
        self, text: str, fit: TableFit, column: int, top: float, weight: str = "normal"
    ) -> None:
        right = MARGIN + sum(fit.widths[: column + 1]) - fit.pad / 2
        left = right - fit.widths[column] + fit.pad
        number = fit.numbers[column]
        x, side = (right, "right") if number else (left, "left")
        self._text(text, x, top, fit.size, weight, side=side)

    def _rule(self, fit: TableFit) -> None:
        ends = (MARGIN / WIDTH, (MARGIN + sum(fit.widths)) / WIDTH)
        y = 1 - self.y / HEIGHT
        colour = matplotlib.rcParams["axes.edgecolor"]
        self.pages[-1].add_artist(Line2D(ends, (y, y), color=colour, linewidth=0.8))

    def _foot(self) -> None:
        count = len(self.pages)
        y = HEIGHT - 0.6
        for number in range(count):
            words = f"{number + 1} of {count}"
            room = 72 * ROOM - text_width(words, _SMALL) - 2 * _SMALL
            footer = shorten(clean(self.footer), room, _SMALL)
            self._text(footer, MARGIN, y, _SMALL, page=number)
            self._text(words, MARGIN + ROOM, y, _SMALL, page=number, side="right")


def _wrapped(text: str, width: float, size: float, lines: int, weight: str = "normal") -> list[str]:
    """Break a text as `wrap` does, and words that are wider than a line as well."""
    parts: list[str] = []
    words = text.split()[::-1]
    while words:
        word = words.pop()
        if len(word) > 1 and text_width(word, size, weight) > width:
            half = len(word) // 2
            words += [word[half:], word[:half]]
        else:
            parts.append(word)
    return wrap(" ".join(parts), width, size, lines, weight)
