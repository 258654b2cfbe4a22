"""A report as one page of Markdown, for Jupyter and the like, and as one for Quarto."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from skviz.reports.document import Document, FigurePart, TablePart
from skviz.reports.markdown import markdown, markdown_table
from skviz.reports.tables import Column, Table
from skviz.reports.words import plain
from skviz.version import __version__

Figures = Sequence[tuple[FigurePart, str]]
Tables = Sequence[tuple[TablePart, str]]

# Images without an ending take that of the format: vectors wherever they can be shown.
_HEAD = """\
---
title: {title}
format:
  html:
    toc: true
    default-image-extension: svg
  pdf:
    toc: true
    default-image-extension: pdf
  docx:
    default-image-extension: png
---
"""


def markdown_page(document: Document, figures: Figures, tables: Tables) -> str:
    """Return the report as Markdown that any program shows: headings, images and tables.

    `figures` and `tables` are parts with the stems of their files.
    """
    lines = [f"# {markdown(document.title)}", "", *_facts(document, markdown)]
    lines += [f"> **{markdown(note)}**\n" for note in document.notes]
    lines += ["## Figures", ""] if figures else []
    for number, (part, stem) in enumerate(figures, 1):
        lines += [f"![{markdown(part.caption.alt)}](figures/{stem}.svg)", ""]
        caption = f"**Figure {number}. {markdown(part.title)}.** {markdown(part.caption.text)}"
        lines += [caption, ""]
    lines += ["## Tables", ""] if tables else []
    for number, (table, _) in enumerate(tables, 1):
        caption = f"**Table {number}. {markdown(table.title)}.** {markdown(table.caption.text)}"
        lines += [caption, "", markdown_table(table.table)]
    lines.append(f"Made by skviz {__version__}.")
    return "\n".join(lines) + "\n"


def quarto_page(document: Document, figures: Figures, tables: Tables) -> str:
    """Return the report for Quarto, whose figures and tables can be referred to.

    Those are `@fig-STEM` and `@tbl-STEM`, with the stems of the files.
    """
    # The title is Markdown within a text of YAML.
    lines = [_HEAD.format(title=json.dumps(quarto(document.title), ensure_ascii=False))]
    lines += _facts(document, quarto)
    for note in document.notes:
        lines += ["::: {.callout-warning}", quarto(note), ":::", ""]
    lines += ["## Figures", ""] if figures else []
    for part, stem in figures:
        caption = f"{quarto(part.title)}. {quarto(part.caption.text)}"
        alt = plain(part.caption.alt).replace("\\", "/").replace('"', "'")
        lines += [f'![{caption}](figures/{stem}){{#fig-{stem} fig-alt="{alt}"}}', ""]
    lines += ["## Tables", ""] if tables else []
    for table, stem in tables:
        caption = f"{quarto(table.title)}. {quarto(table.caption.text)}"
        lines += [markdown_table(table.table, quarto), f": {caption} {{#tbl-{stem}}}", ""]
    lines.append(f"Made by skviz {__version__}.")
    return "\n".join(lines) + "\n"


def quarto(text: str) -> str:
    """Return text that Quarto shows as it reads: no markup, and no reference either."""
    return re.sub(r"([@^])", r"\\\1", markdown(text))


def _facts(document: Document, escape: Callable[[str], str]) -> list[str]:
    columns = [Column("about", right=False), Column("value", right=False)]
    return [markdown_table(Table.of(columns, document.facts), escape)] if document.facts else []
