"""Which writer makes which report: told by the ending of its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from skviz.errors import UsageError, did_you_mean
from skviz.figures.style.sheets import PALETTE
from skviz.files import check_output, write_bytes
from skviz.reports.document import Document

Writer = Callable[..., list[Path]]
# Ending: module of this package, and the function in it that returns the bytes of a file. Without
# an ending it is a folder, which is written.
WRITERS = {
    ".html": ("html.page", "page"),
    ".pptx": ("pptx.deck", "deck_bytes"),
    ".pdf": ("pdf", "pdf_bytes"),
    "": ("folder.write", "write_folder"),
}


def writer_of(
    path: Path,
    overwrite: bool = False,
    style: str = "default",
    command: str | None = None,
    talk: Mapping[str, Any] | None = None,
) -> Writer:
    """Return the function that writes a report to `path`, checked before any work.

    It takes the document and returns the paths that it wrote, and raises `UsageError` where
    what it needs is not installed. `style` is a name for `figure_style`; a page follows its
    reader's screen and takes none. `command` goes into the metadata of what is written: of the
    figures in a folder, and the properties of slides and documents. `talk` has what is chosen
    of slides, as `TalkOptions` takes it.

    Raises `UsageError` for another ending, for the style of a page and for `talk` where no slides
    are written, and `OutputError` where
    the file exists and `overwrite` is not set.
    """
    ending = "" if path.is_dir() else path.suffix.lower()
    if ending not in WRITERS:
        known = [name for name in WRITERS if name]
        raise UsageError(
            f"expected a report that ends with {', '.join(known)}, or a folder without an ending,"
            f" got '{path}'.{did_you_mean(ending, known)}"
        )
    module, function = WRITERS[ending]
    writers = importlib.import_module(f"skviz.reports.{module}")
    if ending:
        check_output(path, overwrite)
    else:
        writers.check_folder(path, overwrite)
    options: dict[str, Any] = {}
    if talk:
        if ending != ".pptx":
            named = ", ".join(f"--{name}" for name in talk)
            raise UsageError(
                f"expected slides (--to NAME.pptx) for {named}, got '{path}'; leave it out"
            )
        from skviz.reports.pptx.deck import TalkOptions, check_talk

        options["talk"] = TalkOptions(**talk)
        check_talk(options["talk"])
    names = style.split(",")
    if ending == ".html":
        if any(name != "default" and not name.startswith(PALETTE) for name in names):
            raise UsageError(
                f"expected no style for a page, which follows its reader's screen, light or dark,"
                f" got '{style}'; leave --for, --dark and --style out"
            )
        options["palette"] = next((n for n in names if n.startswith(PALETTE)), None)
    elif style != "default":
        options["style"] = style
    if ending != ".html":  # it has no place for it
        options["command"] = command
    make = getattr(writers, function)

    def write_report(document: Document) -> list[Path]:
        if ending:
            return [write_bytes(path, make(document, **options), overwrite=overwrite)]
        found: list[Path] = make(document, path, overwrite=overwrite, **options)
        return found

    return write_report
