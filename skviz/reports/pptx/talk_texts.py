"""The slides of a talk that say something in words: cover, verdict, limits, provenance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.metadata import version_line
from skviz.figures.runs.depth import DepthLines
from skviz.figures.studies.verdicts import VerdictRows
from skviz.reports.document import FigurePart
from skviz.reports.pptx import talk_words as words
from skviz.reports.pptx.geometry import Box
from skviz.reports.pptx.parts import put_pictures
from skviz.reports.pptx.slides import Deck, describe
from skviz.reports.pptx.table_fit import TableFit
from skviz.reports.pptx.talk import Talk
from skviz.reports.pptx.talk_charts import MOST_IMAGES
from skviz.reports.words import plain

_SMALLEST = 14.0  # points of a fact
_STRETCH = 1.8


def question(talk: Talk) -> set[str]:
    """Add the cover: what is asked, and of which network."""
    deck, document = talk.deck, talk.document
    notes = "\n".join([*(f"{word}: {what}" for word, what in talk.facts), *document.notes])
    slide = deck.cover(document.title, words.QUESTION, notes)
    if deck.template.own:  # its cover is laid out by whoever made it
        return set()
    rows = [[plain(word), plain(what)] for word, what in document.facts if word in words.LEAD]
    body = deck.page.body.below(1.25)
    found = talk.part(Thumbnails)
    if found and len(document.images) == 1:
        body, side = body.columns(0.62, 0.38)
        views = found[1]
        put_pictures(deck, slide, replace(views, captions=None), side, 1, [0])
    if rows:
        _facts(deck, slide, rows, body, 20.0)
    return set()


def _facts(deck: Deck, slide: object, rows: list[list[str]], box: Box, size: float) -> None:
    """Add a table of words and what they are; long values take further lines."""
    first = min(3.2, 0.32 * box.width)
    widths = (first, box.width - first)
    while True:
        fit = TableFit(size, widths, tuple((what,) for what in rows[0]), (False, False), True, 3)
        heights = [fit.row_of(max(len(fit.cell(cell, n)) for n, cell in enumerate(row)))
                   for row in rows[1:]]  # fmt: skip
        if size <= _SMALLEST or fit.head_row + sum(heights) <= box.height:
            break
        size -= 1
    while len(rows) > 1 and fit.head_row + sum(heights) > box.height:
        rows, heights = rows[:-1], heights[:-1]  # the notes have them all
    frame = deck.table(slide, rows[1:], fit, box)
    # A short table is set wider, so that it fills its place.
    stretch = min(_STRETCH, box.height / (fit.head_row + sum(heights)))
    for row in frame.table.rows:
        row.height = round(stretch * row.height)
        for cell, bold in zip(row.cells, (True, False), strict=True):
            for paragraph in cell.text_frame.paragraphs:
                for run in paragraph.runs:
                    run.font.bold = bold
    describe(frame, f"Facts: {'; '.join(f'{word}: {what}' for word, what in rows)}")


def verdict(talk: Talk) -> set[str]:
    """Add what may be said: with controls the verdicts, without them the changes."""
    found = talk.part(VerdictRows)
    bars: tuple[FigurePart, DepthLines | UnitBars] | None
    bars = talk.part(DepthLines) or talk.part(UnitBars)
    if found is not None:
        title, paragraphs = words.verdicts(found[1])
        more = [f"{name}: {text}" for name, text in talk.sentences().items()]
    elif bars is not None and bars[1].change is not None and not talk.document.images:
        title, paragraphs = words.changes(bars[1])
        more = []
    else:
        return set()
    _prose_slide(talk, title, paragraphs, more)
    return set()


def limits(talk: Talk) -> set[str]:
    """Add what these numbers do not say."""
    bars, document = talk.part(UnitBars), talk.document
    about = bars[0].caption.provenance if bars else None
    paragraphs = words.limits(document, about, controls=talk.part(VerdictRows) is not None)
    left = document.images[MOST_IMAGES:]
    if left:
        names = ", ".join(image.title for image in left)
        paragraphs.insert(0, ("Not shown.", f"{len(left)} more images: {names}."))
    _prose_slide(talk, "What this does not show", paragraphs, document.notes)
    return set()


def _prose_slide(
    talk: Talk, title: str, paragraphs: Sequence[tuple[str, str]], more: Sequence[str]
) -> None:
    slide = talk.deck.slide(title, (), "\n\n".join([words.as_notes(paragraphs), *more]))
    talk.deck.prose(slide, paragraphs, talk.deck.page.whole)


def provenance(talk: Talk) -> set[str]:
    """Add what the numbers were made from and with."""
    notes = "\n".join(f"{word}: {what}" for word, what in talk.facts)
    slide = talk.deck.slide("Where these numbers come from", (), notes)
    facts = talk.facts
    if "Versions" not in dict(facts):
        facts.append(("Versions", version_line()))
    facts.append(("Method", words.METHOD))
    rows = [[plain(word), _breakable(plain(what))] for word, what in facts]
    if rows:
        _facts(talk.deck, slide, rows, talk.deck.page.whole, 18.0)
    return set()


def _breakable(what: str) -> str:
    """Return a value in which a digest, which has no place to break, stands on two lines."""
    return re.sub(r"\b[0-9a-f]{32}(?=[0-9a-f]{8})", r"\g<0> ", what)
