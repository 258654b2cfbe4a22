"""The talk: what its slides say and show, that they can be read, and a template of one's own."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.runs.paper_figures import paper_display
from skviz.reports.document import Document
from skviz.reports.documents.of_images import image_document
from skviz.reports.documents.of_run import run_document
from skviz.reports.pptx.deck import TalkOptions, deck_bytes
from skviz.reports.pptx.talk_words import limits
from skviz.runs.records import Run
from skviz.studies.controls.suite import ControlSuite
from skviz.studies.image_result import ImageResult

pptx = pytest.importorskip("pptx", reason="needs python-pptx (pip install 'skviz[pptx]')")
from tests.helpers.synthetic_suite import make_suite  # noqa: E402
from tests.reports.conftest import described  # noqa: E402

SHIFTS = {
    "plain": (0.05, 0.05, 0.05, 0.0),
    "blur": (0.0, 0.05, 0.0, 0.0),
    "object-constant": (0.0, 0.0, 0.05, 0.0),
    "object-blurred": (0.0, 0.0, 0.05, 0.0),
}
DIGEST = "0123456789abcdef" * 4
MAIN = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
RELATIONS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    suite = ControlSuite(make_suite(tmp_path_factory.mktemp("suite"), SHIFTS))
    found = run_document(suite.plain, suite.path, resamples=100)
    return replace(found, facts=[*found.facts, ("SHA-256 of the weights", DIGEST)])


@pytest.fixture(scope="module")
def data(document: Document) -> bytes:
    return deck_bytes(document, command="skviz report suite --to talk.pptx")


@pytest.fixture(scope="module")
def deck(data: bytes) -> Any:
    return opened(data)


def opened(data: bytes) -> Any:
    return pptx.Presentation(io.BytesIO(data))


def titles(deck: Any) -> list[str]:
    return [slide.shapes.title.text_frame.text for slide in deck.slides]


def texts(slide: Any) -> str:
    """All that stands on a slide in words, with that of its tables."""
    return "\n".join(node.text or "" for node in slide._element.iter(f"{MAIN}t"))


def charts(slide: Any) -> list[Any]:
    return [shape.chart for shape in slide.shapes if shape.has_chart]


def test_a_suite_is_a_talk_of_ten_slides(document: Document, deck: Any) -> None:
    found = titles(deck)
    assert len(found) == 10
    assert len(set(found)) == 10
    bars = next(part for part in document.figures if part.name == "bars")
    depth = next(part for part in document.figures if part.name == "units")
    assert found[:5] == [
        document.title, "How to read the figures", bars.title,
        "In the paper 4 of 4 bars rise with the scale; here 3 of 4 rise clearly",
        f"Along depth: f{depth.title[1:]}",
    ]  # fmt: skip
    assert found[5].startswith("SK_3_1: ")
    assert found[6:] == [
        "The shift survives all controls in SK_2_1",
        "Verdict: in 1 of 4 units larger objects get the larger kernel",
        "What this does not show", "Where these numbers come from",
    ]  # fmt: skip
    assert "Do larger objects get the larger kernel?" in texts(deck.slides[0])


def test_a_checksum_stands_on_the_last_slide_and_nowhere_before(deck: Any) -> None:
    *others, last = deck.slides
    assert all(DIGEST[:16] not in texts(slide) for slide in others)
    assert texts(last).replace(" ", "").replace("\n", "").count(DIGEST) == 1
    assert "skviz report suite --to talk.pptx" in texts(last)


def test_the_paper_stands_beside_the_run_on_the_same_axis(document: Document, deck: Any) -> None:
    left, right = charts(deck.slides[3])
    paper: Any = paper_display("3c")
    here = next(p.display for p in document.figures if isinstance(p.display, UnitBars))
    for index in range(3):
        np.testing.assert_allclose(left.plots[0].series[index].values, paper.bars.values[:, index])
        np.testing.assert_allclose(right.plots[0].series[index].values, here.values[:, index])
    axes = [(c.value_axis.minimum_scale, c.value_axis.maximum_scale) for c in (left, right)]
    assert axes[0] == axes[1]
    assert "CVPR 2019" in texts(deck.slides[3])
    assert f"Here: {document.title}" in texts(deck.slides[3])


def test_the_verdict_names_the_units_of_each(deck: Any) -> None:
    text = texts(deck.slides[7])
    assert "Larger objects get the larger kernel: 1 of 4 units." in text
    assert "SK_2_1." in text
    assert "consistent with blur alone" in text
    notes = deck.slides[7].notes_slide.notes_text_frame.text
    assert "SK_2_1: From 1.0x to 2.0x the attention difference changes by" in notes


def test_without_controls_there_is_no_verdict_yet(document: Document) -> None:
    plain = replace(
        document,
        figures=[part for part in document.figures if part.name != "verdicts"],
        tables=[part for part in document.tables if part.name not in ("verdicts", "findings")],
    )
    found = opened(deck_bytes(plain))
    assert len(found.slides) == 9
    assert "No verdict yet: 3 of 4 units change clearly" in titles(found)
    assert any("cannot be separated" in texts(slide) for slide in found.slides)


def sizes(data: bytes, folder: str) -> list[float]:
    """The sizes in points of all letters in a folder of the file."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        found = [file.read(n) for n in file.namelist() if n.startswith(folder) and ".rels" not in n]
    return [int(size) / 100 for text in found for size in re.findall(rb'\bsz="(\d+)"', text)]


