"""The order of a talk: at most ten slides, one message each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from skviz.errors import UsageError, did_you_mean
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.display import Display
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.studies.verdicts import VerdictRows
from skviz.reports.pptx import talk_charts, talk_texts
from skviz.reports.pptx.talk import Talk

# What adds a section's slides, and the figure that it is about: it gets the first of the report,
# and without one there is no such section.
SECTIONS: Mapping[str, tuple[Callable[..., set[str]], type[Display] | None]] = {
    "question": (talk_texts.question, None),
    "reading": (talk_charts.reading, UnitBars),
    "pictures": (talk_charts.pictures, Thumbnails),
    "figure3": (talk_charts.figure3, None),
    "paper": (talk_charts.paper, UnitBars),
    "units": (talk_charts.units, DepthLines),
    "classes": (talk_charts.classes, ClassCurves),
    "controls": (talk_charts.controls, VerdictRows),
    "verdict": (talk_texts.verdict, None),
    "limits": (talk_texts.limits, None),
    "provenance": (talk_texts.provenance, None),
}
# Why a report may have nothing for a section.
_WHY_NOT = {
    "controls": ", which needs `skviz controls`",
    "verdict": ", which needs a run of several images",
    "pictures": ", which shows a single image",
    "classes": ", which needs images of several classes",
}


def add_talk(talk: Talk, sections: Sequence[str] = ()) -> set[str]:
    """Add the slides of the sections, all of them by default; return what they show.

    That is names of figures, and titles of charts of figures that are not shown as a whole.

    Raises `UsageError` for an unknown section, and for one that the document has nothing for.
    """
    check_sections(sections)
    shown: set[str] = set()
    for name in sections or SECTIONS:
        before = len(talk.deck.presentation.slides)
        add, kind = SECTIONS[name]
        found = () if kind is None else talk.part(kind)
        if found is not None:
            shown |= add(talk, *found)
        if sections and len(talk.deck.presentation.slides) == before:
            raise UsageError(
                f"this report has nothing for the section '{name}'{_WHY_NOT.get(name, '')};"
                " leave it out of --sections"
            )
    return shown


def check_sections(sections: Sequence[str]) -> None:
    """Raise `UsageError` for an unknown section."""
    for name in sections:
        if name not in SECTIONS:
            hint = did_you_mean(name, list(SECTIONS))
            raise UsageError(f"expected sections out of {', '.join(SECTIONS)}, got '{name}'.{hint}")
