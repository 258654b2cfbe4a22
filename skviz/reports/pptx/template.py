"""A deck's look: our own, or that of a PowerPoint file of the reader's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree
from pptx import Presentation
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.opc.constants import RELATIONSHIP_TYPE
from pptx.oxml.ns import qn
from pptx.util import Inches

from skviz.errors import UsageError
from skviz.figures.style.palette import is_dark
from skviz.files import AnyPath
from skviz.reports.pptx.geometry import WIDE, Box, Page

FONT = "Arial"
TITLE_SIZE, COVER_SIZE, FOOT_SIZE = 28.0, 38.0, 14.0
_TITLE_ONLY, _COVER = 5, 0  # layouts of python-pptx's own template
_ACCENTS = ("08476F", "C18502", "0D7555", "C45097", "9D4505", "1D90C6")
_TITLES = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE)
_ALWAYS = (PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER)
_CONTENT_TOP = 0.12  # inches between a title and what is below it


@dataclass(frozen=True)
class Look:
    """Colours of a deck, as "#RRGGBB"."""

    background: str
    text: str
    line: str
    grid: str

    def mixed(self, share: float) -> str:
        """Return the background with so much of the text's colour in it."""
        pairs = zip(_channels(self.background), _channels(self.text), strict=True)
        return "#" + "".join(f"{round(a + share * (b - a)):02X}" for a, b in pairs)


@dataclass(frozen=True)
class Template:
    """An empty presentation, with the layouts of a cover and of a slide, and its places."""

    presentation: Any
    look: Look
    page: Page
    cover: Any
    slide: Any
    own: bool


def own_template(look: Look) -> Template:
    """Return a 16:9 presentation in these colours."""
    presentation = Presentation()
    presentation.slide_width, presentation.slide_height = Inches(WIDE.width), Inches(WIDE.height)
    _set_theme(presentation, look)
    layouts = presentation.slide_layouts
    for owner in (presentation.slide_master, *layouts):
        for holder in owner.placeholders:
            _set_placeholder(holder, owner is layouts[_COVER])
    return Template(presentation, look, WIDE, layouts[_COVER], layouts[_TITLE_ONLY], own=False)


def read_template(path: AnyPath) -> Template:
    """Return the masters and layouts of a PowerPoint file, without its slides.

    Raises `UsageError` where it is no such file, or has no layout with a title.
    """
    try:
        presentation = Presentation(str(Path(path)))
    except Exception as error:  # whatever a broken file makes python-pptx and lxml raise
        raise UsageError(
            f"expected a PowerPoint file (.pptx) as the template, got '{path}':"
            f" {str(error) or type(error).__name__}; save the template as .pptx"
        ) from error
    _remove_slides(presentation)
    titled = [
        layout
        for layout in presentation.slide_layouts
        if any(holder.placeholder_format.type in _TITLES for holder in layout.placeholders)
    ]
    if not titled:
        raise UsageError(f"expected a layout with a title in the template '{path}', got none")
    slide = min(titled, key=_further)
    covers = [
        layout
        for layout in titled
        if PP_PLACEHOLDER.SUBTITLE in {h.placeholder_format.type for h in layout.placeholders}
    ]
    page = _page(presentation, slide)
    look = _look(presentation.slide_master)
    return Template(presentation, look, page, covers[0] if covers else slide, slide, own=True)


def _further(layout: Any) -> int:
    """Return how many placeholders a layout has beside the title and the foot."""
    kinds = [holder.placeholder_format.type for holder in layout.placeholders]
    centred = kinds.count(PP_PLACEHOLDER.CENTER_TITLE)  # of a cover
    return centred + sum(kind not in (*_TITLES, *_ALWAYS) for kind in kinds)


def _remove_slides(presentation: Any) -> None:
    """Drop the slides of a template, and the lists that name them."""
    slides = presentation.slides._sldIdLst
    for slide in list(slides):
        presentation.part.drop_rel(slide.rId)
        slides.remove(slide)
    root = presentation.element
    for name in ("p:custShowLst", "p:extLst"):  # of slides by number: PowerPoint would repair it
        for element in root.findall(qn(name)):
            root.remove(element)


def _page(presentation: Any, layout: Any) -> Page:
    width, height = presentation.slide_width / 914400, presentation.slide_height / 914400
    holders = {h.placeholder_format.type: h for h in presentation.slide_master.placeholders}
    title = Box.of(next(h for h in layout.placeholders if h.placeholder_format.type in _TITLES))
    feet = [Box.of(holders[kind]).top for kind in _ALWAYS if kind in holders]
    foot = min([top for top in feet if top > height / 2], default=height - 0.35)
    body = holders.get(PP_PLACEHOLDER.BODY)
    left, right = title.left, title.right
    if body is not None:
        left, right = Box.of(body).left, Box.of(body).right
    top = title.bottom + _CONTENT_TOP
    if top > height / 2:  # a title below the middle: content stands above it
        return Page.within(
            width, height, title, Box(left, 0.4, right - left, title.top - 0.5), foot
        )
    content = Box(left, top, right - left, foot - 0.08 - top)
    return Page.within(width, height, title, content, foot)


