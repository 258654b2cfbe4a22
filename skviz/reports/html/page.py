"""A report as one HTML file that opens offline: nothing in it asks for anything outside."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from skviz.numbers import significant
from skviz.reports.document import Document, TablePart
from skviz.reports.html.data import image_data
from skviz.reports.html.hover import class_marks, hover_data
from skviz.reports.html.inline_svg import ColourPairs, inline_svg
from skviz.version import __version__

# Every figure is drawn for a screen and for a phone; each comes in light and dark.
STYLES = {"wide": "web", "narrow": "paper"}
_VERDICTS = ("verdicts", "findings")
# The facts at the head of the page; all of them stand at its end.
_LEAD = ("Network", "Weights", "Images", "Classes", "Scales", "Classified correctly")
# What ends a script element or a line of JavaScript; in JSON all of it stands in strings.
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page(document: Document, palette: str | None = None) -> bytes:
    """Return a report as one HTML file; `palette` is part of a style's name: "palette:paper"."""
    styles = {width: ",".join(filter(None, [name, palette])) for width, name in STYLES.items()}
    pairs = ColourPairs()
    drawings: dict[str, dict[str, Markup]] = {}
    values: dict[str, Markup] = {}
    marks: dict[str, Markup] = {}
    for index, part in enumerate(document.figures):
        figures = {width: part.draw(style) for width, style in styles.items()}
        drawings[part.name] = {}
        for width, style in styles.items():
            both = figures[width], part.draw(f"{style},dark")
            drawing = inline_svg(*both, f"{width[0]}{index}", part.caption.alt, pairs)
            drawings[part.name][width] = Markup(drawing)
        for shown, data in ((values, hover_data), (marks, class_marks)):
            found = data(part.display, figures)
            if found is not None:
                shown[part.name] = _json(found)
    script, sheet = _asset("report.js"), _asset("report.css")
    in_images = {part.name for image in document.images for part in image.parts}
    text: str = _template().render(
        document=document,
        figures=[part for part in document.figures if part.name not in in_images],
        tables=[part for part in document.tables if part.name not in {*in_images, *_VERDICTS}],
        verdicts=[part for part in document.tables if part.name in _VERDICTS],
        drawings=drawings,
        rows={part.name: _rows(part) for part in document.tables},
        marks=marks,
        values=values,
        images={image.name: _json(image_data(image)) for image in document.images},
        lead=[(word, value) for word, value in document.facts if word in _LEAD],
        pairs=[(name, *pair) for pair, name in pairs.names.items()],
        sheet=Markup(sheet),
        script=Markup(script),
        script_hash=_hash(script),
        version=__version__,
    )
    # File names may hold what is no text: half of a surrogate pair.
    return text.encode("utf-8", "replace")


def _template() -> Any:
    environment = Environment(
        autoescape=True,
        loader=FunctionLoader(_asset),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.j2")


def _asset(name: str) -> str:
    return (files("skviz.assets") / "templates" / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    """Return the script's digest: the page's policy lets this one run and no other."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _json(value: Mapping[str, Any] | Sequence[Any]) -> Markup:
    """Return JSON that may stand in a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))


def _rows(part: TablePart) -> list[list[dict[str, Any]]]:
    """Return the cells of a table: what is read, what it is sorted by, whether it is a number."""
    table = part.table
    return [
        [
            {"text": text, "value": _sort_value(value, number), "number": number}
            for text, value, number in zip(texts, values, table.right, strict=True)
        ]
        for texts, values in zip(table.cells, table.rows, strict=True)
    ]


def _sort_value(value: Any, number: bool) -> str:
    """Return what a number is sorted by; nothing for a text, which is sorted as it reads."""
    if not number:
        return ""
    if value is None or math.isnan(value):
        return "nan"
    return significant(float(value), 6)