@pytest.mark.parametrize("appendix", [False, True])
def test_everything_can_be_read_from_the_last_row(document: Document, appendix: bool) -> None:
    found = deck_bytes(document, talk=TalkOptions(appendix=appendix))
    for folder in ("ppt/slides/slide", "ppt/charts/chart"):
        assert min(sizes(found, folder)) >= 14
    for slide in opened(found).slides:
        if slide.shapes.title.text_frame.text.startswith(("Verdict:", "What this", "How to")):
            boxes = [s for s in slide.shapes if s.has_text_frame and not s.is_placeholder]
            letters = [
                r.font.size.pt for s in boxes for p in s.text_frame.paragraphs for r in p.runs
            ]
            assert min(letters) >= 18


def test_no_quarter_of_a_slide_is_empty(deck: Any) -> None:
    middle_x, middle_y = deck.slide_width / 2, deck.slide_height / 2
    for slide in deck.slides:
        shapes = [
            s for s in slide.shapes
            if not (s.is_placeholder and s.placeholder_format.type in (15, 16))
        ]  # fmt: skip
        for right in (False, True):
            for low in (False, True):
                assert any(
                    (s.left + s.width > 1.1 * middle_x if right else s.left < 0.9 * middle_x)
                    and (s.top + s.height > 1.3 * middle_y if low else s.top < 0.7 * middle_y)
                    for s in shapes
                ), (slide.shapes.title.text_frame.text, right, low)


def test_captions_are_whole_below_a_chart_or_in_the_notes(document: Document, deck: Any) -> None:
    for index, name in ((2, "bars"), (5, "classes")):
        caption = next(part.caption for part in document.figures if part.name == name)
        slide = deck.slides[index]
        assert caption.text in slide.notes_slide.notes_text_frame.text
        below = [t for t in texts(slide).split("\n") if t.startswith("Mean ")]
        assert below
        assert all("…" not in text for text in below)
        assert all(detail in " ".join(below) for detail in caption.details)


def test_sections_choose_slides_and_their_order(document: Document) -> None:
    talk = TalkOptions(sections=("verdict", "question"))
    assert titles(opened(deck_bytes(document, talk=talk))) == [
        "Verdict: in 1 of 4 units larger objects get the larger kernel", document.title,
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"got 'verdicts'\. Did you mean 'verdict'"):
        deck_bytes(document, talk=TalkOptions(sections=("verdicts",)))
    message = "nothing for the section 'pictures', which shows a single image; leave it out"
    with pytest.raises(UsageError, match=message):
        deck_bytes(document, talk=TalkOptions(sections=("pictures",)))


def test_tables_come_with_the_appendix_only(document: Document, deck: Any) -> None:
    assert "Verdicts" not in titles(deck)
    found = titles(opened(deck_bytes(document, talk=TalkOptions(appendix=True))))
    assert found[:10] == titles(deck)
    for table in document.tables:
        assert table.prose or any(title.startswith(table.title) for title in found[10:])
    assert len(set(found)) == len(found)


def test_numbers_of_a_wide_table_are_never_cut(document: Document) -> None:
    found = opened(deck_bytes(document, talk=TalkOptions(("question",), appendix=True)))
    tables = [s.table for slide in list(found.slides)[1:] for s in slide.shapes if s.has_table]
    cells = [cell.text_frame.text for table in tables for row in table.rows for cell in row.cells]
    assert len(cells) > 100
    assert not [cell for cell in cells if re.search(r"\d…", cell)]


