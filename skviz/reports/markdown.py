"""Markdown: tables, and the page that names what a folder has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skviz.reports.document import Document
from skviz.reports.tables import Column, Table
from skviz.reports.words import plain
from skviz.version import __version__


def markdown(text: str) -> str:
    """Return text that Markdown shows as it reads, on one line: no markup, no HTML."""
    text = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", text)


def markdown_table(table: Table, escape: Callable[[str], str] = markdown) -> str:
    """Return a table in the way of GitHub; numbers stand on the right.

    `escape` makes a cell Markdown; `str` where cells are Markdown already.
    """
    head, *rows = ([escape(cell) for cell in row] for row in (table.heads, *table.cells))
    sides = ["--:" if right else ":--" for right in table.right]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, sides, *rows))


def text_table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], escape: Callable[[str], str] | None = None
) -> str:
    """Return a table of ready texts, all on the left; `escape` as in `markdown_table`."""
    return markdown_table(Table.of(map(Column, heads), rows), escape or escaped).rstrip()


def escaped(text: str) -> str:
    """Return text that Markdown shows as it reads, with as few marks as will do."""
    # An underscore within a word is no mark.
    text = re.sub(r"([\\`*{}\[\]<>|]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z]))", r"\\\1", plain(text))
    return " ".join(text.split())


def index_page(document: Document, entries: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the README of a folder: facts, and every figure and table with its files."""
    lines = [f"# {markdown(document.title)}", ""]
    lines += [f"- {markdown(word)}: {markdown(what)}" for word, what in document.facts]
    lines += ["", *(f"**{markdown(note)}**\n" for note in document.notes)]
    lines += [
        "In LaTeX, with this folder beside the document:",
        "",
        "```latex",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{textcomp,graphicx,booktabs,longtable}",
        r"\graphicspath{{FOLDER/}}  % the name of this folder",
        r"\input{FOLDER/figures.tex}",
        r"\input{FOLDER/tables.tex}",
        "```",
        "",
        "`figures/` has every figure as PDF, SVG and PNG, `data/` the numbers behind it, `tables/`"
        " every table as CSV, Markdown and LaTeX; `report.md` is all of it on one page, and"
        " `report.qmd` the same for Quarto; `contents.json` is this page for programs.",
        "",
    ]
    for group, parts in entries.items():
        lines += [f"## {group.capitalize()}", ""] if parts else []
        for entry in parts:
            files = entry["files"]
            links = ", ".join(f"[{name.rpartition('/')[2]}]({name})" for name in files)
            lines += [f"### {markdown(entry['title'])}", ""]
            if group == "figures":
                lines += [f"![{markdown(entry['alternative'])}]({files[2]})", ""]
            lines += [markdown(entry["caption"]), "", links, ""]
    lines.append(f"Made by skviz {__version__}.")
    return "\n".join(lines) + "\n"
