"""Figures and tables of a document as slides: native charts, pictures, native tables."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import numpy as np
from PIL import Image
from pptx.util import Pt

from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.caption import Caption
from skviz.figures.native import NativeChart
from skviz.figures.save import figure_bytes
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.sheets import figure_style
from skviz.numbers import count, significant
from skviz.reports.document import FigurePart, TablePart
from skviz.reports.pptx.charts import add_chart, rgb
from skviz.reports.pptx.geometry import Box
from skviz.reports.pptx.slides import Deck, describe
from skviz.reports.pptx.table_fit import TableFit
from skviz.reports.pptx.verdict_slides import verdict_slides
from skviz.reports.words import fitted, plain, style_over
from skviz.scales import scale_labels

MOST_ROWS = 64  # of a table on slides; of a longer one they show the extremes
_MOST_NOTED = 80  # rows of data in the notes
_GAP = 0.25  # inches between pictures
_ROW = 5  # pictures side by side
_LABEL, _SEEN = 18.0, 14.0  # points above and below a picture


def sentences_below(caption: Caption) -> tuple[str, ...]:
    """Return what stands below a chart, where the foot names network and weights."""
    return (*caption.drawn, *caption.details)


def figure_slides(
    deck: Deck, part: FigurePart, style: str, sentences: Mapping[str, str], shown: Set[str]
) -> None:
    """Add the slides of a figure, but for charts whose titles are among those `shown`.

    `sentences` has what was found per unit, for the notes.
    """
    if isinstance(part.display, Thumbnails):
        pictures_slide(deck, part)
        return
    if isinstance(part.display, VerdictRows):
        verdict_slides(deck, part, sentences, style)
        return
    charts = part.display.native_charts(part.caption)
    for chart in charts:
        title = part.title if len(charts) == 1 else chart.caption.title
        if title not in shown:
            notes = "\n\n".join([part.caption.text, *chart_notes(chart)])
            slide = deck.slide(title, sentences_below(chart.caption), notes)
            put_chart(deck, slide, chart, deck.page.body)
    if not charts:
        drawing_slide(deck, part, style)


def put_chart(deck: Deck, slide: Any, chart: NativeChart, box: Box) -> None:
    """Put a chart into a box of a slide, with its alternative text."""
    describe(add_chart(slide, chart, box, deck.look), chart.caption.alt)


def chart_notes(chart: NativeChart) -> list[str]:
    """Return what the notes have of a chart: its alternative text and its numbers."""
    notes = [chart.caption.alt]
    if chart.numbers and chart.numbers.splitlines()[-1] not in chart.caption.alt:
        notes.append(chart.numbers)
    if chart.values.size <= _MOST_NOTED:
        notes.append(_numbers(chart))
    return notes


def _numbers(chart: NativeChart) -> str:
    """Return the values of a chart as lines with tabs, which paste into a spreadsheet."""
    labels = scale_labels(chart.scales)
    heads = [chart.x_title, *labels]
    if chart.errors is not None:
        heads += [f"{label} deviation" for label in labels]
    rows = ["\t".join(heads)]
    for index, x in enumerate(chart.x):
        values = [*chart.values[:, index]]
        if chart.errors is not None:
            values += [*chart.errors[:, index]]
        name = x if isinstance(x, str) else f"{x:g}"
        rows.append("\t".join([name, *(f"{significant(value, 6)}" for value in values)]))
    return "\n".join(rows)


def drawing_slide(deck: Deck, part: FigurePart, style: str) -> None:
    """Add what has no native chart as a picture, drawn for a slide."""
    drawn = style_over("talk", style)
    figure = part.draw(drawn)
    with figure_style(drawn):
        data = figure_bytes(figure, "png")
    slide = _slide_of(deck, part)
    width, height = figure.get_size_inches()
    deck.picture(slide, data, (width, height), deck.page.body, part.caption.alt)


def pictures_slide(deck: Deck, part: FigurePart) -> None:
    """Add the enlarged views as pictures of their own, each with its scale and its class."""
    assert isinstance(part.display, Thumbnails)
    put_pictures(deck, _slide_of(deck, part), part.display, deck.page.body, _ROW)


def _slide_of(deck: Deck, part: FigurePart) -> Any:
    notes = f"{part.caption.text}\n\n{part.caption.alt}"
    return deck.slide(part.title, sentences_below(part.caption), notes)


def put_pictures(
    deck: Deck, slide: Any, views: Thumbnails, box: Box, across: int, some: Sequence[int] = ()
) -> None:
    """Put views, all of them or `some`, into a box of a slide, so many side by side.

    Each has a frame in the colour of its scale.
    """
    shown = some or range(len(views.images))
    count = len(shown)
    columns = min(count, across)
    rows = -(-count // columns)
    text = 0.35 + (0.6 if views.captions else 0)
    shape = views.images.shape[2] / views.images.shape[1]
    width = (box.width - (columns - 1) * _GAP) / columns
    side = min(width, (box.height / rows - text) * shape)
    left = box.left + (box.width - columns * side - (columns - 1) * _GAP) / 2
    styles = deck.scale_names(views.scales)  # the colour of a scale is its own, however few show
    for index, row in enumerate(shown):
        label, colour = styles[row]
        x = left + index % columns * (side + _GAP)
        y = box.top + index // columns * (box.height / rows)
        head = Box(x, y, side, 0.3)
        deck.text(slide, label, head, _LABEL, colour=colour, bold=True, centred=True)
        tall = side / shape
        caption = plain(views.captions[row]) if views.captions else ""
        seen = f": the network sees {caption}" if caption else ""
        buffer = io.BytesIO()
        Image.fromarray(views.images[row]).save(buffer, format="PNG")
        frame = deck.picture(
            slide, buffer.getvalue(), (shape, 1.0), Box(x, y + 0.35, side, tall),
            f"The image at {label}{seen}",
        )  # fmt: skip
        frame.line.color.rgb, frame.line.width = rgb(colour), Pt(3)
        if caption:
            cut = fitted(caption, 1.7 * 72 * side, _SEEN)
            deck.text(slide, cut, Box(x, y + 0.42 + tall, side, 0.5), _SEEN, centred=True)


def table_slides(deck: Deck, part: TablePart) -> None:
    """Add a table on as many slides as its rows and columns need."""
    brief = part.in_brief()
    whole, rows = part.table.cells, brief.table.cells
    title, chosen = part.title, extreme_rows(part)
    if len(chosen) < len(rows):
        title = f"{title}: the extremes, {len(chosen)} of {count(len(rows))} rows"
        whole, rows = ([cells[index] for index in chosen] for cells in (whole, rows))
    heads, rows = list(map(plain, brief.table.heads)), [list(map(plain, row)) for row in rows]

    def some(columns: list[int]) -> tuple[TableFit, list[list[str]]]:
        cells = [[row[column] for column in columns] for row in rows]
        names, sides = [heads[c] for c in columns], [brief.table.right[c] for c in columns]
        return deck.fit_table(names, cells, sides, wrapped=bool(part.brief)), cells

    pages = []
    for columns in _column_groups(len(heads), lambda columns: some(columns)[0].whole):
        fit, cells = some(columns)
        counts = [max(map(len, map(fit.cell, row, range(len(row))))) for row in cells]
        room = deck.page.body.height - fit.head_row
        pages += [(fit, cells, *ends) for ends in _slides([fit.row_of(n) for n in counts], room)]
    for number, (fit, cells, first, last) in enumerate(pages, 1):
        words = f"{title} ({number} of {len(pages)})" if len(pages) > 1 else title
        shown = cells[first:last]
        lines = ["\t".join(row) for row in [part.table.heads, *whole[first:last]]]
        notes = f"{part.caption.text}\n\n" + "\n".join(lines)
        slide = deck.slide(words, sentences_below(brief.caption), notes)
        alt = f"{part.caption.alt} Here: rows {first + 1} to {first + len(shown)}."
        describe(deck.table(slide, shown, fit), alt)


def _column_groups(count: int, fits: Callable[[list[int]], bool]) -> list[list[int]]:
    """Return which columns stand together: all, or as many as fit whole beside the first.

    A number is never cut, and no letter is smaller than can be read from the last row.
    """
    left, groups = list(range(1, count)), []
    while left:
        count = len(left)
        while count > 1 and not fits([0, *left[:count]]):
            count -= 1
        if 0 < len(left) - count < count and len(left) > count + 1:
            count = -(-len(left) // -(-len(left) // count))  # about as many on each
        groups.append([0, *left[:count]])
        left = left[count:]
    return groups or [[0]]


def _slides(heights: Sequence[float], room: float) -> list[tuple[int, int]]:
    """Return from which to which row each slide goes: as few slides as will do, about as full."""
    least = len(_filled(heights, room))
    step = max(heights, default=room)
    while room > step and len(_filled(heights, room - step / 4)) == least:
        room -= step / 4
    return _filled(heights, room)


def _filled(heights: Sequence[float], room: float) -> list[tuple[int, int]]:
    ends, used = [0], 0.0
    for index, height in enumerate(heights):
        if used + height > room and index > ends[-1]:
            ends.append(index)
            used = 0.0
        used += height
    return list(zip(ends, [*ends[1:], len(heights)], strict=True))


def extreme_rows(part: TablePart, most: int = MOST_ROWS) -> Sequence[int]:
    """Return the rows that a slide deck shows: all, or of a long table the extremes.

    Those are the rows with the largest and the smallest values in the last column of changes
    or other signed numbers; without such a column, the first rows.
    """
    frame = part.frame
    if len(frame) <= most:
        return range(len(frame))
    signed = [name for name in frame.columns if part.formats.get(str(name)) == "signed"]
    if not signed:
        return range(12)
    values = frame[signed[-1]].to_numpy(np.float64)
    order = np.argsort(-values, kind="stable")[: np.count_nonzero(~np.isnan(values))]
    return [int(index) for index in (*order[:6], *order[max(6, len(order) - 6) :])]
