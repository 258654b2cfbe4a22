"""A report as a PDF of A4 pages: figures as vectors, captions, tables, table of contents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.files import AnyPath, check_output, write_bytes
from skviz.reports.parts import Contents, FigurePart, TablePart
from skviz.version import __version__

if TYPE_CHECKING:
    from skviz.reports.pdf_pages import Pages

Parts = Sequence[FigurePart | TablePart]
_TITLE, _CHAPTER, _HEAD, _CAPTION = 20.0, 15.0, 12.0, 9.0
_LEAST = 1.5  # inches of a figure that has to share its page
_SMALLEST = 0.85  # of its size, for a figure that shares its page with all its words


def write_pdf(
    contents: Contents,
    path: AnyPath,
    overwrite: bool = False,
    style: str = "default",
    command: str | None = None,
) -> list[Path]:
    """Write a report as a PDF and return its path in a list.

    Fonts are embedded and text stays text. `style` is a name for `figure_style`, which goes
    over "thesis" (figures of 6 inches); with "dark" the pages are dark as well. `command` goes into
    the properties of the document.

    Raises `UsageError` for an unknown style, and `OutputError`.
    """
    check_output(path, overwrite)
    return [write_bytes(path, pdf_bytes(contents, style, command), overwrite=overwrite)]


def pdf_bytes(contents: Contents, style: str = "default", command: str | None = None) -> bytes:
    """Return what `write_pdf` writes."""
    from skviz.figures.metadata import made_by
    from skviz.figures.palette import WARNING_COLOUR
    from skviz.figures.style import figure_style
    from skviz.reports.pdf_pages import Pages
    from skviz.reports.words import with_names

    contents = with_names(contents)
    named = [name for name in (style or "default").split(",") if name.strip() != "default"]
    drawn = ",".join(["thesis", *named])
    with figure_style(drawn):
        weights = dict(contents.facts).get("Weights", "unknown")
        made = f"skviz {__version__}"
        pages = Pages(f"{contents.title} · weights: {weights} · {made}")
        pages.new_page()
        pages.heading(contents.title, _TITLE)
        pages.heads.clear()  # the title is no entry of its own contents
        pages.space(0.15)
        pages.facts(contents.facts)
        pages.space(0.15)
        for note in contents.notes:
            pages.paragraph(note, weight="bold", colour=WARNING_COLOUR)
        pages.space(0.2)
        pages.heading("Contents", _CHAPTER, follow=0.5)
        pages.heads.clear()
        chapters: list[tuple[str, Parts]] = [
            ("Figures", contents.figures),
            ("Tables", contents.tables),
        ]
        count = sum(len(parts) + 1 for _, parts in chapters if parts)
        start, y = pages.leave_contents(count)
        for chapter, parts in chapters:
            _chapter(pages, chapter, parts, drawn)
        pages.contents(pages.heads, start, y)
        return pages.pdf(contents.title, made, made_by(command))


def _chapter(pages: Pages, chapter: str, parts: Parts, style: str) -> None:
    if not parts:
        return
    pages.new_page()
    pages.heading(chapter, _CHAPTER)
    pages.space(0.1)
    for number, part in enumerate(parts, 1):
        if isinstance(part, FigurePart):
            _figure(pages, part, number, style)
        else:
            assert isinstance(part, TablePart)
            _table(pages, part, number)


def _figure(pages: Pages, part: FigurePart, number: int, style: str) -> None:
    from skviz.figures.metadata import figure_metadata
    from skviz.figures.save import figure_bytes
    from skviz.reports.pdf_pages import BOTTOM, HEIGHT, ROOM, TOP

    figure = part.draw(style)
    width, height = figure.get_size_inches()
    data = figure_bytes(figure, "pdf", figure_metadata(part.caption))
    title = f"Figure {number}. {part.title}"
    caption, words = part.caption.text, f"In words: {part.caption.alt}"
    text = (
        pages.paragraph_height(title, _HEAD + 0.5, 3)
        + pages.paragraph_height(caption, _CAPTION, 12)
        + 0.5
    )
    more = pages.paragraph_height(words, _CAPTION, 12)
    # The first figure begins below the head of the chapter.
    page = HEIGHT - BOTTOM - (pages.y if number == 1 else TOP)
    if (page - text - more) / height > _SMALLEST:
        text += more  # else the words go on on the next page: the figure is to be read
    factor = min(1.0, ROOM / width, max(_LEAST, page - text) / height)
    pages.need(text + factor * height)
    pages.heading(title, _HEAD, level=1)
    pages.space(0.05)
    pages.drawing(data, width, height, factor)
    pages.space(0.08)
    pages.paragraph(caption, _CAPTION, lines=12)
    pages.space(0.05)
    pages.paragraph(words, _CAPTION, lines=12)
    pages.space(0.3)


def _table(pages: Pages, part: TablePart, number: int) -> None:
    brief = part.in_brief()
    title = f"Table {number}. {part.title}"
    follow = pages.paragraph_height(brief.caption.text, _CAPTION) + (2.4 if part.prose else 1.2)
    pages.heading(title, _HEAD, level=1, follow=follow)
    pages.space(0.03)
    pages.paragraph(brief.caption.text, _CAPTION)
    pages.space(0.1)
    if part.prose:
        pages.prose([(name, text) for name, text in part.cells()])
    else:
        pages.table(brief.columns, brief.cells(), brief.numbers, wrapped=bool(part.brief))
    pages.space(0.35)
