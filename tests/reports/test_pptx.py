"""Slides: native charts with the display's own numbers, notes, alternative texts, hard names."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skviz.errors import OutputError, UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.native import numbers_along, ticks_of
from skviz.figures.provenance import Provenance
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.style.palette import scale_styles
from skviz.reports.document import Document, figure_part
from skviz.reports.documents.of_images import image_document
from skviz.reports.documents.of_run import run_document
from skviz.reports.pptx.deck import TalkOptions, deck_bytes
from skviz.reports.words import with_names
from skviz.reports.writers import writer_of
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult

pptx = pytest.importorskip("pptx", reason="needs python-pptx (pip install 'skviz[pptx]')")
from pptx.oxml.ns import qn  # noqa: E402

from skviz.reports.pptx.parts import MOST_ROWS, extreme_rows  # noqa: E402
from tests.helpers.synthetic import make_run, stage_units  # noqa: E402
from tests.reports.conftest import described  # noqa: E402

WHOLE = TalkOptions(appendix=True)

NAMES = (
    "狗 与 猫", "قطة", "🐕 dog", "<b>bold</b> & 'co'", "bell\x07 and null\x00", "=1+1",
    "http://nowhere.invalid", "turned \u202e around", "long " * 40, r"100 % \alpha_{2} $x^2$",
)  # fmt: skip


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = tmp_path_factory.mktemp("runs") / "strange"
    units = stage_units((2, 2, 2, 2), channels=32)
    make_run(folder, units, classes=NAMES, per_class=5)
    found = run_document(Run(folder), resamples=0)
    return replace(found, figures=found.figures[:5])  # one map of channels is enough


@pytest.fixture(scope="module")
def deck(contents: Document) -> Any:
    return opened(deck_bytes(contents, talk=WHOLE))


def opened(data: bytes) -> Any:
    return pptx.Presentation(io.BytesIO(data))


def charts(deck: Any) -> list[Any]:
    return [shape for slide in deck.slides for shape in slide.shapes if shape.has_chart]


def charts_of(deck: Any, contents: Document, name: str) -> list[Any]:
    """The charts of the slide that has the title of a figure."""
    title = next(part.title for part in contents.figures if part.name.startswith(name))
    slide = next(s for s in deck.slides if s.shapes.title.text_frame.text == title)
    return [shape for shape in slide.shapes if shape.has_chart]


def class_charts(deck: Any) -> list[Any]:
    """The charts of classes, one per unit: that of the talk, and the others in the appendix."""
    found = [frame for frame in charts(deck) if frame.chart.category_axis.has_title]
    titles = [frame.chart.category_axis.axis_title.text_frame.text for frame in found]
    return [frame for frame, title in zip(found, titles, strict=True) if title == "class"]


def display(contents: Document, kind: type) -> Any:
    return next(part.display for part in contents.figures if isinstance(part.display, kind))


def points(series: Any) -> list[tuple[float, float]]:
    """Positions and values of a series of an XY chart."""
    values = [
        [float(v.text) for v in series._element.findall(f"{{*}}{name}//{{*}}v")]
        for name in ("xVal", "yVal")
    ]
    return list(zip(*values, strict=True))


def test_deck_is_16_to_9_and_every_slide_has_a_title(contents: Document, deck: Any) -> None:
    assert deck.slide_width / deck.slide_height == pytest.approx(16 / 9, rel=1e-3)
    titles = [slide.shapes.title.text_frame.text for slide in deck.slides]
    assert titles[0] == contents.title
    assert all(titles)
    assert len(set(titles)) == len(titles)


def test_bars_have_the_values_and_the_error_bars(contents: Document, deck: Any) -> None:
    bars = display(contents, UnitBars)
    chart = charts_of(deck, contents, "bars")[1].chart
    assert list(chart.plots[0].categories) == list(bars.units)
    for index, series in enumerate(chart.plots[0].series):
        assert series.name == ("1.0x", "1.5x", "2.0x")[index]
        np.testing.assert_allclose(series.values, bars.values[:, index])
        lengths = series._element.findall(f"{qn('c:errBars')}/{qn('c:plus')}//{qn('c:v')}")
        drawn = [float(value.text) for value in lengths]
        np.testing.assert_allclose(drawn, bars.errors[:, index])
        colour = series.format.line.color.rgb
        assert f"#{colour}" == scale_styles(bars.scales)[index].colour


def test_lines_over_channels_have_the_curves(contents: Document, deck: Any) -> None:
    lines = display(contents, ChannelLines)
    chart = charts_of(deck, contents, "bars")[0].chart
    for curve, series in zip(lines.curves, chart.plots[0].series, strict=True):
        x, y = zip(*points(series), strict=True)
        np.testing.assert_allclose(x, lines.x)
        np.testing.assert_allclose(y, curve)
    dashes = [series.format.line.dash_style for series in chart.plots[0].series]
    markers = [series.marker.style for series in chart.plots[0].series]
    assert len(set(dashes)) == len(set(markers)) == 3


def test_lines_over_units_have_the_values(contents: Document, deck: Any) -> None:
    depth = display(contents, DepthLines)
    (frame,) = charts_of(deck, contents, "units")
    chart = frame.chart
    for index, series in enumerate(chart.plots[0].series):
        np.testing.assert_allclose(series.values, depth.values[:, index])


def test_class_curves_have_one_chart_per_unit(contents: Document, deck: Any) -> None:
    curves = display(contents, ClassCurves)
    found = class_charts(deck)
    assert len(found) == len(curves.units)
    shown = curves.units.index("SK_3_2")  # the unit of the lines comes first, in the talk
    order = [shown, *(index for index in range(len(found)) if index != shown)]
    for index, frame in zip(order, found, strict=True):
        for scale, series in enumerate(frame.chart.plots[0].series):
            np.testing.assert_allclose(series.values, curves.values[index, scale])


def test_strange_names_come_out_right(deck: Any) -> None:
    names = list(class_charts(deck)[0].chart.plots[0].categories)
    assert names[:4] == ["狗 与 猫", "قطة", "🐕 dog", "<b>bold</b> & 'co'"]
    assert names[4] == "bell\N{REPLACEMENT CHARACTER} and null\N{REPLACEMENT CHARACTER}"
    # A space before it: a spreadsheet would take it for a formula, or a link.
    assert names[5] == " =1+1"
    assert names[6] == " http://nowhere.invalid"
    assert names[7] == "turned  around"
    assert names[8].startswith("long long") and names[8].endswith("…") and len(names[8]) < 40


def test_data_behind_a_chart_holds_no_formula(contents: Document) -> None:
    with zipfile.ZipFile(io.BytesIO(deck_bytes(contents, talk=WHOLE))) as deck_file:
        books = [name for name in deck_file.namelist() if name.endswith(".xlsx")]
        assert books
        for name in books:
            with zipfile.ZipFile(io.BytesIO(deck_file.read(name))) as book:
                sheet = book.read("xl/worksheets/sheet1.xml").decode()
                assert "<f>" not in sheet
                assert "hyperlink" not in sheet


def test_notes_and_alternative_texts(contents: Document, deck: Any) -> None:
    shapes = [
        shape
        for slide in deck.slides
        for shape in slide.shapes
        if shape.has_chart or shape.has_table or shape.shape_type == 13
    ]
    assert len(shapes) > 10
    assert all(described(shape) for shape in shapes)
    bars = next(part for part in contents.figures if part.name == "bars")
    slide = next(s for s in deck.slides if s.shapes.title.text_frame.text == bars.title)
    notes = slide.notes_slide.notes_text_frame.text
    assert bars.caption.text in notes
    assert bars.caption.alt in notes
    assert f"{bars.display.values[0, 0]:.6g}\t" in notes
    assert all(slide.has_notes_slide for slide in deck.slides)


def test_footer_says_weights_and_version(deck: Any) -> None:
    for slide in list(deck.slides)[1:]:
        texts = [shape.text_frame.text for shape in slide.placeholders]
        assert any("weights: none · skviz " in text for text in texts)
        assert any("slidenum" in shape._element.xml for shape in slide.placeholders)


def test_dark_deck_is_dark(contents: Document) -> None:
    found = opened(deck_bytes(contents, "dark"))
    assert 'bg1="dk1"' in found.slide_master._element.xml
    chart = charts(found)[0].chart
    assert str(chart.font.color.rgb) == "EDEDED"
    # The third scale is black on white, and white on black.
    assert str(list(chart.plots[0].series)[2].format.line.color.rgb) == "FFFFFF"


def test_thousand_classes_are_points_of_a_curve() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 0.02, (2, 2, 1000))
    values[0, 0, 7] = np.nan
    curves = ClassCurves(values, np.arange(1000), (1.0, 1.5), ("SK_2_3", "SK_3_4"))
    part = figure_part("classes", curves, Provenance("n", "w"))
    given = Document("many", [], [part], [], [], [])
    found = charts(opened(deck_bytes(given, talk=WHOLE)))
    assert len(found) == 2
    first = list(found[0].chart.plots[0].series)
    assert len(points(first[0])) == 999  # the class without images has no point
    assert dict(points(first[1]))[7.0] == pytest.approx(values[0, 1, 7])
    assert first[0].marker.style == pptx.enum.chart.XL_MARKER_STYLE.NONE


def test_images_are_pictures_with_their_scale(image_result: ImageResult) -> None:
    given = image_document([image_result])
    slide = opened(deck_bytes(given, talk=TalkOptions(("question", "pictures")))).slides[1]
    pictures = [shape for shape in slide.shapes if shape.shape_type == 13]
    assert len(pictures) == 3
    assert [described(picture)[:17] for picture in pictures] == [
        "The image at 1.0x", "The image at 1.5x", "The image at 2.0x",
    ]  # fmt: skip


def test_slides_of_several_images_say_whose_they_are(image_result: ImageResult) -> None:
    given = image_document([image_result, image_result])
    assert len(given.images) == 2
    titles = [part.title for part in with_names(given).figures]
    assert all("photo.png" in title for title in titles)
    assert with_names(image_document([image_result])).figures[1].title == given.figures[1].title


def test_slides_hold_everything_within_their_edges(contents: Document, deck: Any) -> None:
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height


def test_long_tables_show_their_extremes(tmp_path: Path) -> None:
    make_run(tmp_path / "run", classes=100, per_class=2)
    table = run_document(Run(tmp_path / "run"), resamples=0).tables[-1]
    rows = extreme_rows(table)
    last = table.frame.iloc[:, -1].to_numpy()
    assert len(table.frame) == 100 > MOST_ROWS
    assert len(rows) == 12
    assert last[list(rows[:6])].min() >= np.sort(last)[-6]
    assert last[list(rows[6:])].max() <= np.sort(last)[5]
    assert list(extreme_rows(table, 100)) == list(range(100))


def test_axis_has_round_ends_that_hold_the_error_bars() -> None:
    low, high, step = ticks_of(np.array([[0.012, 0.031]]), np.array([[0.03, 0.001]]), 0.0)
    assert low <= -0.018
    assert high >= 0.042
    assert step == pytest.approx(0.01)
    assert ticks_of(np.array([[np.nan]]))[:2] == (0.0, 1.0)
    assert numbers_along([0, 60]) == (0.0, 60.0, 10.0) or numbers_along([0, 60])[1] >= 60


def test_bands_of_random_networks_have_no_native_chart(contents: Document) -> None:
    bars = display(contents, UnitBars)
    banded = UnitBars(bars.values, bars.scales, bars.units, null=np.zeros((*bars.values.shape, 2)))
    part = figure_part("bars", banded, Provenance("n", "w"))
    assert banded.native_charts(part.caption) == []
    given = Document("banded", [], [part], [], [], [])
    found = opened(deck_bytes(given, talk=TalkOptions(("figure3",))))
    assert [shape.shape_type for shape in found.slides[0].shapes].count(13) == 1


def test_nothing_is_overwritten_unasked(contents: Document, tmp_path: Path) -> None:
    path = tmp_path / "slides.pptx"
    path.write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        writer_of(path)(contents)
    assert path.read_text() == "mine"
    assert writer_of(path, overwrite=True)(contents) == [path]
    assert [entry.name for entry in tmp_path.iterdir()] == ["slides.pptx"]


def test_says_what_to_install(
    contents: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pptx", None)
    message = re.escape("pip install 'skviz[pptx]'")
    with pytest.raises(UsageError, match=message):
        writer_of(tmp_path / "slides.pptx")(contents)
