"""The order of a talk: at most ten slides, one message each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from skviz.errors import UsageError, did_you_mean
from skviz.reports.pptx import talk_charts, talk_texts, talk_words as words
from skviz.reports.pptx.talk import Talk

SECTIONS: Mapping[str, Callable[[Talk], set[str]]] = {
    "question": talk_texts.question,
    "reading": talk_charts.reading,
    "pictures": talk_charts.pictures,
    "figure3": talk_charts.figure3,
    "paper": talk_charts.paper,
    "units": talk_charts.units,
    "classes": talk_charts.classes,
    "controls": talk_charts.controls,
    "verdict": talk_texts.verdict,
    "limits": talk_texts.limits,
    "provenance": talk_texts.provenance,
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
        shown |= SECTIONS[name](talk)
        if sections and len(talk.deck.presentation.slides) == before:
            raise UsageError(
                f"this report has nothing for the section '{name}'{words.why_not(name)};"
                " leave it out of --sections"
            )
    return shown


def check_sections(sections: Sequence[str]) -> None:
    """Raise `UsageError` for an unknown section."""
    for name in sections:
        if name not in SECTIONS:
            hint = did_you_mean(name, list(SECTIONS))
            raise UsageError(f"expected sections out of {', '.join(SECTIONS)}, got '{name}'.{hint}")
