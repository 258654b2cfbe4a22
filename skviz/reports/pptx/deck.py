"""A report as a talk: at most ten slides of 16:9, with native charts, one message per slide.

Needs python-pptx, which is the optional extra `skviz[pptx]`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from skviz.errors import UsageError
from skviz.reports.document import Document
from skviz.version import __version__

_MOST_PROPERTY = 255  # characters, as python-pptx wants it


@dataclass(frozen=True)
class TalkOptions:
    """What a deck shows and how it looks.

    `sections` names the slides, in their order (default: all that the report has something
    for). With `appendix`, the figures that are not shown and all tables follow. `template` is a
    PowerPoint file whose masters, fonts and colours are taken.
    """

    sections: tuple[str, ...] = ()
    appendix: bool = False
    template: Path | None = None


def deck_bytes(
    document: Document,
    style: str = "default",
    command: str | None = None,
    talk: TalkOptions = TalkOptions(),
) -> bytes:
    """Return a report as a PowerPoint file.

    Lines, bars and class curves are native charts, whose numbers can be edited; other figures
    are pictures. The notes of a slide have the whole caption and the numbers. `style` is a name
    for `figure_style`, of which the colours are taken: "dark" makes a dark deck. `command` goes
    into the properties of the file and onto its last slide.

    Raises `UsageError` without python-pptx, for an unknown style, an unknown section or one that
    the report has nothing for, and a template that is none.
    """
    _check_installed()
    from skviz.figures.metadata import version_line
    from skviz.figures.style.sheets import figure_style
    from skviz.reports.pptx.parts import figure_slides, table_slides
    from skviz.reports.pptx.slides import Deck
    from skviz.reports.pptx.talk import Talk
    from skviz.reports.pptx.talk_sections import add_talk
    from skviz.reports.words import plain, with_names

    document = with_names(document)
    style = style or "default"
    weights = dict(document.facts).get("Weights", "unknown")
    with figure_style(style):
        footer = plain(f"{document.title} · weights: {weights} · skviz {__version__}")
        deck = Deck.new(footer, talk.template)
        given = Talk(deck, document, style, command)
        shown = add_talk(given, talk.sections)
        if talk.appendix:
            for figure in document.figures:
                if figure.name not in shown:
                    figure_slides(deck, figure, style, given.sentences(), shown)
            for table in document.tables:
                if not table.prose:  # sentences stand in the notes
                    table_slides(deck, table)
        core = deck.presentation.core_properties
        core.title = plain(document.title)[:_MOST_PROPERTY]
        core.author = f"skviz {__version__}"
        core.subject = "Attention of a network with selective kernels"
        core.comments = plain(f"Command: {command}" if command else "")[:_MOST_PROPERTY]
        core.keywords = version_line()[:_MOST_PROPERTY]
        return deck.save()


def check_talk(talk: TalkOptions) -> None:
    """Check the sections and the template before any work; raises as `deck_bytes` does."""
    _check_installed()
    from skviz.reports.pptx.talk_sections import check_sections
    from skviz.reports.pptx.template import read_template

    check_sections(talk.sections)
    if talk.template is not None:
        read_template(talk.template)


def _check_installed() -> None:
    if find_spec("pptx") is None:
        raise UsageError(
            "slides need the package python-pptx, which is not installed; install it with"
            " pip install 'skviz[pptx]', or choose another ending: .html, .pdf or a folder"
        )
