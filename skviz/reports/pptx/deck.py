"""A report as a 16:9 deck of slides with native charts: one message per slide.

Needs python-pptx, which is the optional extra `skviz[pptx]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skviz.errors import UsageError
from skviz.files import AnyPath, check_output, write_bytes
from skviz.reports.document import Document, FigurePart, TablePart
from skviz.version import __version__

if TYPE_CHECKING:
    from skviz.figures.native import NativeChart
    from skviz.reports.pptx.slides import Deck

MOST_ROWS = 64  # of a table on slides; of a longer one they show the extremes
_MOST_PROPERTY = 255  # characters, as python-pptx wants it
_MOST_NOTED = 80  # rows of data in the notes
_GAP = 0.25  # inches between pictures
_ROW = 5  # pictures side by side


def write_pptx(
    document: Document,
    path: AnyPath,
    overwrite: bool = False,
    style: str = "default",
    command: str | None = None,
) -> list[Path]:
    """Write a report as a PowerPoint file and return its path in a list.

    Lines, bars and class curves are native charts, whose numbers can be edited; other figures
    are pictures. The notes of a slide have the caption and the numbers. `style` is a name for
    `figure_style`, of which the colours are taken: "dark" makes a dark deck. `command` goes into
    the properties of the file and the notes of its first slide.

    Raises `UsageError` without python-pptx and for an unknown style, and `OutputError`.
    """
    check_output(path, overwrite)
    _check_installed()
    return [write_bytes(path, deck_bytes(document, style, command), overwrite=overwrite)]


def deck_bytes(document: Document, style: str = "default", command: str | None = None) -> bytes:
    """Return what `write_pptx` writes."""
    from skviz.figures.metadata import version_line
    from skviz.figures.style.sheets import figure_style
    from skviz.reports.pptx.slides import Deck
    from skviz.reports.pptx.verdict_slides import sentences_of
    from skviz.reports.words import plain, with_names

    document = with_names(document)
    weights = dict(document.facts).get("Weights", "unknown")
    with figure_style(style or "default"):
        deck = Deck.new(f"{document.title} · weights: {weights} · skviz {__version__}")
        _cover(deck, document, command)
        sentences = sentences_of(document.tables)
        for figure in document.figures:
            _figure(deck, figure, style or "default", sentences)
        for table in document.tables:
            if not table.prose:  # sentences stand in the notes
                _table(deck, table)
        core = deck.presentation.core_properties
        core.title = plain(document.title)[:_MOST_PROPERTY]
        core.author = f"skviz {__version__}"
        core.subject = "Attention of a network with selective kernels"
        core.comments = plain(f"Command: {command}" if command else "")[:_MOST_PROPERTY]
        core.keywords = version_line()[:_MOST_PROPERTY]
        return deck.save()


def _check_installed() -> None:
    if find_spec("pptx") is None:
        raise UsageError(
            "slides need the package python-pptx, which is not installed; install it with"
            " pip install 'skviz[pptx]', or choose another ending: .html, .pdf or a folder"
        )


def _cover(deck: Deck, document: Document, command: str | None) -> None:
    from skviz.figures.style.palette import WARNING_COLOUR
    from skviz.reports.pptx.charts import Box
    from skviz.reports.pptx.slides import BODY, MARGIN, ROOM, describe, fit_table
    from skviz.reports.pptx.table_fit import TableFit
    from skviz.reports.words import fitted, plain

    facts = [*document.facts, *([("Command of these slides", command)] if command else [])]
    notes = "\n".join([*(f"{word}: {what}" for word, what in facts), *document.notes])
    slide = deck.cover(document.title, f"skviz {__version__}", notes)
    rows = [[plain(word), plain(what)] for word, what in document.facts]
    lines = [fitted(note, 72 * ROOM, 14) for note in document.notes]
    room = BODY.height - 0.3 * len(lines)
    if rows:
        fit, _ = fit_table(rows[0], rows[1:], (False, False))
        rows = rows[: int(room / fit.row)]
        # The first column is narrow: what is cut is the long value, never its name.
        heads = tuple((what,) for what in rows[0])
        fit = TableFit(fit.size, (2.6, ROOM - 2.6), heads, (False, False), True)
        frame = deck.table(slide, rows[1:], fit, top=2.1)
        for row in frame.table.rows:
            row.cells[0].text_frame.paragraphs[0].runs[0].font.bold = True
        describe(frame, f"Facts: {'; '.join(f'{word}: {what}' for word, what in rows)}")
    if lines:
        box = Box(MARGIN, 7.1 - 0.27 * len(lines), ROOM, 0.27 * len(lines))
        deck.text(slide, "\n".join(lines), box, 14, colour=WARNING_COLOUR, bold=True)


def _figure(deck: Deck, part: FigurePart, style: str, sentences: Mapping[str, str]) -> None:
    from skviz.figures.attention.thumbnails import Thumbnails
    from skviz.figures.studies.verdicts import VerdictRows

    if isinstance(part.display, Thumbnails):
        _pictures(deck, part, part.display)
        return
    if isinstance(part.display, VerdictRows):
        _verdicts(deck, part, style, sentences)
        return
    charts = part.display.native_charts(part.caption)
    for chart in charts:
        _chart(deck, part, chart, part.title if len(charts) == 1 else chart.caption.title)
    if not charts:
        _drawing(deck, part, style)


def _chart(deck: Deck, part: FigurePart, chart: NativeChart, title: str) -> None:
    from skviz.reports.pptx.charts import add_chart
    from skviz.reports.pptx.slides import BODY, describe

    notes, alt = [part.caption.text, chart.caption.alt], chart.caption.alt
    if chart.numbers and chart.numbers.splitlines()[-1] not in alt:
        notes.append(chart.numbers)
    if chart.values.size <= _MOST_NOTED:
        notes.append(_numbers(chart))
    slide = deck.slide(title, chart.caption.shown, "\n\n".join(notes))
    describe(add_chart(slide, chart, BODY, deck.look), alt)


def _numbers(chart: NativeChart) -> str:
    """Return the values of a chart as lines with tabs, which paste into a spreadsheet."""
    from skviz.scales import scale_labels

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
        rows.append("\t".join([name, *(f"{value:.6g}" for value in values)]))
    return "\n".join(rows)


def _drawing(deck: Deck, part: FigurePart, style: str) -> None:
    """Add what has no native chart as a picture, drawn for a slide."""
    from skviz.figures.save import figure_bytes
    from skviz.figures.style.sheets import figure_style
    from skviz.reports.pptx.slides import BODY

    drawn = _for_talk(style)
    figure = part.draw(drawn)
    with figure_style(drawn):
        data = figure_bytes(figure, "png")
    width, height = figure.get_size_inches()
    slide = deck.slide(part.title, part.caption.shown, f"{part.caption.text}\n\n{part.caption.alt}")
    deck.picture(slide, data, (width, height), BODY, part.caption.alt)


def _for_talk(style: str) -> str:
    names = [name for name in style.split(",") if name.strip() != "default"]
    return ",".join(["talk", *names])


def _verdicts(deck: Deck, part: FigurePart, style: str, sentences: Mapping[str, str]) -> None:
    """Add the rows of verdicts a few at a time; the notes have what was found, in words."""
    from skviz.reports.pptx.slides import BODY
    from skviz.reports.pptx.verdict_slides import verdict_slides

    for shown in verdict_slides(part, sentences, _for_talk(style)):
        slide = deck.slide(shown.title, shown.drawn, shown.notes)
        deck.picture(slide, shown.picture, shown.size, BODY, shown.alt)


def _pictures(deck: Deck, part: FigurePart, views: Any) -> None:
    """Add the enlarged views as pictures of their own, each with its scale and its class."""
    import io

    from PIL import Image

    from skviz.reports.pptx.charts import Box
    from skviz.reports.pptx.slides import BODY
    from skviz.reports.words import fitted, plain

    slide = deck.slide(part.title, part.caption.shown, f"{part.caption.text}\n\n{part.caption.alt}")
    count = len(views.images)
    columns = min(count, _ROW)
    rows = -(-count // columns)
    text = 0.35 + (0.55 if views.captions else 0)
    width = (BODY.width - (columns - 1) * _GAP) / columns
    height = BODY.height / rows - text
    side = min(width, height * views.images.shape[2] / views.images.shape[1])
    left = BODY.left + (BODY.width - columns * side - (columns - 1) * _GAP) / 2
    for index, (label, colour) in enumerate(deck.scale_names(views.scales)):
        x = left + index % columns * (side + _GAP)
        y = BODY.top + index // columns * (BODY.height / rows)
        deck.text(slide, label, Box(x, y, side, 0.3), 16, colour=colour, bold=True, centred=True)
        buffer = io.BytesIO()
        Image.fromarray(views.images[index]).save(buffer, format="PNG")
        tall = side * views.images.shape[1] / views.images.shape[2]
        caption = plain(views.captions[index]) if views.captions else ""
        seen = f": the network sees {caption}" if caption else ""
        frame = deck.picture(
            slide, buffer.getvalue(), (side, tall), Box(x, y + 0.35, side, tall),
            f"The image at {label}{seen}",
        )  # fmt: skip
        _outline(frame, colour)
        cut = fitted(caption, 1.6 * 72 * side, 12)
        deck.text(slide, cut, Box(x, y + 0.4 + tall, side, 0.5), 12, centred=True)


def _outline(frame: Any, colour: str) -> None:
    from pptx.util import Pt

    from skviz.reports.pptx.charts import rgb

    frame.line.color.rgb = rgb(colour)
    frame.line.width = Pt(3)


def _table(deck: Deck, part: TablePart) -> None:
    from skviz.reports.pptx.slides import describe, fit_table
    from skviz.reports.words import plain

    brief = part.in_brief()
    whole, rows = part.cells(), brief.cells()
    title, chosen = part.title, extreme_rows(part)
    if len(chosen) < len(rows):
        title = f"{title}: the extremes, {len(chosen)} of {len(rows):,} rows"
        whole, rows = ([cells[index] for index in chosen] for cells in (whole, rows))
    heads, rows = list(map(plain, brief.table.heads)), [list(map(plain, row)) for row in rows]
    fit, most = fit_table(heads, rows, brief.table.right, wrapped=bool(part.brief))
    slides = max(1, -(-len(rows) // most))
    each = -(-len(rows) // slides) if rows else 1
    for number in range(slides):
        shown = rows[number * each : (number + 1) * each]
        words = f"{title} ({number + 1} of {slides})" if slides > 1 else title
        noted = whole[number * each : (number + 1) * each]
        lines = ["\t".join(row) for row in [part.table.heads, *noted]]
        notes = f"{part.caption.text}\n\n" + "\n".join(lines)
        slide = deck.slide(words, brief.caption.shown, notes)
        frame = deck.table(slide, shown, fit)
        describe(frame, f"{part.caption.alt} Here: rows {number * each + 1} to"
                 f" {number * each + len(shown)}.")  # fmt: skip


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
