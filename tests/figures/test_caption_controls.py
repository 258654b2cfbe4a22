"""Captions of fields, interventions, controls and verdicts, against numbers set by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from skviz.figures.display import caption_of
from skviz.figures.provenance import Provenance
from skviz.figures.studies.comparison import ComparedShifts
from skviz.figures.studies.control_views import ControlViews
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import FieldMaps
from skviz.figures.studies.interventions import InterventionPanels
from skviz.figures.studies.verdicts import VerdictRows
from skviz.inference.compare import compare
from skviz.inference.paper import compare_with_paper
from skviz.runs.records import Run
from skviz.studies.receptive_field.result import Field, ReceptiveField
from skviz.units import Kernel, Unit
from tests.helpers.synthetic import make_run, stage_units

RUN = Provenance("sknet50", "photos", True, 1500, 10, "val", (1.0, 2.0))
ENDING = "Network: sknet50; weights: photos. Measured scales: 1.0x and 2.0x."
WIDTHS = np.array([[40.0, 50.04], [44.0, 55.0]])
MAPS = FieldMaps(
    np.full((2, 2, 8, 8), 1 / 64, np.float32), WIDTHS, (1.0, 2.0), ("3x3", "mixed"), "SK_3_4"
)
CHART = FieldWidths(WIDTHS, WIDTHS - 1, WIDTHS + 1, (1.0, 2.0), ("mixed", "<b>"), "SK_3_4")


def test_maps_of_fields() -> None:
    caption = caption_of(MAPS, RUN)
    assert caption.title == (
        "SK_3_4: the width of the mixed field in pixels rises from 50.0 at 1.0x to 55.0 at 2.0x"
    )
    assert caption.text.startswith(
        "Mean over 1,500 images of 'val' (10 classes) of the effective receptive field (gradient"
        " of the central output with respect to the input) of SK_3_4: one row per field (3x3 and"
        " mixed), one column per scale (1.0x and 2.0x). All maps share one colour scale"
    )
    assert "White squares: the width of the field" in caption.text
    assert "White squares: the width of the field" in caption.note
    assert caption.text.endswith(ENDING)
    assert caption.alt == (
        "4 maps of the effective receptive field of SK_3_4."
        " 3x3: width in pixels 40.0 at 1.0x and 44.0 at 2.0x."
        " Mixed: width in pixels 50.0 at 1.0x and 55.0 at 2.0x."
    )


def test_widths_of_fields() -> None:
    caption = caption_of(CHART, RUN)
    assert "in pixels rises from 40.0 at 1.0x to 44.0 at 2.0x" in caption.title
    assert "of the width of the effective receptive field" in caption.text
    assert "Bars: 95 % bootstrap intervals over images." in caption.text
    nothing = replace(CHART, low=np.full((2, 2), np.nan), high=np.full((2, 2), np.nan))
    assert "Bars" not in caption_of(nothing, RUN).text
    none = replace(CHART, labels=("a", "b"), widths=np.full((2, 2), np.nan))
    assert caption_of(none, RUN).title == (
        "SK_3_4: the width of the b field in pixels is no value at 1.0x"
    )


def test_maps_and_widths_on_a_page_are_of_one_unit() -> None:
    caption = caption_of([MAPS, CHART], RUN)
    assert caption.title == caption_of(MAPS, RUN).title
    assert caption.text.count(ENDING) == 1
    assert "Chart 2: Line chart of the width of 2 fields of SK_3_4." in caption.alt


def test_about_a_field() -> None:
    unit = Unit("SK_3_4", "a", (Kernel(3), Kernel(3, 2)), 8)
    about = {"model": "tiny", "weights": "none", "trained": False}
    field = ReceptiveField(
        unit, (1.0,), (Field("mixed", "mixed"),), ("a/b.png",), np.zeros((1, 1, 2, 2), np.float32),
        np.zeros((1, 1, 1, 4)), np.zeros((1, 1)), np.zeros((1, 1)), about,
    )  # fmt: skip
    assert Provenance.of_field(field) == Provenance(
        "tiny", "none", False, scales=(1.0,), image="b.png"
    )
    two = replace(field, images=("a.png", "b.png"))
    assert Provenance.of_field(two).source == "2 images"


def panels(targets: int = 2) -> InterventionPanels:
    values = np.zeros((2, targets, 2))
    values[0, 0], values[1, -1, 1] = [0.1, -0.2], -0.5
    values[0, -1, 1] = np.nan
    names = (*(f"2_{k + 1}" for k in range(targets - 1)), "all")
    quantity = "change of the probability of the true class"
    return InterventionPanels(
        values, values - 0.1, values + 0.1, ("uniform", "images exchanged"), names, (1.0, 2.0),
        quantity,
    )  # fmt: skip


def test_interventions() -> None:
    caption = caption_of(panels(), RUN)
    assert caption.title == (
        "Change of the probability of the true class: most for images exchanged in all units"
        " together at 2.0x (\N{MINUS SIGN}0.5000)"
    )
    assert caption.text == (
        "Mean over 1,500 images of 'val' (10 classes) of the change of the probability of the true"
        " class where the attention of one unit is replaced; all: all units of the network"
        " together. One panel per replacement (uniform and images exchanged), one mark per scale"
        " (1.0x and 2.0x)."
        f" Bars: 95 % bootstrap intervals of the mean. {ENDING}"
    )
    assert caption.alt.endswith(
        " Uniform at 2.0x: 2_1 \N{MINUS SIGN}0.2000, all no value."
        " Images exchanged at 2.0x: 2_1 +0.0000, all \N{MINUS SIGN}0.5000."
    )


def test_interventions_in_many_units_and_in_none() -> None:
    caption = caption_of(panels(12), RUN)
    assert "Uniform at 2.0x: from \N{MINUS SIGN}0.2000 in 2_1 to +0.0000 in 2_2." in caption.alt
    nothing = np.full((2, 2, 2), np.nan)
    empty = replace(panels(), values=nothing, low=nothing, high=nothing)
    caption = caption_of(empty, RUN)
    assert caption.title == "Change of the probability of the true class: no values"
    assert "Uniform at 2.0x: no values." in caption.alt
    assert "Bars" not in caption.text


def test_views_of_controls() -> None:
    pixels = np.zeros((2, 4, 4, 3), np.uint8)
    rows = [("plain", (1.0, 2.0), pixels), ("zoom-out-mean", (1.0, 0.5), pixels)]
    caption = caption_of(ControlViews(rows, "ant/0.png"), RUN)
    assert caption.title == "The image 'ant/0.png' in 2 controls"
    assert caption.text == (
        "What the network sees of the image 'ant/0.png' of 'val': one row per control (plain and"
        f" zoom-out-mean), one column per scale, which stands above each view. {ENDING}"
    )
    assert caption.alt == (
        "2 rows of pictures of the image 'ant/0.png'. Plain: 1.0x and 2.0x."
        " Zoom-out-mean: 1.0x and 0.5x."
    )
    assert caption_of(ControlViews(rows), RUN).title == "One image in 2 controls"


def test_verdicts() -> None:
    values = np.array([[[0.1, 0.05, 0.15], [-0.2, -0.3, -0.1]]])
    words = ("larger objects get the larger kernel", "falls")
    shown = VerdictRows(values, ("whole shift",), ("2_1", "3_4"), words, 2.0)
    caption = caption_of(shown, RUN)
    assert caption.title == "In 1 of 2 units larger objects get the larger kernel"
    assert caption.text.startswith(
        "Mean over 1,500 images of 'val' (10 classes) of the shift of the attention difference"
        " from 1.0x to 2.0x, per unit, and what remains of it: whole shift. On the right"
    )
    assert "Bars: 95 % bootstrap intervals of the mean." in caption.text
    assert "Bars: 95 % bootstrap intervals of the mean." in caption.note
    assert "Hatched" not in caption.text
    assert caption.alt == (
        "Rows of marks for 2 units. 2_1: +0.1000, larger objects get the larger kernel."
        " 3_4: \N{MINUS SIGN}0.2000, falls."
    )
    banded = replace(shown, null=np.array([[-0.1, 0.1], [-0.1, 0.1]]))
    assert (
        "Hatched: where this network would lie if it shifted like random networks."
        in caption_of(banded, RUN).text
    )


def test_intervals_are_named_where_there_are_some() -> None:
    values, none = np.array([[0.1], [0.2]]), np.full((2, 1), np.nan)
    plain = ComparedShifts(values, none, none, ("2_3",), ("a", "b"), (1.0, 2.0))
    assert "intervals" not in caption_of(plain, RUN).text
    drawn = ComparedShifts(values, values, values, ("2_3",), ("a", "b"), (1.0, 2.0))
    text = caption_of(drawn, RUN).text
    assert "a and b. Bars: bootstrap confidence intervals of the mean." in text
    assert text.startswith("Mean over 1,500 images of 'val' (10 classes) of the shift of the")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder, classes=["a", "b"], per_class=4)
    return folder


def test_about_a_comparison(run: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "b", classes=["a", "b"], per_class=4)
    settings = tmp_path / "b" / "run.json"
    text = settings.read_text().replace('"name": "made up"', '"name": "other"')
    settings.write_text(text.replace('"trained": true', '"trained": false'))
    same = Provenance.of_comparison(compare(run, run, resamples=0))
    assert same == Provenance("made up", "none", True, 8, 2, "made-up", (1.0, 1.5, 2.0))
    assert Run(tmp_path / "b").settings["model"]["trained"] is False
    two = Provenance.of_comparison(compare(run, tmp_path / "b", resamples=0))
    assert two.network == "a: made up, b: other (untrained)"
    assert (two.weights, two.trained) == ("none", True)


def test_about_a_comparison_with_the_paper(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    make_run(folder, stage_units((3, 4, 6, 3)), classes=2)
    about = Provenance.of_comparison(compare_with_paper(folder, resamples=0))
    assert about == Provenance.of_run(Run(folder))
