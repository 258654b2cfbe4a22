"""A figure as SVG within an HTML page: it follows the page's light or dark colours.

The figure is drawn twice, light and dark. Where both have the same shapes, one drawing is
kept, and every colour that differs becomes a CSS variable; otherwise both are kept, and the
page shows one of them.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from PIL import Image

from skviz.figures.save import figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
# What readers without DejaVu Sans have is as wide.
_FONT = r"\1 'DejaVu Sans',Verdana,sans-serif"
_DPI = 144  # of pictures within the figure
_LARGE_PICTURE = 40_000  # characters


@dataclass
class ColourPairs:
    """The pairs of colours (light, dark) of a page, each with the CSS variable that holds it."""

    names: dict[tuple[str, str], str] = field(default_factory=dict)

    def variable(self, light: str, dark: str) -> str:
        """Return the variable of a pair: "var(--c1)"."""
        name = self.names.setdefault((light, dark), f"--c{len(self.names) + 1}")
        return f"var({name})"


def inline_svg(on_light: Figure, on_dark: Figure, prefix: str, alt: str, pairs: ColourPairs) -> str:
    """Return a figure, drawn light and dark, as one or two `<svg>` elements.

    `prefix` goes before every id, so that several figures on a page do not meet; `alt` is the
    alternative text.
    """
    light, dark = _tree(on_light), _tree(on_dark)
    _renumber(light, prefix)
    _renumber(dark, prefix)
    if _merge(light, dark, pairs):
        return _text(light, alt, "")
    _renumber(dark, f"{prefix}-d")
    return _text(light, alt, "on-light") + _text(dark, alt, "on-dark")


def _tree(figure: Figure) -> ElementTree.Element:
    """Return the drawing without what a page has no use for."""
    root = ElementTree.fromstring(figure_bytes(figure, "svg", dpi=_DPI))
    for child in root.findall(f"{_SVG}metadata"):
        root.remove(child)
    for defs in root.iter(f"{_SVG}defs"):
        for style in defs.findall(f"{_SVG}style"):
            defs.remove(style)
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        if _LINK in element.attrib:
            element.set("href", element.attrib.pop(_LINK))
        for name in ("d", "x", "y"):
            if name in element.attrib:
                element.set(name, _rounded(element.attrib[name]))
        for name in ("fill", "stroke"):
            if name in element.attrib:
                value = element.attrib.pop(name)
                element.set("style", f"{name}: {value}; {element.get('style', '')}")
        if element.tag == "image":
            element.set("href", _smaller(element.get("href", "")))
        if "style" in element.attrib:
            element.set("style", re.sub(r"(font: [^;]*?px) [^;]*", _FONT, element.attrib["style"]))
        element.tail = None
        if element.text is not None and not element.text.strip():
            element.text = None
    return root


def _renumber(root: ElementTree.Element, prefix: str) -> None:
    """Give the ids that are referred to new names, and drop the others."""
    used: dict[str, str] = {}
    for old in _references(root):
        used.setdefault(old, f"{prefix}-{len(used)}")
    for element in root.iter():
        own = element.attrib.pop("id", None)
        if own in used:
            element.set("id", used[own])
        for name, value in element.attrib.items():
            if name == "href" and value[1:] in used:
                element.set(name, f"#{used[value[1:]]}")
            elif "url(#" in value:
                element.set(
                    name, re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{used[m[1]]})", value)
                )


def _references(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "href" and value.startswith("#"):
                yield value[1:]
            yield from re.findall(r"url\(#([^)]+)\)", value)


def _merge(light: ElementTree.Element, dark: ElementTree.Element, pairs: ColourPairs) -> bool:
    """Put variables for the colours that differ into `light`; False if more than that differs."""
    changes: list[tuple[ElementTree.Element, str]] = []
    for one, other in zip_longest(light.iter(), dark.iter()):
        if one is None or other is None or (one.tag, one.text) != (other.tag, other.text):
            return False
        left, right = dict(one.attrib), dict(other.attrib)
        styles = _style(left.pop("style", "")), _style(right.pop("style", ""))
        merged = _merged_style(*styles, pairs) if left == right else None
        if merged is None:
            return False
        if merged:
            changes.append((one, merged))
    for element, style in changes:
        element.set("style", style)
    return True


def _merged_style(light: dict[str, str], dark: dict[str, str], pairs: ColourPairs) -> str | None:
    found = []
    for name in dict.fromkeys([*light, *dark]):
        # Matplotlib leaves out a fill that is black, as SVG does.
        black = "#000000" if name == "fill" else ""
        one, other = light.get(name, black), dark.get(name, black)
        if one != other:
            if not (one.startswith("#") and other.startswith("#")):
                return None
            one = pairs.variable(one, other)
        found.append(f"{name}:{one}")
    return ";".join(found)


def _style(text: str) -> dict[str, str]:
    parts = [part.partition(":") for part in text.split(";") if part.strip()]
    return {name.strip(): value.strip() for name, _, value in parts}


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), numbers)


def _smaller(link: str) -> str:
    """Return a picture's data as WebP where that takes much less: photographs, not heat maps."""
    head, _, data = link.partition(",")
    if head != "data:image/png;base64" or len(data) < _LARGE_PICTURE:
        return link
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    buffer = io.BytesIO()
    picture.save(buffer, format="WEBP", quality=85)
    small = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/webp;base64,{small}" if len(small) < len(data) / 2 else link


def _text(root: ElementTree.Element, alt: str, theme: str) -> str:
    """Return the element as text, as wide as drawn at most."""
    width = root.get("viewBox", "0 0 0 0").split()[2]
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("class", theme or "on-both")
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("style", f"--natural:{float(width) * 96 / 72:.0f}px")
    return ElementTree.tostring(root, encoding="unicode")