def _look(master: Any) -> Look:
    """Return the colours of a master: its background, and the colour of its text."""
    mapped = master._element.find(qn("p:clrMap")).attrib
    theme = etree.fromstring(master.part.part_related_by(RELATIONSHIP_TYPE.THEME).blob)
    scheme = {
        etree.QName(colour).localname: colour[0].get("lastClr") or colour[0].get("val")
        for colour in theme.find(f".//{qn('a:clrScheme')}")
    }

    def named(name: str, instead: str) -> str:
        return f"#{scheme.get(mapped.get(name, name)) or instead}".upper()

    text, background = named("tx1", "000000"), named("bg1", "FFFFFF")
    ground = master._element.find(f"{qn('p:cSld')}/{qn('p:bg')}")
    if ground is not None:
        plain = list(ground.iter(qn("a:solidFill"))) or [*ground.findall(qn("p:bgRef"))]
        colour = plain[0][0] if plain and len(plain[0]) else None
        if colour is not None and colour.tag == qn("a:srgbClr"):
            background = f"#{colour.get('val')}".upper()
        elif colour is not None and colour.tag == qn("a:schemeClr"):
            background = named(colour.get("val"), background[1:])
    look = Look(background, text, text, text)
    return Look(background, text, look.mixed(0.6), look.mixed(0.18))


def _set_theme(presentation: Any, look: Look) -> None:
    """Give the theme our colours and font, so that what a person adds goes with the rest."""
    master = presentation.slide_master
    part = master.part.part_related_by(RELATIONSHIP_TYPE.THEME)
    theme = part.blob.decode("utf-8")
    ends = (look.background, look.text)
    light, dark = reversed(ends) if is_dark(look.background) else ends
    colours = {"dk1": dark, "lt1": light}
    colours |= {f"accent{n}": colour for n, colour in enumerate(_ACCENTS, 1)}
    for name, colour in colours.items():
        value = f'<a:{name}><a:srgbClr val="{colour.lstrip("#").upper()}"/></a:{name}>'
        theme = re.sub(rf"<a:{name}>.*?</a:{name}>", value, theme, flags=re.DOTALL)
    theme = theme.replace('<a:latin typeface="Calibri"', f'<a:latin typeface="{FONT}"')
    part._blob = theme.encode("utf-8")
    if is_dark(look.background):
        colour_map = master._element.find(qn("p:clrMap"))
        for name, value in (("bg1", "dk1"), ("tx1", "lt1"), ("bg2", "dk2"), ("tx2", "lt2")):
            colour_map.set(name, value)


def _set_placeholder(holder: Any, cover: bool) -> None:
    """Move what the template of python-pptx has for 4:3 to its place on 16:9."""
    kind, page = holder.placeholder_format.type, WIDE
    title = Box(page.title.left, 0.5, page.title.width, 1.0) if cover else page.title
    places = {
        PP_PLACEHOLDER.TITLE: (title, TITLE_SIZE, "l", True),
        PP_PLACEHOLDER.CENTER_TITLE: (title, COVER_SIZE, "l", True),
        PP_PLACEHOLDER.SUBTITLE: (
            Box(page.body.left, 1.55, page.body.width, 0.9), 22.0, "l", False,
        ),
        PP_PLACEHOLDER.FOOTER: (page.foot, FOOT_SIZE, "l", False),
        PP_PLACEHOLDER.SLIDE_NUMBER: (page.number, FOOT_SIZE, "r", False),
        PP_PLACEHOLDER.BODY: (page.body, 20.0, "l", False),
        PP_PLACEHOLDER.DATE: (Box(page.width / 2, page.foot.top, 1.5, 0.3), FOOT_SIZE, "l", False),
    }  # fmt: skip
    if kind not in places:
        return
    box, size, side, bold = places[kind]
    holder.left, holder.top, holder.width, holder.height = box.emu
    body = holder._element.txBody
    frame = body.find(qn("a:bodyPr"))
    for name in ("lIns", "rIns", "tIns", "bIns"):
        frame.set(name, "0")
    foot = kind in (PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER)
    frame.set("anchor", "ctr" if foot else "b" if cover and kind in _TITLES else "t")
    styles = body.find(qn("a:lstStyle"))
    for child in list(styles):
        styles.remove(child)
    level = etree.SubElement(styles, qn("a:lvl1pPr"), algn=side, marL="0", indent="0")
    etree.SubElement(level, qn("a:buNone"))
    run = etree.SubElement(level, qn("a:defRPr"), sz=str(round(100 * size)), b=str(int(bold)))
    fill = etree.SubElement(run, qn("a:solidFill"))
    etree.SubElement(fill, qn("a:schemeClr"), val="tx1")


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