def test_one_photograph_is_seen_and_read(image_result: ImageResult) -> None:
    document = image_document([image_result])
    found = opened(deck_bytes(document))
    assert len(found.slides) <= 10
    pictures = [s for s in found.slides[2].shapes if s.shape_type == 13]
    assert len(pictures) == 3
    assert [len(charts(slide)) for slide in found.slides][:5] == [0, 1, 0, 2, 2]
    assert "One photograph." in texts(found.slides[len(found.slides) - 2])


def test_of_many_photographs_five_have_a_slide_and_the_others_are_named(
    image_result: ImageResult,
) -> None:
    document = image_document([image_result] * 7)
    found = opened(deck_bytes(document))
    assert len(found.slides) == 10
    shown = [s for s in found.slides if [x for x in s.shapes if x.shape_type == 13] and charts(s)]
    assert len(shown) == 5
    assert "2 more images" in texts(found.slides[8])


def template(path: Path, background: str = "102030") -> Path:
    """A talk of somebody's: its own size, font, colours, a slide, and a section that names it."""
    found = pptx.Presentation()
    found.slide_width, found.slide_height = pptx.util.Inches(16), pptx.util.Inches(9)
    slide = found.slides.add_slide(found.slide_layouts[1])
    slide.shapes.title.text_frame.text = "Somebody's slide"
    master = found.slide_master
    relation = pptx.opc.constants.RELATIONSHIP_TYPE.THEME
    theme = master.part.part_related_by(relation)
    text = theme.blob.decode().replace('latin typeface="Calibri"', 'latin typeface="Georgia"')
    text = re.sub(r"<a:dk1>.*?</a:dk1>", '<a:dk1><a:srgbClr val="FFEEDD"/></a:dk1>', text, flags=16)
    text = re.sub(
        r"<a:lt1>.*?</a:lt1>", f'<a:lt1><a:srgbClr val="{background}"/></a:lt1>', text, flags=16
    )
    theme._blob = text.encode()
    number = found.slides._sldIdLst[0].get("id")
    found.element.append(etree.fromstring(
        '<p:extLst xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main">'
        '<p:ext uri="{521415D9-36F7-43E2-AB2F-B90AF26B5E84}"><p14:sectionLst'
        ' xmlns:p14="http://schemas.microsoft.com/office/powerpoint/2010/main"><p14:section'
        ' name="a" id="{00000000-0000-0000-0000-000000000001}"><p14:sldIdLst><p14:sldId'
        f' id="{number}"/></p14:sldIdLst></p14:section></p14:sectionLst></p:ext></p:extLst>'
    ))  # fmt: skip
    found.save(str(path))
    return path


def test_a_template_gives_its_size_fonts_and_colours(document: Document, tmp_path: Path) -> None:
    talk = TalkOptions(template=template(tmp_path / "talk.pptx"))
    data = deck_bytes(document, talk=talk)
    found = opened(data)
    assert (found.slide_width.inches, found.slide_height.inches) == (16, 9)
    assert len(found.slides) == 10
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        everything = b"".join(file.read(name) for name in file.namelist())
        theme = file.read("ppt/theme/theme1.xml")
        slides = b"".join(file.read(n) for n in file.namelist() if n.startswith("ppt/slides/"))
    assert b"Somebody's slide" not in everything
    assert b"sectionLst" not in everything
    assert b'latin typeface="Georgia"' in theme
    assert b"<a:latin" not in slides  # every text has the font of the template
    chart = charts(found.slides[2])[0]
    assert str(chart.font.color.rgb) == "FFEEDD"
    # On a dark ground scales have the colours for one.
    assert str(chart.plots[0].series[2].format.line.color.rgb) == "FFFFFF"
    for slide in found.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.left + shape.width <= found.slide_width
            assert shape.top >= 0 and shape.top + shape.height <= found.slide_height


def test_what_is_no_template_is_said(document: Document, tmp_path: Path) -> None:
    broken = tmp_path / "talk.pptx"
    broken.write_bytes(b"no slides")
    for path in (broken, tmp_path / "missing.pptx"):
        with pytest.raises(UsageError, match=r"expected a PowerPoint file \(\.pptx\)"):
            deck_bytes(document, talk=TalkOptions(template=path))


