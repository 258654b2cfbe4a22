"""The slides of a deck: titles, pictures, tables, notes and the line at the foot."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from lxml import etree
from matplotlib.colors import to_hex
from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from skviz.figures.style.palette import is_dark, scale_styles
from skviz.reports.pptx.charts import Box, Look, rgb
from skviz.reports.pptx.table_fit import TableFit, row_height
from skviz.reports.words import fitted, plain

WIDTH, HEIGHT, MARGIN = 13.333, 7.5, 0.6
ROOM = WIDTH - 2 * MARGIN
BODY = Box(MARGIN, 1.5, ROOM, 4.75)  # below the title, above the line of the source
_SOURCE = Box(MARGIN, 6.3, ROOM, 0.55)
_FOOT = Box(MARGIN, 6.95, ROOM - 1, 0.3)
_NUMBER = Box(WIDTH - MARGIN - 1, 6.95, 1, 0.3)
_TITLE = Box(MARGIN, 0.35, ROOM, 1.05)
_TITLE_SIZE, _SOURCE_SIZE, _CELL, _SMALLEST_CELL = 26.0, 12.0, 12.0, 9.0
_PLAIN_TABLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # "No Style, No Grid"
_LINES = 1.85  # of text where there is room for two: a line ends before its last word
_FONT = "Arial"
_BLANK, _TITLE_ONLY, _COVER = 6, 5, 0  # layouts of python-pptx's own template
_ACCENTS = ("08476F", "C18502", "0D7555", "C45097", "9D4505", "1D90C6")


@dataclass
class Deck:
    """A deck in the making; `footer` stands on every slide but the first."""

    presentation: Any
    look: Look
    footer: str

    @classmethod
    def new(cls, footer: str) -> Deck:
        """Return an empty 16:9 deck in the colours of the style that is set."""
        settings = matplotlib.rcParams
        look = Look(
            background=to_hex(settings["figure.facecolor"]),
            text=to_hex(settings["text.color"]),
            line=to_hex(settings["axes.edgecolor"]),
            grid=to_hex(settings["grid.color"]),
        )
        deck = cls(Presentation(), look, plain(footer))
        deck.presentation.slide_width = Inches(WIDTH)
        deck.presentation.slide_height = Inches(HEIGHT)
        deck._set_theme()
        deck._set_layouts()
        return deck

    def slide(self, title: str, source: str = "", notes: str = "") -> Any:
        """Add a slide: its message as the title, and a line below that says what is drawn."""
        slide = self._new(_TITLE_ONLY, title)
        if source:
            # PowerPoint breaks the lines: its font is narrower than the one that is measured.
            cut = fitted(source, _LINES * 72 * _SOURCE.width, _SOURCE_SIZE)
            self.text(slide, cut, _SOURCE, _SOURCE_SIZE)
        self._foot(slide)
        if notes:
            slide.notes_slide.notes_text_frame.text = _lines(notes)
        return slide

    def cover(self, title: str, subtitle: str, notes: str = "") -> Any:
        """Add the first slide."""
        slide = self._new(_COVER, title)
        holder = slide.placeholders[1]
        holder.text_frame.text = plain(subtitle)
        self._font(holder.text_frame, 16)
        if notes:
            slide.notes_slide.notes_text_frame.text = _lines(notes)
        return slide

    def text(
        self, slide: Any, text: str, box: Box, size: float, *, colour: str = "", bold: bool = False,
        centred: bool = False,
    ) -> Any:  # fmt: skip
        """Add text in a box; line breaks in it stay."""
        shape = slide.shapes.add_textbox(*box.emu)
        frame = shape.text_frame
        frame.word_wrap = True
        for side in ("left", "right", "top", "bottom"):
            setattr(frame, f"margin_{side}", 0)
        frame.text = text
        self._font(frame, size, colour, bold)
        if centred:
            for paragraph in frame.paragraphs:
                paragraph.alignment = PP_ALIGN.CENTER
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

    def table(self, slide: Any, rows: list[list[str]], fit: TableFit, top: float = BODY.top) -> Any:
        """Add a native table; `fit` is how it fits all rows of the table, here or elsewhere."""
        box = Box(MARGIN, top, sum(fit.widths), fit.head_row + fit.row * len(rows))
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
        for number, row in enumerate(rows, 1):
            table.rows[number].height = Inches(fit.row)
            for column, text in enumerate(row):
                lines = fit.cell(plain(text), column)
                self._cell(table.cell(number, column), "\n".join(lines), fit, column, number)
        return frame

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
            grid = self.look.grid
            cell.fill.fore_color.rgb = rgb(grid if number == 0 else self._between(grid))
        else:
            cell.fill.background()

    def _between(self, colour: str) -> str:
        """Return the colour that is half of this one and half of the background."""
        pairs = zip(_channels(colour), _channels(self.look.background), strict=True)
        return "#" + "".join(f"{(a + b) // 2:02X}" for a, b in pairs)

    def _new(self, layout: int, title: str) -> Any:
        slide = self.presentation.slides.add_slide(self.presentation.slide_layouts[layout])
        size = 34.0 if layout == _COVER else _TITLE_SIZE
        cut = fitted(title, _LINES * 72 * _TITLE.width, size, "bold")
        slide.shapes.title.text_frame.text = cut
        return slide

    def _foot(self, slide: Any) -> None:
        for holder in slide.slide_layout.placeholders:
            kind = holder.placeholder_format.type
            if kind not in (PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER):
                continue
            slide.shapes.clone_placeholder(holder)
            shape = slide.shapes[-1]
            if kind == PP_PLACEHOLDER.FOOTER:
                shape.text_frame.text = fitted(self.footer, 72 * _FOOT.width, 10)
                # Said again: LibreOffice does not look at the layout for a footer.
                shape.text_frame.paragraphs[0].alignment = PP_ALIGN.LEFT
                shape.text_frame.paragraphs[0].runs[0].font.name = _FONT
                self._font(shape.text_frame, 10)
            else:
                _number_field(shape, len(self.presentation.slides))

    def _font(self, frame: Any, size: float, colour: str = "", bold: bool = False) -> None:
        for paragraph in frame.paragraphs:
            for run in paragraph.runs:
                run.font.size, run.font.bold = Pt(size), bold
                run.font.color.rgb = rgb(colour or self.look.text)

    def _set_theme(self) -> None:
        """Give the theme our colours and font, so that what a person adds goes with the rest."""
        master = self.presentation.slide_master
        part = master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
        theme = part.blob.decode("utf-8")
        ends = (self.look.background, self.look.text)
        light, dark = reversed(ends) if is_dark(self.look.background) else ends
        colours = {"dk1": dark, "lt1": light}
        colours |= {f"accent{n}": colour for n, colour in enumerate(_ACCENTS, 1)}
        for name, colour in colours.items():
            value = f'<a:{name}><a:srgbClr val="{colour.lstrip("#").upper()}"/></a:{name}>'
            theme = re.sub(rf"<a:{name}>.*?</a:{name}>", value, theme, flags=re.DOTALL)
        theme = theme.replace('<a:latin typeface="Calibri"', f'<a:latin typeface="{_FONT}"')
        part._blob = theme.encode("utf-8")
        if is_dark(self.look.background):
            colour_map = master._element.find(qn("p:clrMap"))
            for name, value in (("bg1", "dk1"), ("tx1", "lt1"), ("bg2", "dk2"), ("tx2", "lt2")):
                colour_map.set(name, value)

    def _set_layouts(self) -> None:
        """Move what the template has for 4:3 to its place on 16:9."""
        master = self.presentation.slide_master
        for owner in (master, *self.presentation.slide_layouts):
            cover = owner is self.presentation.slide_layouts[_COVER]
            for holder in owner.placeholders:
                self._set_placeholder(holder, cover)

    def _set_placeholder(self, holder: Any, cover: bool) -> None:
        kind = holder.placeholder_format.type
        places = {
            PP_PLACEHOLDER.TITLE: (_TITLE, _TITLE_SIZE, "l", True),
            PP_PLACEHOLDER.CENTER_TITLE: (_TITLE, 34.0, "l", True),
            PP_PLACEHOLDER.SUBTITLE: (Box(MARGIN, 1.4, ROOM, 0.5), 16.0, "l", False),
            PP_PLACEHOLDER.FOOTER: (_FOOT, 10.0, "l", False),
            PP_PLACEHOLDER.SLIDE_NUMBER: (_NUMBER, 10.0, "r", False),
            PP_PLACEHOLDER.BODY: (BODY, 18.0, "l", False),
            PP_PLACEHOLDER.DATE: (Box(WIDTH / 2, 6.95, 1.5, 0.3), 10.0, "l", False),
        }
        if kind not in places:
            return
        box, size, side, bold = places[kind]
        holder.left, holder.top, holder.width, holder.height = box.emu
        body = holder._element.txBody
        frame = body.find(qn("a:bodyPr"))
        for name in ("lIns", "rIns", "tIns", "bIns"):
            frame.set(name, "0")
        frame.set("anchor", "ctr" if kind in (PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER)
                  else "b" if cover and kind == PP_PLACEHOLDER.CENTER_TITLE else "t")  # fmt: skip
        styles = body.find(qn("a:lstStyle"))
        for child in list(styles):
            styles.remove(child)
        level = etree.SubElement(styles, qn("a:lvl1pPr"), algn=side, marL="0", indent="0")
        etree.SubElement(level, qn("a:buNone"))
        run = etree.SubElement(
            level, qn("a:defRPr"), sz=str(round(100 * size)), b="1" if bold else "0"
        )
        fill = etree.SubElement(run, qn("a:solidFill"))
        etree.SubElement(fill, qn("a:schemeClr"), val="tx1")


def fit_table(
    heads: list[str], rows: list[list[str]], numbers: Sequence[bool], wrapped: bool = False
) -> tuple[TableFit, int]:
    """Return how a table fits on slides, and how many rows each of them has room for."""
    largest = _CELL
    if rows_on_slide(largest) < len(rows) <= rows_on_slide(largest - 1):
        largest -= 1  # rather than a second slide with a row or two
    fit = TableFit.of(heads, rows, numbers, ROOM, (largest, _SMALLEST_CELL), wrapped=wrapped)
    return fit, int(BODY.height / fit.row - 1.75)


def rows_on_slide(size: float) -> int:
    """Return how many rows there is room for, below the head."""
    return int(BODY.height / row_height(size) - 1.75)


def describe(shape: Any, alt: str) -> None:
    """Give a picture, chart or table its alternative text."""
    shape._element.xpath(".//p:cNvPr")[0].set("descr", plain(alt))


def described(shape: Any) -> str:
    """Return the alternative text of a shape."""
    return str(shape._element.xpath(".//p:cNvPr")[0].get("descr", ""))


def _number_field(shape: Any, number: int) -> None:
    paragraph = shape.text_frame.paragraphs[0]._p
    for child in list(paragraph):
        paragraph.remove(child)
    field = etree.SubElement(
        paragraph, qn("a:fld"), id="{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}", type="slidenum"
    )
    etree.SubElement(field, qn("a:rPr"), lang="en-GB")
    etree.SubElement(field, qn("a:t")).text = str(number)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _lines(text: str) -> str:
    return "\n".join(
        "\t".join(plain(cell) for cell in line.split("\t")) for line in text.split("\n")
    )
