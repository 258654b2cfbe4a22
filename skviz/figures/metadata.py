"""What a figure's file says of itself, written and read: caption, command, versions."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.errors import SkvizError, first_line
from skviz.figures.save import LABELS
from skviz.figures.style.text import storable
from skviz.version import __version__

if TYPE_CHECKING:
    from skviz.figures.caption import Caption

_PACKAGES = ("matplotlib", "numpy", "torch")
_SVG, _DC = "{http://www.w3.org/2000/svg}", "{http://purl.org/dc/elements/1.1/}"


class FigureFileError(SkvizError):
    """A figure's file that cannot be read, or that is none."""


@dataclass(frozen=True)
class FigureInfo:
    """What a figure's file says of itself; None where it says nothing.

    Attributes
    ----------
    format
        "png", "pdf" or "svg".
    size
        Width and height in words.
    title, caption, alternative
        Those of its `Caption`.
    command, versions, creator
        What made it.

    Examples
    --------
    >>> figure = skviz.draw_run(skviz.summarise("runs/example", resamples=0), "bars")
    >>> file = skviz.save_figure(figure, "bars.pdf", {"Title": "Bars"}, overwrite=True)
    >>> skviz.figures.figure_info(file).title
    'Bars'
    """

    format: str
    size: str
    title: str | None = None
    caption: str | None = None
    alternative: str | None = None
    command: str | None = None
    versions: str | None = None
    creator: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary for JSON."""
        return asdict(self)


def figure_metadata(caption: Caption | None = None, command: str | None = None) -> dict[str, str]:
    """Return metadata for `save_figure`: a caption, the command, and the versions.

    Parameters
    ----------
    caption
        Of the figure, or None.
    command
        The command line that makes it, or None.

    Returns
    -------
    dict
        "Title", "Description", "Alternative", "Command" and "Versions", as far as they are known.

    Examples
    --------
    >>> from skviz.figures import Caption
    >>> sorted(figure_metadata(Caption("SK_3_4 rises", alt="Bars.")))
    ['Alternative', 'Description', 'Title', 'Versions']
    """
    found = {"Versions": version_line()}
    if caption is not None:
        words = {"Title": caption.title, "Description": caption.text, "Alternative": caption.alt}
        found |= words
    return found | ({"Command": command} if command else {})


def made_by(command: str | None = None) -> str:
    """Return how a document was made, in the lines that `figure_info` reads back."""
    lines = {"Command": command, "Versions": version_line()}
    return "\n".join(f"{LABELS[name]}: {storable(text)}" for name, text in lines.items() if text)


def version_line() -> str:
    """Return the versions that make a figure: "skviz 0.1.0, Python 3.12.4, matplotlib ..."."""
    parts = [f"skviz {__version__}", f"Python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # Figures of a run need no torch.
            continue
    return ", ".join(parts)


def figure_info(path: str | Path) -> FigureInfo:
    """Read back what `save_figure` stored in a PNG, PDF or SVG file.

    Parameters
    ----------
    path
        The figure's file.

    Returns
    -------
    FigureInfo
        What it says of itself.

    Raises
    ------
    FigureFileError
        For a file that is missing, damaged or of another format.

    Examples
    --------
    >>> figure = skviz.draw_run(skviz.summarise("runs/example", resamples=0), "bars")
    >>> figure_info(skviz.save_figure(figure, "bars.pdf", {"Title": "Bars"}, overwrite=True)).title
    'Bars'
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    readers: dict[str, Callable[[Path], FigureInfo]] = {"png": _png, "pdf": _pdf, "svg": _svg}
    if kind not in readers:
        raise FigureFileError(f"expected a figure with the ending .png, .pdf or .svg, got '{path}'")
    if not path.is_file():
        raise FigureFileError(f"expected a figure, but there is no file '{path}'")
    return readers[kind](path)


def _png(path: Path) -> FigureInfo:
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            texts = {str(key): text for key, text in image.info.items() if isinstance(text, str)}
            size = f"{image.width} x {image.height} pixels"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, "PNG", error) from error
    return FigureInfo(
        format="png",
        size=size,
        title=texts.get("Title"),
        caption=texts.get("Description"),
        alternative=texts.get(LABELS["Alternative"]),
        command=texts.get("Command"),
        versions=texts.get("Versions"),
        creator=texts.get("Software"),
    )


def _pdf(path: Path) -> FigureInfo:
    from pypdf import PdfReader

    try:
        reader = PdfReader(path)
        texts = {str(key): str(text) for key, text in (reader.metadata or {}).items()}
        box, pages = reader.pages[0].mediabox, len(reader.pages)
        size = f"{float(box.width) / 72:.2f} x {float(box.height) / 72:.2f} inches"
    except Exception as error:  # pypdf raises errors of many kinds for broken files
        raise _damaged(path, "PDF", error) from error
    parts = _parted([texts.get("/Subject", ""), texts.get("/Keywords", "")])
    return FigureInfo(
        format="pdf",
        size=size if pages == 1 else f"{size}, {pages} pages",
        title=texts.get("/Title"),
        creator=texts.get("/Creator"),
        **parts,
    )


def _svg(path: Path) -> FigureInfo:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import parse

    try:
        root = parse(path).getroot()
    except (ParseError, DefusedXmlException, OSError, ValueError) as error:
        raise _damaged(path, "SVG", error) from error
    if root.tag != f"{_SVG}svg":
        raise FigureFileError(f"expected an SVG figure, got other XML in '{path}'")
    described = next((entry.text for entry in root.iter(f"{_DC}description")), None)
    items = (item for subject in root.iter(f"{_DC}subject") for item in subject.iter())
    subjects = [item.text or "" for item in items]
    creators = ("".join(entry.itertext()).strip() for entry in root.iter(f"{_DC}creator"))
    return FigureInfo(
        format="svg",
        size=f"{root.get('width', 'any width')} x {root.get('height', 'any height')}",
        title=root.findtext(f"{_SVG}title"),
        creator=next(creators, None),
        **_parted([described or "", *subjects]),
    )


def _parted(texts: list[str]) -> dict[str, str | None]:
    """Tell apart the lines "Label: text"; what has no label is the caption."""
    parts: dict[str, str | None] = dict.fromkeys(("caption", *map(str.lower, LABELS)))
    names = {label: name.lower() for name, label in LABELS.items()}
    for line in "\n".join(texts).splitlines():
        label, mark, rest = line.partition(": ")
        if mark and label in names:
            parts[names[label]] = rest
        elif line.strip() and parts["caption"] is None:
            parts["caption"] = line.strip()
    return parts


def _damaged(path: Path, kind: str, error: Exception) -> FigureFileError:
    return FigureFileError(f"cannot read '{path}' as {kind}: {first_line(error)}")