def parts(data: bytes) -> Iterator[tuple[str, Any]]:
    """The XML parts of a file, by their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        for name in file.namelist():
            if name.endswith((".xml", ".rels")):
                yield name, etree.fromstring(file.read(name))


@pytest.mark.parametrize("own", [False, True])
def test_the_package_holds_together(document: Document, tmp_path: Path, own: bool) -> None:
    """What PowerPoint offers to repair: names twice, parts without a type, links to nowhere."""
    path = template(tmp_path / "talk.pptx") if own else None
    data = deck_bytes(document, talk=TalkOptions(appendix=True, template=path))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        names = file.namelist()
    assert len(names) == len(set(names))
    found = dict(parts(data))
    types = found["[Content_Types].xml"]
    overrides = {node.get("PartName") for node in types if node.tag.endswith("Override")}
    endings = {node.get("Extension") for node in types if node.tag.endswith("Default")}
    for name in names:
        if name != "[Content_Types].xml":
            assert f"/{name}" in overrides or name.rpartition(".")[2] in endings, name
    assert overrides <= {f"/{name}" for name in names}
    for name, root in found.items():
        if not name.endswith(".rels"):
            continue
        folder, _, own_name = name.rpartition("/_rels/")
        source = f"{folder}/{own_name.removesuffix('.rels')}".lstrip("/")
        ids = {node.get("Id") for node in root}
        assert len(ids) == len(root)
        for node in root:
            if node.get("TargetMode") != "External":
                target = (Path("/") / folder / node.get("Target")).as_posix()
                assert _flat(target).lstrip("/") in names, (name, target)
        if source in found:
            used = {
                value for node in found[source].iter() for key, value in node.attrib.items()
                if key.startswith(RELATIONS)
            }  # fmt: skip
            assert used <= ids, (source, used - ids)
    for name, root in found.items():
        if re.fullmatch(r"ppt/slides/slide\d+\.xml", name):
            own_ids = [node.get("id") for node in root.iter() if node.tag.endswith("}cNvPr")]
            assert len(own_ids) == len(set(own_ids)), name


def _flat(path: str) -> str:
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept.pop()
        elif part:
            kept.append(part)
    return "/".join(kept)


# The order of elements in ISO 29500-1, Annex A (dml-chart.xsd), where ours are put in by hand.
ORDERS = {
    "ser": "idx order tx spPr invertIfNegative pictureOptions marker dPt dLbls trendline errBars"
    " cat val xVal yVal smooth shape extLst",
    "errBars": "errDir errBarType errValType noEndCap plus minus val spPr extLst",
    "valAx": "axId scaling delete axPos majorGridlines minorGridlines title numFmt majorTickMark"
    " minorTickMark tickLblPos spPr txPr crossAx crosses crossesAt crossBetween majorUnit"
    " minorUnit dispUnits extLst",
    "catAx": "axId scaling delete axPos majorGridlines minorGridlines title numFmt majorTickMark"
    " minorTickMark tickLblPos spPr txPr crossAx crosses crossesAt auto lblAlgn lblOffset"
    " noMultiLvlLbl extLst",
    "ln": "noFill solidFill gradFill pattFill prstDash custDash round bevel miter headEnd tailEnd",
}


def test_elements_stand_in_the_order_of_the_standard(data: bytes) -> None:
    looked = 0
    for _, root in parts(data):
        for node in root.iter(etree.Element):
            order = ORDERS.get(etree.QName(node).localname)
            if order is None or "chart" not in root.nsmap.get("c", ""):
                continue
            places = [order.split().index(etree.QName(child).localname) for child in node]
            assert places == sorted(places), etree.tostring(node)[:300]
            looked += 1
    assert looked > 40


def test_every_chart_and_picture_has_an_alternative_text(deck: Any) -> None:
    shapes = [
        shape
        for slide in deck.slides
        for shape in slide.shapes
        if shape.has_chart or shape.has_table or shape.shape_type == 13
    ]
    assert len(shapes) >= 9
    assert all(described(shape) for shape in shapes)


def test_many_notes_push_no_limit_off_the_slide(hard_run: Run) -> None:
    document = run_document(hard_run, resamples=0)
    few = limits(replace(document, notes=[]), None, controls=False)
    many = limits(replace(document, notes=["a", "b", "c", "d", "e"]), None, controls=False)
    assert many[-len(few) :] == few
    assert len(many) == 6
