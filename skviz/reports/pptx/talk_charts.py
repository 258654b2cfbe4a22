"""The slides of a talk that show charts and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.paper_figures import paper_caption, paper_display
from skviz.figures.studies.verdicts import VerdictRows
from skviz.quantities import DIFFERENCE
from skviz.reports.document import FigurePart
from skviz.reports.pptx import talk_words as words
from skviz.reports.pptx.parts import (
    chart_notes,
    drawing_slide,
    pictures_slide,
    put_chart,
    put_pictures,
    sentences_below,
)
from skviz.reports.pptx.talk import Talk, row_of
from skviz.reports.pptx.verdict_slides import MOST_UNITS, verdict_slides
from skviz.reports.words import plain

_HEAD = 0.45  # inches above a chart, for whose it is
MOST_IMAGES = 5  # with a slide of their own
_PICTURE = 2.6  # inches, of the views beside the bars
_NARROW = 0.3  # of a slide, beside words


def reading(talk: Talk, part: FigurePart, bars: UnitBars) -> set[str]:
    """Add how to read the figures, with one unit of the report as the example."""
    lines = talk.part(ChannelLines)
    row = row_of(lines[1].unit if lines else "", bars.units)
    example = replace(
        bars, units=bars.units[row : row + 1], values=bars.values[row : row + 1],
        errors=None if bars.errors is None else bars.errors[row : row + 1],
        null=None, change=None if bars.change is None else bars.change[row : row + 1],
    )  # fmt: skip
    caption = example.caption(part.caption.provenance) if part.caption.provenance else part.caption
    paragraphs = words.how_to_read(example)
    notes = "\n\n".join([words.as_notes(paragraphs), caption.text, caption.alt])
    slide = talk.deck.slide("How to read the figures", (), notes)
    text, side = talk.deck.page.whole.columns(1 - _NARROW, _NARROW)
    talk.deck.prose(slide, paragraphs, text)
    (chart,) = example.native_charts(caption)
    put_chart(talk.deck, slide, chart, side)
    return set()


def pictures(talk: Talk, part: FigurePart, _: Thumbnails) -> set[str]:
    """Add the views of one image; of several, they stand beside their bars."""
    if len(talk.document.images) > 1:
        return set()
    pictures_slide(talk.deck, part)
    return {part.name}


def figure3(talk: Talk) -> set[str]:
    """Add lines and bars as the paper has them; of several images, a slide for each."""
    images = talk.document.images
    if len(images) > 1:
        shown: set[str] = set()
        for image in images[:MOST_IMAGES]:
            shown |= _image(talk, image.figures)
        return shown
    lines, bars = talk.part(ChannelLines), talk.part(UnitBars)
    if lines is None and bars is None:
        return set()
    parts = [found[0] for found in (lines, bars) if found is not None]
    charts = [chart for part in parts for chart in part.display.native_charts(part.caption)]
    if len(charts) < len(parts):  # of many dots there is only a picture
        for part in parts:
            drawing_slide(talk.deck, part, talk.style)
        return {part.name for part in parts}
    _beside(talk, parts[-1].title, charts, [part.caption.text for part in parts])
    return {part.name for part in parts}


def _beside(
    talk: Talk, title: str, charts: Sequence[NativeChart], captions: Iterable[str],
    heads: Sequence[str] = (), below: Sequence[str] | None = None,
) -> None:  # fmt: skip
    """Add a slide of charts side by side, each below the words of what it shows."""
    notes = [*captions, *(note for chart in charts for note in chart_notes(chart))]
    if below is None:
        below = list(dict.fromkeys(s for c in charts for s in sentences_below(c.caption)))
    slide = talk.deck.slide(title, below, "\n\n".join(notes))
    boxes = talk.deck.page.body.columns(*[1.0] * len(charts))
    for index, (chart, box) in enumerate(zip(charts, boxes, strict=True)):
        if heads:
            strip = replace(box, height=_HEAD)
            talk.deck.text(slide, plain(heads[index]), strip, 18, bold=True)
            box = box.below(_HEAD)
        put_chart(talk.deck, slide, chart, box)


def _image(talk: Talk, figures: Sequence[FigurePart]) -> set[str]:
    """Add the views of one of several images beside its bars."""
    parts = {type(part.display): part for part in talk.document.figures
             if part.name in {figure.name for figure in figures}}  # fmt: skip
    bars, views = parts[UnitBars], parts.get(Thumbnails)
    charts = bars.display.native_charts(bars.caption)
    notes = "\n\n".join([bars.caption.text, *(note for c in charts for note in chart_notes(c))])
    slide = talk.deck.slide(bars.title, sentences_below(bars.caption), notes)
    body = talk.deck.page.body
    if views is not None:
        assert isinstance(views.display, Thumbnails)
        side, body = body.columns(_PICTURE, body.width - _PICTURE)
        ends = sorted({0, len(views.display.images) - 1})
        bare = replace(views.display, captions=None)
        put_pictures(talk.deck, slide, bare, side, 1, ends)
    for chart, box in zip(charts, body.columns(*[1.0] * len(charts)), strict=True):
        put_chart(talk.deck, slide, chart, box)
    return {bars.name}


def paper(talk: Talk, part: FigurePart, bars: UnitBars) -> set[str]:
    """Add the bars of the paper beside those of the report, on the same axis."""
    if not bars.quantity.startswith(DIFFERENCE.label):
        return set()
    figure = "3a" if talk.document.images else "3c"
    display = paper_display(figure)
    paper = display if isinstance(display, UnitBars) else display.bars  # type: ignore[attr-defined]
    caption = paper_caption(figure, paper)
    charts = [*paper.native_charts(caption), *bars.native_charts(part.caption)]
    if len(charts) != 2:
        return set()
    spread = [np.zeros_like(b.values) if b.errors is None else b.errors for b in (paper, bars)]
    ticks = ticks_of(
        np.concatenate([paper.values.ravel(), bars.values.ravel()])[None],
        np.concatenate([s.ravel() for s in spread])[None],
        0.0,
    )
    charts = [replace(chart, y_title=DIFFERENCE.label, ticks=ticks) for chart in charts]
    below = [
        f"Left: values read from figure 3 ({figure[1]}) of Li, Wang, Hu, Yang: Selective Kernel"
        " Networks, CVPR 2019.",
        "Both axes are the same.",
    ]
    about = part.caption.provenance
    here = about.image if about and about.image else talk.document.title
    heads = [words.PAPER_HEAD[figure], f"Here: {here}"]
    title = words.paper_title(paper, bars)
    _beside(talk, title, charts, [caption.text, part.caption.text], heads, below)
    return set()


def units(talk: Talk, part: FigurePart, depth: DepthLines) -> set[str]:
    """Add all units along depth."""
    bars = talk.part(UnitBars)
    if bars and bars[0].title == part.title:  # of a network of as many units as stages
        title = f"Along depth: {part.title[:1].lower()}{part.title[1:]}"
        part = replace(part, title=title)
    charts = depth.native_charts(part.caption)
    if charts:
        _beside(talk, part.title, charts, [part.caption.text])
    else:
        drawing_slide(talk.deck, part, talk.style)
    return {part.name}


def classes(talk: Talk, part: FigurePart, curves: ClassCurves) -> set[str]:
    """Add the classes of one unit: that of the lines, or else the last one drawn."""
    lines = talk.part(ChannelLines)
    charts = curves.native_charts(part.caption)
    if not charts:
        drawing_slide(talk.deck, part, talk.style)
        return {part.name}
    chart = charts[row_of(lines[1].unit if lines else "", curves.units)]
    _beside(talk, chart.caption.title, [chart], [part.caption.text])
    return {chart.caption.title}  # the other units are left for the appendix


def controls(talk: Talk, part: FigurePart, rows: VerdictRows) -> set[str]:
    """Add the rows of verdicts of a few units, those of the bars first."""
    bars = talk.part(UnitBars)
    first = [row_of(unit, rows.units) for unit in (bars[1].units if bars else ())]
    kept = sorted([*dict.fromkeys([*first, *range(len(rows.units))])][:MOST_UNITS])
    some = replace(
        rows.parts(len(rows.units))[0],
        values=rows.values[:, kept],
        units=tuple(rows.units[index] for index in kept),
        verdicts=tuple(rows.verdicts[index] for index in kept),
        null=None if rows.null is None else rows.null[kept],
    )
    part, title = replace(part, display=some), words.controls_title(some)
    verdict_slides(talk.deck, part, talk.sentences(), talk.style, title)
    return {part.name} if len(kept) == len(rows.units) else set()
