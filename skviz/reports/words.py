"""Words from data for files of other programs: cleaned, and shortened where room is short."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

from skviz.figures.style.text import ELLIPSIS, clean, shorten, storable
from skviz.reports.document import Document, FigurePart, TablePart

# Embeddings, overrides and isolates: one that is left open turns the rest of the line.
_TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))


def plain(text: str) -> str:
    """Return text for programs that have fonts of their own.

    Control characters, which XML cannot hold, are replaced visibly; marks that turn the
    direction of the text around them are left out.
    """
    return "".join(
        character
        for character in storable(text)
        if unicodedata.bidirectional(character) not in _TURNING
    )


def fitted(text: str, width: float, points: float, weight: str = "normal") -> str:
    """Return text cut with an ellipsis where it is wider than `width` points, about.

    It is measured with fonts that are here, whatever the program that shows it has.
    """
    text = plain(text)
    measured = shorten(clean(text), width, points, weight=weight)
    return text if measured == clean(text) else text[: len(measured) - 1].rstrip() + ELLIPSIS


def style_over(base: str, style: str) -> str:
    """Return the names of a style that goes over another than "default"."""
    names = (style or "default").split(",")
    return ",".join([base, *(name for name in names if name.strip() != "default")])


def with_names(document: Document) -> Document:
    """Return a document in which parts of several images say in their title whose they are."""
    if len(document.images) < 2:
        return document
    names = {p.name: image.title for image in document.images for p in image.parts}

    def title(part: FigurePart | TablePart) -> str:
        name = names.get(part.name, "")
        return part.title if name in part.title else f"{name}: {part.title}"

    return replace(
        document,
        figures=[replace(part, title=title(part)) for part in document.figures],
        tables=[replace(part, title=title(part)) for part in document.tables],
    )


def distinct(stems: Sequence[str]) -> list[str]:
    """Return the stems, none of them twice: dog, dog-2, dog-3.

    Compared without case: some file systems do not tell dog.png from Dog.png.
    """
    own = {stem.casefold() for stem in stems}
    taken: set[str] = set()
    names = []
    for stem in stems:
        name, number = stem, 1
        while name.casefold() in taken or (number > 1 and name.casefold() in own):
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def file_stem(name: str, instead: str, longest: int = 80) -> str:
    """Return a name that any file system, LaTeX and HTML take; `instead` if nothing is left."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:longest] or instead


def for_office(text: str) -> str:
    """Return text that a spreadsheet takes for a text, and for no formula or link."""
    text = plain(text)
    return f" {text}" if re.match(r"[={+@-]|[a-z]+:", text) else text


def short_paths(command: str) -> str:
    """Return a command in which absolute paths are cut to their last part.

    Where the files were on one machine is nobody's concern who reads a report.
    """
    try:
        words = shlex.split(command)
    except ValueError:  # an open quote: no command that a shell takes
        words = command.split()
    return shlex.join(_short(word) for word in words)


def _short(word: str) -> str:
    option, path = re.fullmatch(r"(--[\w-]+=|)(.*)", word, re.DOTALL).groups()  # type: ignore[union-attr]
    kind = PurePosixPath if path.startswith("/") else PureWindowsPath
    found = kind(path)
    return f"{option}{found.name}" if found.is_absolute() and found.name else word
