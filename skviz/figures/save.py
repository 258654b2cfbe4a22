"""Figures on disk: PNG, PDF and SVG, whole or not at all, with their description inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import matplotlib
from matplotlib.figure import Figure

import skviz
from skviz.errors import UsageError
from skviz.figures.text import clean
from skviz.files import AnyPath, write_atomic

# What each of our names is called within a format.
_NAMES = {
    "png": {"Title": "Title", "Description": "Description", "Creator": "Software"},
    "pdf": {"Title": "Title", "Description": "Subject", "Creator": "Creator"},
    "svg": {"Title": "Title", "Description": "Description", "Creator": "Creator"},
}
FORMATS = tuple(_NAMES)
# Dates would make every file differ from the one before.
_NO_DATE: dict[str, dict[str, None]] = {
    "png": {},
    "pdf": {"CreationDate": None},
    "svg": {"Date": None},
}


def save_figure(
    figure: Figure,
    path: AnyPath,
    metadata: Mapping[str, str] | None = None,
    *,
    overwrite: bool = False,
    dpi: float | None = None,
) -> Path:
    """Write a figure to a file, in the format that its name ends with, and return the path.

    `metadata` may have "Title", "Description" and "Creator" (default: skviz and its version);
    they are stored where the format has its place for them. `dpi` is the resolution of a PNG,
    and of pictures within the other formats (default: what the style says). The same figure
    gives the same bytes, and text in PDF and SVG files stays text.

    Raises `UsageError` for another format or metadata, and `OutputError` when the file cannot
    be written, or exists and `overwrite` is not set.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(
            f"expected a file name that ends with .{', .'.join(FORMATS)}, got '{path}'"
        )
    stored = _stored(metadata or {}, kind)

    def write(file: BinaryIO) -> None:
        with matplotlib.rc_context(
            {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "skviz"}
        ):
            figure.savefig(file, format=kind, metadata=stored, dpi=dpi or _dpi())

    return write_atomic(path, write, overwrite=overwrite)


def _dpi() -> float | str:
    return matplotlib.rcParams["savefig.dpi"]  # type: ignore[no-any-return]


def _stored(metadata: Mapping[str, str], kind: str) -> dict[str, str | None]:
    names = _NAMES[kind]
    unknown = [name for name in metadata if name not in names]
    if unknown:
        raise UsageError(
            f"expected metadata {', '.join(names)}, got {', '.join(map(repr, unknown))}"
        )
    given = {"Creator": f"skviz {skviz.__version__}", **metadata}
    stored: dict[str, str | None] = {names[name]: clean(text) for name, text in given.items()}
    return stored | _NO_DATE[kind]
