"""The slides of a deck: titles, texts, pictures, tables, notes and the line at the foot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib
from lxml import etree
from matplotlib.colors import to_hex
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from skviz.figures.style.palette import scale_styles
from skviz.figures.style.text import clean, text_width, wrap
from skviz.files import AnyPath
from skviz.reports.pptx.charts import rgb
from skviz.reports.pptx.geometry import Box
from skviz.reports.pptx.table_fit import TableFit, row_height
from skviz.reports.pptx.template import (
    COVER_SIZE,
    FONT,
    FOOT_SIZE,
    TITLE_SIZE,
    Look,
    Template,
    own_template,
    read_template,
)
from skviz.reports.words import fitted, plain

SOURCE_SIZE = 14.0
CELL, SMALLEST_CELL = 16.0, 14.0
_PROSE = (24.0, 22.0, 20.0, 18.0)
_LEADING = 1.2  # of a line of text, in font sizes
_MOST_LINES = 60
_FOOT = 0.2  # inches below a text: lines are as high as a program's font has them
_FURTHEST = 0.9  # inches between paragraphs
_PLAIN_TABLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # "No Style, No Grid"
_LINES = 1.85  # of text where there is room for two: a line ends before its last word


@dataclass
class Deck:
    """A deck in the making; `footer` stands on every slide but the first.

    `presentation`, `look` and `page` are its template's.
    """

    template: Template
    footer: str

    def __post_init__(self) -> None:
        self.presentation = self.template.presentation
        self.look, self.page = self.template.look, self.template.page

    @classmethod
    def new(cls, footer: str, template: AnyPath | None = None) -> Deck:
        """Return an empty deck, in the colours of the style that is set or of a template.

        Raises what `read_template` raises.
        """
        settings = matplotlib.rcParams
        ground, text = settings["figure.facecolor"], settings["text.color"]
        colours = (ground, text, settings["axes.edgecolor"], settings["grid.color"])
        look = Look(*map(to_hex, colours))
        return cls(own_template(look) if template is None else read_template(template), footer)

    def slide(self, title: str, source: Sequence[str] = (), notes: str = "") -> Any:
        """Add a slide: its message as the title, and a line below that says what is drawn.

        The line has those of the sentences `source` that fit whole; the notes have them all.
        """
        slide = self._new(self.template.slide, title, TITLE_SIZE, notes)
        shown = self._whole(source)
        if shown:
            self.text(slide, shown, self.page.source, SOURCE_SIZE)
        self._foot(slide)
        return slide

    def cover(self, title: str, subtitle: str, notes: str = "") -> Any:
        """Add the first slide."""
        slide = self._new(self.template.cover, title, COVER_SIZE, notes)
        for holder in slide.placeholders:
            if holder.placeholder_format.type == PP_PLACEHOLDER.SUBTITLE:
                holder.text_frame.text = plain(subtitle)
        return slide

    def text(
        self, slide: Any, text: str, box: Box, size: float, *, colour: str = "", bold: bool = False,
        centred: bool = False,
    ) -> Any:  # fmt: skip
        """Add text in a box; line breaks in it stay."""
        shape = slide.shapes.add_textbox(*box.emu)
        frame = shape.text_frame
        _no_margins(frame)
        frame.text = text
        self._font(frame, size, colour, bold)
        if centred:
            for paragraph in frame.paragraphs:
                paragraph.alignment = PP_ALIGN.CENTER
        return shape

    def prose(self, slide: Any, paragraphs: Sequence[tuple[str, str]], box: Box) -> Any:
        """Add paragraphs of bold first words and a text, as large as they fit, spread over a box.

        What does not fit in the smallest size is left out, last paragraphs first.
        """
        paragraphs = [(plain(lead), plain(text)) for lead, text in paragraphs]
        box = replace(box, height=box.height - _FOOT)
        size, heights = _prose_size(paragraphs, box)
        while len(paragraphs) > 1 and sum(heights) + _gap(size) * (len(heights) - 1) > box.height:
            paragraphs, heights = paragraphs[:-1], heights[:-1]
        free = box.height - sum(heights)
        space = min(free / max(1, len(paragraphs) - 1), _FURTHEST)
        shape = slide.shapes.add_textbox(*box.emu)
        frame = shape.text_frame
        _no_margins(frame)
        for index, (lead, text) in enumerate(paragraphs):
            paragraph = frame.paragraphs[0] if index == 0 else frame.add_paragraph()
            for words, bold in ((lead, True), (f" {text}" if lead else text, False)):
                if words.strip():
                    run = paragraph.add_run()
                    run.text, run.font.size, run.font.bold = words, Pt(size), bold
                    run.font.color.rgb = rgb(self.look.text)
            paragraph.space_after = Pt(72 * space if index < len(paragraphs) - 1 else 0)
        return shape

    def picture(
        self, slide: Any, data: bytes, size: tuple[float, float], box: Box, alt: str
    ) -> Any:
        """Add a picture, as large as it fits into a box; `size` is its width and height."""
        factor = min(box.width / size[0], box.height / size[1])
        width, height = factor * size[0], factor * size[1]
        left, top = box.left + (box.width - width) / 2, box.top + (box.height - height) / 2
        shape = slide.shapes.add_picture(io.BytesIO(data), *Box(left, top, width, height).emu)
        describe(shape, alt)
        return shape

    def scale_names(self, scales: Sequence[float]) -> list[tuple[str, str]]:
        """Return a label and a colour per scale."""
        return [(style.label, style.colour) for style in scale_styles(scales, self.look.background)]

    def save(self) -> bytes:
        """Return the file."""
        buffer = io.BytesIO()
        self.presentation.save(buffer)
        return buffer.getvalue()

    def table(
        self, slide: Any, rows: list[list[str]], fit: TableFit, box: Box | None = None
    ) -> Any:
        """Add a native table; `fit` is how it fits all rows of the table, here or elsewhere."""
        place = box or self.page.body
        cells = [[fit.cell(plain(text), n) for n, text in enumerate(row)] for row in rows]
        heights = [fit.row_of(max(map(len, row))) for row in cells]
        height = fit.head_row + sum(heights)
        box = Box(place.left, place.top, sum(fit.widths), height)
        frame = slide.shapes.add_table(len(rows) + 1, len(fit.widths), *box.emu)
        table = frame.table
        style = frame._element.find(f".//{qn('a:tableStyleId')}")
        style.text = _PLAIN_TABLE
        table.first_row, table.horz_banding = True, False
        for index, width in enumerate(fit.widths):
            table.columns[index].width = Inches(width)
        table.rows[0].height = Inches(fit.head_row)
        for column in range(len(fit.widths)):
            self._cell(table.cell(0, column), "\n".join(fit.head(column)), fit, column, 0)
        for number, row in enumerate(cells, 1):
            table.rows[number].height = Inches(heights[number - 1])
            for column, lines in enumerate(row):
                self._cell(table.cell(number, column), "\n".join(lines), fit, column, number)
        return frame

    def fit_table(
        self, heads: list[str], rows: list[list[str]], numbers: Sequence[bool],
        wrapped: bool = False,
    ) -> TableFit:  # fmt: skip
        """Return how a table fits on slides: in large letters where one slide holds it so."""
        height, room = self.page.body.height, self.page.body.width
        largest = CELL if len(rows) <= rows_within(height, CELL) else SMALLEST_CELL
        return TableFit.of(heads, rows, numbers, room, (largest, SMALLEST_CELL), wrapped=wrapped)

    def _cell(self, cell: Any, text: str, fit: TableFit, column: int, number: int) -> None:
        cell.margin_left = cell.margin_right = Inches(fit.pad / 2)
        cell.margin_top = cell.margin_bottom = 0
        cell.vertical_anchor = MSO_ANCHOR.MIDDLE
        cell.text_frame.word_wrap = False
        cell.text_frame.text = text
        self._font(cell.text_frame, fit.size, bold=number == 0)
        if fit.numbers[column]:
            for paragraph in cell.text_frame.paragraphs:
                paragraph.alignment = PP_ALIGN.RIGHT
        if number % 2 == 0:  # the head, and every second row
            cell.fill.solid()
            cell.fill.fore_color.rgb = rgb(self.look.mixed(0.15 if number == 0 else 0.06))
        else:
            cell.fill.background()

    def _whole(self, sentences: Sequence[str]) -> str:
        """Return the sentences that fit whole into the line below a chart, the last ones first.

        Those are what bars, bands and marks mean, which nothing else on the slide says.
        """
        room = _LINES * 72 * self.page.source.width
        kept: list[int] = []
        for index in reversed(range(len(sentences))):
            trial = " ".join(plain(sentences[i]) for i in sorted([*kept, index]))
            if text_width(clean(trial), SOURCE_SIZE) <= room:
                kept.append(index)
        return " ".join(plain(sentences[i]) for i in sorted(kept))

    def _new(self, layout: Any, title: str, size: float, notes: str) -> Any:
        slide = self.presentation.slides.add_slide(layout)
        width = Box.of(slide.shapes.title).width
        own = self.template.own
        # A template's own size is not known here: it is left where a title is short.
        sizes = [size, *(step for step in (26.0, 24.0, 22.0, 20.0) if step < size)]
        room = _LINES * 72 * width
        fits = [s for s in sizes if text_width(clean(plain(title)), s, "bold") <= room]
        size = fits[0] if fits else sizes[-1]
        frame = slide.shapes.title.text_frame
        frame.text = fitted(title, room, size, "bold")
        if size != sizes[0] or (own and size < TITLE_SIZE):
            for run in frame.paragraphs[0].runs:
                run.font.size = Pt(size)
        for holder in list(slide.placeholders):  # those of a template that nothing is put into
            kind = holder.placeholder_format.type
            if holder != slide.shapes.title and kind != PP_PLACEHOLDER.SUBTITLE:
                holder._element.getparent().remove(holder._element)
        if notes:  # cell by cell: a tab is no character to be replaced
            lines = ("\t".join(map(plain, line.split("\t"))) for line in notes.split("\n"))
            slide.notes_slide.notes_text_frame.text = "\n".join(lines)
        return slide

    def _foot(self, slide: Any) -> None:
        for holder in slide.slide_layout.placeholders:
            kind = holder.placeholder_format.type
            if kind not in (PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER):
                continue
            slide.shapes.clone_placeholder(holder)
            shape = slide.shapes[-1]
            if kind == PP_PLACEHOLDER.SLIDE_NUMBER:
                _number_field(shape, len(self.presentation.slides))
                continue
            shape.text_frame.text = fitted(self.footer, 72 * Box.of(holder).width, FOOT_SIZE)
            if not self.template.own:
                # Said again: LibreOffice does not look at the layout for a footer.
                shape.text_frame.paragraphs[0].alignment = PP_ALIGN.LEFT
                shape.text_frame.paragraphs[0].runs[0].font.name = FONT
                self._font(shape.text_frame, FOOT_SIZE)

    def _font(self, frame: Any, size: float, colour: str = "", bold: bool = False) -> None:
        for paragraph in frame.paragraphs:
            for run in paragraph.runs:
                run.font.size, run.font.bold = Pt(size), bold
                run.font.color.rgb = rgb(colour or self.look.text)


def rows_within(height: float, size: float) -> int:
    """Return how many rows of one line there is room for, below the head."""
    return int(height / row_height(size) - 1.75)


def describe(shape: Any, alt: str) -> None:
    """Give a picture, chart or table its alternative text."""
    shape._element.xpath(".//p:cNvPr")[0].set("descr", plain(alt))


def _no_margins(frame: Any) -> None:
    frame.word_wrap = True
    for side in ("left", "right", "top", "bottom"):
        setattr(frame, f"margin_{side}", 0)


def _gap(size: float) -> float:
    """Return the least height between paragraphs, in inches."""
    return 0.5 * size / 72


def _prose_size(paragraphs: Sequence[tuple[str, str]], box: Box) -> tuple[float, list[float]]:
    """Return the largest size in which paragraphs fit, and the height of each in inches."""
    heights: list[float] = []
    for size in _PROSE:
        heights = []
        for lead, text in paragraphs:
            words = clean(f"{lead} {text}".strip())
            lines = len(wrap(words, 72 * box.width, size, _MOST_LINES))
            heights.append(lines * _LEADING * size / 72)
        if sum(heights) + _gap(size) * (len(heights) - 1) <= box.height:
            return size, heights
    return _PROSE[-1], heights


def _number_field(shape: Any, number: int) -> None:
    paragraph = shape.text_frame.paragraphs[0]._p
    for child in list(paragraph):
        paragraph.remove(child)
    field = etree.SubElement(
        paragraph, qn("a:fld"), id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}", type="slidenum"
    )
    etree.SubElement(field, qn("a:rPr"), lang="en-GB")
    etree.SubElement(field, qn("a:t")).text = str(number)
