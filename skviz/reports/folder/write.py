"""A report as a folder: figures in three formats, LaTeX, tables, tidy data, and an index."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from skviz.errors import OutputError
from skviz.figures.save import FORMATS
from skviz.files import AnyPath, hold, remove_leftovers, temporary_name, write_json, write_text
from skviz.frames import csv_text
from skviz.reports.document import Document, FigurePart, TablePart
from skviz.reports.folder.latex import PREAMBLE, figure_environment, table_environment
from skviz.reports.folder.pages import markdown_page, quarto_page
from skviz.reports.markdown import index_page, markdown_table
from skviz.reports.words import distinct, file_stem, with_names
from skviz.version import __version__

Part = TypeVar("Part", FigurePart, TablePart)
INDEX = "contents.json"
KIND = "skviz report"
LONGEST = 40  # rows of a LaTeX table on one page


def write_folder(
    document: Document,
    path: AnyPath,
    overwrite: bool = False,
    style: str = "default",
    command: str | None = None,
) -> list[Path]:
    """Write a report as a folder and return the paths of its files, the index first.

    figures/ has each figure as PDF, SVG and PNG, tables/ each table as CSV, Markdown and
    LaTeX, data/ the tidy data behind each figure; figures.tex and tables.tex are for LaTeX,
    report.md and report.qmd the whole report for Jupyter and Quarto;
    README.md and contents.json name it all. `style` is a name for `figure_style`; `command`
    goes into the figures' metadata.

    The folder gets its name when it is complete. With `overwrite`, it takes the place of a
    folder that was written by this function and has nothing else in it.

    Raises `UsageError` for an unknown style, and `OutputError` where the folder cannot be
    written, exists, or has files that are not of a report.
    """
    document = with_names(document)
    target = Path(os.path.realpath(path))
    check_folder(Path(path), overwrite)
    remove_leftovers(target.parent)
    temporary, held = temporary_name(target), -1
    try:
        temporary.mkdir()
        held = os.open(temporary, os.O_RDONLY)
        hold(held)
        files = _fill(temporary, document, style or "default", command)
        check_folder(Path(path), overwrite)  # meanwhile somebody may have put files there
        _give_name(temporary, target)
    except OSError as error:
        raise OutputError(f"cannot write '{path}': {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if held != -1:
            os.close(held)
    return [Path(path) / name for name in files]


def with_stems(parts: Iterable[Part]) -> list[tuple[Part, str]]:
    """Return the parts with file stems that any file system and LaTeX take, none of them twice."""
    parts = list(parts)
    return list(zip(parts, distinct([file_stem(p.name, "part") for p in parts]), strict=True))


def _fill(folder: Path, document: Document, style: str, command: str | None) -> list[str]:
    """Write all files; return their names within the folder, the index first."""
    for name in ("figures", "tables", "data"):
        (folder / name).mkdir()
    figures, tables = with_stems(document.figures), with_stems(document.tables)
    entries: dict[str, list[dict[str, Any]]] = {
        "figures": [_figure(folder, part, stem, style, command) for part, stem in figures],
        "tables": [_table(folder, part, stem) for part, stem in tables],
    }
    environments = [figure_environment(part, stem) for part, stem in figures]
    write_text(folder / "figures.tex", "\n".join([PREAMBLE, *environments]))
    inputs = [(folder / f"tables/{stem}.tex").read_text("utf-8") for _, stem in tables]
    write_text(folder / "tables.tex", "\n".join([PREAMBLE, *inputs]))
    listed = [name for group in entries.values() for entry in group for name in entry["files"]]
    write_text(folder / "report.md", markdown_page(document, figures, tables))
    write_text(folder / "report.qmd", quarto_page(document, figures, tables))
    names = ["README.md", INDEX, "report.md", "report.qmd", "figures.tex", "tables.tex", *listed]
    write_text(folder / "README.md", index_page(document, entries))
    index = {
        "kind": KIND,
        "skviz": __version__,
        "title": document.title,
        "facts": [list(pair) for pair in document.facts],
        "notes": document.notes,
        **entries,
        "files": names,
    }
    write_json(folder / INDEX, index)
    return names


def _figure(
    folder: Path, part: FigurePart, stem: str, style: str, command: str | None
) -> dict[str, Any]:
    files = [f"figures/{stem}.{kind}" for kind in ("pdf", "svg", "png")]
    assert len(files) == len(FORMATS)
    part.save([folder / name for name in files], style, command)
    data = f"data/{stem}.csv"
    write_text(folder / data, csv_text(part.data()))
    return {**_words(part), "files": [*files, data]}


def _table(folder: Path, part: TablePart, stem: str) -> dict[str, Any]:
    long = len(part.frame) > LONGEST
    files = {
        f"tables/{stem}.csv": csv_text(part.frame),
        f"tables/{stem}.md": markdown_table(part.table),
        f"tables/{stem}.tex": table_environment(part, stem, long),
    }
    for name, text in files.items():
        write_text(folder / name, text)
    return {**_words(part), "files": list(files)}


def _words(part: FigurePart | TablePart) -> dict[str, Any]:
    return {
        "name": part.name,
        "title": part.title,
        "caption": part.caption.text,
        "alternative": part.caption.alt,
    }


def check_folder(shown: Path, overwrite: bool) -> None:
    """Check that a report may be written: nothing is there, or a report that may go.

    Raises `OutputError`.
    """
    target = Path(os.path.realpath(shown))
    if not target.exists():
        if not target.parent.is_dir():
            raise OutputError(
                f"cannot write '{shown}': there is no folder '{target.parent}'; make it first"
            )
        return
    if not target.is_dir():
        raise OutputError(f"cannot write '{shown}': it is a file, expected the name of a folder")
    there = {entry.relative_to(target).as_posix() for entry in target.rglob("*")
             if not entry.is_dir()}  # fmt: skip
    if not there:
        return
    others = sorted(there - _known(target))
    if others:
        raise OutputError(
            f"cannot write '{shown}': it has files that are not of a report, such as"
            f" '{others[0]}'; name another folder"
        )
    if not overwrite:
        raise OutputError(
            f"'{shown}' already exists; pass --overwrite (in Python overwrite=True) to replace it"
        )


def _known(folder: Path) -> set[str]:
    """Return the files that the report in a folder is made of; none if it is no report."""
    try:
        index: Mapping[str, Any] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return {str(name) for name in index["files"]} if index["kind"] == KIND else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _give_name(temporary: Path, target: Path) -> None:
    """Put the folder in its place; the one that is there goes only when that has worked."""
    if not target.exists():
        os.rename(temporary, target)
        return
    old = temporary_name(target).with_suffix(".old")
    os.rename(target, old)
    try:
        os.rename(temporary, target)
    except OSError:
        os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)
