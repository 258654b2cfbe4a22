"""The figure of verdicts on slides: a few units on each, to be read from the last row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import matplotlib
import numpy as np

from skviz.figures.save import figure_bytes
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.sheets import figure_style
from skviz.figures.style.text import storable
from skviz.inference.verdicts import VERDICTS
from skviz.numbers import counted, listed, signed
from skviz.reports.document import FigurePart
from skviz.reports.pptx.slides import Deck
from skviz.reports.words import style_over

MOST_UNITS = 4  # of a slide
_SIZE = (12.13, 6.8)  # inches: as wide as on the slide, so that letters keep their size


def verdict_slides(
    deck: Deck, part: FigurePart, sentences: Mapping[str, str], style: str, title: str = ""
) -> None:
    """Add the slides of a figure of verdicts, whose display is a `VerdictRows`.

    `sentences` has per unit what was found, for the notes. Every slide has the same axis. `title`
    stands above the first, in place of the figure's.
    """
    assert isinstance(part.display, VerdictRows)
    parts = part.display.parts(MOST_UNITS)
    for index, rows in enumerate(parts):
        # What the marks mean stands in the legend and the notes: a note would take their room.
        with (
            figure_style(style_over("talk", style)),
            matplotlib.rc_context({"figure.figsize": _SIZE}),
        ):
            figure = rows.plot().figure_
            picture = figure_bytes(figure, "png")
        alt = _in_words(rows)
        found = [f"{name}: {sentences[name]}" for name in rows.units if name in sentences]
        words = (title or part.title) if index == 0 else f"{_range(rows)}: {_most(rows)}"
        if index == 0 and len(parts) > 1:
            words += f" (here {_range(rows)})"
        slide = deck.slide(words, (), "\n\n".join([part.caption.text, *(found or [alt])]))
        width, height = figure.get_size_inches()
        deck.picture(slide, picture, (width, height), deck.page.whole, alt)


def _range(rows: VerdictRows) -> str:
    first, last = storable(rows.units[0]), storable(rows.units[-1])
    return first if first == last else f"{first} to {last}"


def _most(rows: VerdictRows) -> str:
    """Return the message of some units: where the claim holds, or what most of them do."""
    larger = VERDICTS["larger"]
    held = [
        storable(unit)
        for unit, verdict in zip(rows.units, rows.verdicts, strict=True)
        if verdict == larger
    ]
    if held:
        return f"{larger} in {listed(held)}"
    verdict, count = Counter(rows.verdicts).most_common(1)[0]
    if len(rows.units) == 1:
        return verdict
    return f"{verdict} ({count} of {counted(len(rows.units), 'unit')})"


def _in_words(rows: VerdictRows) -> str:
    """Say what is to be seen of every unit, with the numbers."""
    said = [f"Rows of marks for {counted(len(rows.units), 'unit')}."]
    for index, unit in enumerate(rows.units):
        marks = [
            f"{label} {signed(mean)} ({signed(low)} to {signed(high)})"
            for label, (mean, low, high) in zip(rows.labels, rows.values[:, index], strict=True)
            if not np.isnan(mean)
        ]
        said.append(f"{storable(unit)}: {', '.join([*marks, rows.verdicts[index]])}.")
    return " ".join(said)
