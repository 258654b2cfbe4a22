"""The figure of verdicts on slides: a few units on each, to be read from the last row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np

from skviz.figures.save import figure_bytes
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.sheets import figure_style
from skviz.figures.style.text import storable
from skviz.inference.verdicts import VERDICTS
from skviz.numbers import counted, listed, signed
from skviz.reports.document import FigurePart

MOST_UNITS = 4  # of a slide
_SIZE = (12.13, 6.8)  # inches: as wide as on the slide, so that letters keep their size


@dataclass(frozen=True)
class VerdictSlide:
    """A slide: its title, a PNG of `size` (inches, width and height), and what goes with it.

    `drawn` is what stands below the title.
    """

    title: str
    picture: bytes
    size: tuple[float, float]
    drawn: str
    alt: str
    notes: str


def verdict_slides(
    part: FigurePart, sentences: Mapping[str, str], style: str
) -> list[VerdictSlide]:
    """Return the slides of a figure of verdicts, whose display is a `VerdictRows`.

    `sentences` has per unit what was found, for the notes. Every slide has the same axis.
    """
    slides = []
    assert isinstance(part.display, VerdictRows)
    parts, drawn = part.display.parts(MOST_UNITS), part.display.short_caption(part.caption).shown
    for index, rows in enumerate(parts):
        # What the marks mean stands in the legend and the notes: a note would take their room.
        with figure_style(style), matplotlib.rc_context({"figure.figsize": _SIZE}):
            figure = rows.plot().figure_
            picture = figure_bytes(figure, "png")
        width, height = figure.get_size_inches()
        alt = _in_words(rows)
        found = [f"{name}: {sentences[name]}" for name in rows.units if name in sentences]
        title = part.title if index == 0 else f"{_range(rows)}: {_most(rows)}"
        if index == 0 and len(parts) > 1:
            title += f" (here {_range(rows)})"
        notes = "\n\n".join([part.caption.text, *(found or [alt])])
        size = (float(width), float(height))
        slides.append(VerdictSlide(title, picture, size, drawn, alt, notes))
    return slides


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
