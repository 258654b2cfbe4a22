"""A report as a PDF of A4 pages, set by Typst from `assets/templates/report.typ`.

Needs typst, which is the optional extra `skviz[pdf]`.
"""

from __future__ import annotations

import json
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from skviz.errors import UsageError
from skviz.reports.document import Document, FigurePart, TablePart
from skviz.version import __version__

_WIDEST = 5  # texts of a column that are measured: the widest is one of the longest
_MOST_NAMED = 8  # characters without a glyph


def pdf_bytes(document: Document, style: str = "default", command: str | None = None) -> bytes:
    """Return a report as a PDF file.

    Figures are vectors, text stays text in embedded fonts, and the document is tagged for screen
    readers (PDF/UA-1). The same document gives the same bytes. Characters that no installed font
    has are replaced visibly, and the first page names them. `style` is a name for `figure_style`,
    which goes over "thesis" (figures of 6 inches); with "dark" the pages are dark as well.
    `command` goes into the keywords of the document.

    Raises `UsageError` for an unknown style and where typst is not installed.
    """
    if find_spec("typst") is None:
        raise UsageError(
            "a PDF needs the package typst, which is not installed; install it with pip install"
            " 'skviz[pdf]', or choose another ending: .html, .pptx or a folder"
        )
    import typst

    from skviz.figures.style.fonts import font_folders
    from skviz.figures.style.sheets import figure_style
    from skviz.reports.words import style_over, with_names

    drawn = style_over("thesis", style)
    with figure_style(drawn):
        data = _data(with_names(document), drawn, command)
        template = (files("skviz.assets") / "templates" / "report.typ").read_bytes()
        # Data, not markup: a name such as #read("...") is set as it is.
        found: bytes = typst.compile(
            template,
            sys_inputs={"data": json.dumps(data)},
            font_paths=typst.Fonts(font_paths=font_folders()),
            pdf_standards=["ua-1"],
            timestamp=0,
        )
    return found


def _data(document: Document, style: str, command: str | None) -> dict[str, Any]:
    """Return what the template sets, in the style that is in force."""
    import matplotlib
    from matplotlib.colors import to_hex

    from skviz.figures.metadata import made_by
    from skviz.figures.style.fonts import fallback_fonts
    from skviz.figures.style.palette import WARNING_COLOUR

    words = _Words()
    made = f"skviz {__version__}"
    weights = dict(document.facts).get("Weights", "unknown")
    settings = matplotlib.rcParams
    colours = {
        "background": settings["figure.facecolor"],
        "text": settings["text.color"],
        "grid": settings["grid.color"],
        "line": settings["axes.edgecolor"],
        "warning": WARNING_COLOUR,
    }
    data = {
        "title": words(document.title),
        "author": made,
        "keywords": made_by(command),
        "description": words(f"{document.title}, weights: {weights}"),
        "footer": words(f"weights: {weights} · {made}"),
        "fonts": ["DejaVu Sans", *fallback_fonts()],
        "look": {name: to_hex(colour) for name, colour in colours.items()},
        "facts": [[words(word), words(what)] for word, what in document.facts],
        "figures": [_figure(part, style, words) for part in document.figures],
        "tables": [_table(part, number, words) for number, part in enumerate(document.tables, 1)],
        "notes": [words(note) for note in document.notes],
    }
    if words.missing:
        data["notes"] = [*data["notes"], words.note()]
    return data


class _Words:
    """Makes texts drawable, and remembers which characters no installed font has."""

    def __init__(self) -> None:
        self.missing: dict[str, None] = {}

    def __call__(self, text: str) -> str:
        from skviz.figures.style.fonts import can_draw, is_invisible
        from skviz.figures.style.text import clean, storable

        if not text.isascii():
            self.missing |= dict.fromkeys(
                c for c in storable(text) if not (can_draw(c) or is_invisible(c))
            )
        return clean(text)

    def note(self) -> str:
        """Say which characters are missing, by their code points."""
        codes = [f"U+{ord(character):04X}" for character in self.missing]
        more = f" and {len(codes) - _MOST_NAMED} more" if len(codes) > _MOST_NAMED else ""
        return (
            f"No font installed here has {', '.join(codes[:_MOST_NAMED])}{more}: they stand as"
            " \N{REPLACEMENT CHARACTER}. Install a font for their script, such as Noto Sans CJK,"
            " and write the report again."
        )


def _figure(part: FigurePart, style: str, words: _Words) -> dict[str, Any]:
    from skviz.figures.save import figure_bytes

    figure = part.draw(style)
    width, height = figure.get_size_inches()
    return {
        "title": words(part.title),
        "caption": words(part.caption.text),
        "alt": words(part.caption.alt),
        "svg": figure_bytes(figure, "svg").decode("utf-8"),
        "width": float(width),
        "height": float(height),
    }


def _table(part: TablePart, number: int, words: _Words) -> dict[str, Any]:
    from skviz.reports.tables import two_lines

    brief = part.in_brief()
    table = brief.table
    rows = [[words(cell) for cell in row] for row in table.cells]
    longest = [sorted(column, key=len)[-_WIDEST:] for column in zip(*rows, strict=True)]
    return {
        "title": words(f"Table {number}. {part.title}"),
        "caption": words(brief.caption.text),
        "heads": [two_lines(words(head)) for head in table.heads],
        "rows": rows,
        "right": table.right,
        "prose": part.prose,
        "longest": [len(column[-1]) for column in longest],
        "widest": list(zip(*longest, strict=True)),
    }
