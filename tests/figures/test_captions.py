"""Captions say what the data says: every expected text was computed by hand."""

# ruff: noqa: RUF001 (minus signs)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.overview import AttentionFigure
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.caption import Caption
from skviz.figures.display import caption_of
from skviz.figures.provenance import Provenance, control_in_words
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.figures.studies.comparison import ComparedShifts
from skviz.figures.wording import number, signed, trend
from skviz.inference.summary import Summary, summarise
from skviz.models import ModelInfo
from skviz.pictures.scaling import DEFAULT_SPEC
from skviz.runs.measurements import Measurements
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult
from skviz.studies.unit_choice import choose_units
from tests.helpers.synthetic import make_run

RUN = Provenance("sknet50", "photos", True, 1500, 10, "val", (1.0, 2.0))
IMAGE = Provenance("sknet50", "none", False, scales=(1.0, 2.0), image="dog.jpg")
ENDING = "Network: sknet50; weights: photos. Measured scales: 1.0x and 2.0x."


def lines(**changes: object) -> ChannelLines:
    given = {
        "curves": np.array([[0.4, 0.5, 0.6], [0.5, 0.7, 0.6]]),
        "x": np.array([0, 2, 4]),
        "scales": (1.0, 2.0),
        "unit": "SK_3_4",
        "branch_label": "5x5",
        "group": 2,
        "channels": 6,
    }
    return ChannelLines(**{**given, **changes})


def test_lines_of_one_image() -> None:
    caption = caption_of(lines(), IMAGE)
    assert caption.title == (
        "SK_3_4: the mean attention of the 5x5 kernel rises from 0.5000 at 1.0x to 0.6000 at 2.0x"
    )
    assert caption.text == (
        "Attention of the 5x5 kernel over the 6 channels of SK_3_4, of the image 'dog.jpg',"
        " each point the mean of 2 consecutive channels, one line per scale (1.0x and 2.0x)."
        " Network: sknet50; weights: none."
        " The network is untrained: this is the attention of random weights."
        " Measured scales: 1.0x and 2.0x."
    )
    assert caption.alt == (
        "Line chart of the attention of the 5x5 kernel over the 6 channels of SK_3_4."
        " Mean over channels: 0.5000 at 1.0x and 0.6000 at 2.0x; it rises with the scale."
        " At 1.0x the line runs from 0.4000 to 0.6000, lowest 0.4000 at channel 0,"
        " highest 0.6000 at channel 4."
        " At 2.0x the line runs from 0.5000 to 0.6000, lowest 0.5000 at channel 0,"
        " highest 0.7000 at channel 2."
    )
    assert caption.note == "sknet50, weights: none; dog.jpg."
    assert caption.warning == "Untrained network: its weights are random."


def test_lines_of_a_run_with_bands() -> None:
    caption = caption_of(lines(deviations=np.full((2, 3), 0.1)), RUN)
    assert caption.text == (
        "Mean over 1,500 images of 'val' (10 classes) of the attention of the 5x5 kernel over the"
        " 6 channels of SK_3_4, each point the mean of 2 consecutive channels, one line per scale"
        " (1.0x and 2.0x). Bands: ± one standard deviation over images (n − 1), averaged over"
        f" the channels of a point. {ENDING}"
    )


def test_one_scale_and_every_channel() -> None:
    only = lines(curves=np.array([[0.2, 0.4]]), x=np.arange(2), scales=(1.0,), group=1, channels=2)
    caption = caption_of(only, RUN)
    assert caption.title == "SK_3_4: the mean attention of the 5x5 kernel is 0.3000 at 1.0x"
    assert "one point per channel" in caption.text
    assert "with the scale" not in caption.alt


def test_fields_are_joined_where_they_are_written() -> None:
    caption = Caption("T", ("One.", "Two."), ("Bars: three.",), RUN, "Alt.")
    assert caption.shown == "One. Two. Bars: three."
    assert caption.text == f"One. Two. Bars: three. {ENDING}"
    assert caption.note == "sknet50, weights: photos; 1,500 images of 'val'. Bars: three."
    assert caption.warning == ""
    alone = Caption("T", ("One.",))
    assert (alone.text, alone.note, alone.warning) == ("One.", "", "")


def test_charts_on_a_page_say_what_their_bands_are_once() -> None:
    banded = [lines(unit=unit, deviations=np.full((2, 3), 0.1)) for unit in ("SK_3_4", "SK_4_6")]
    caption = caption_of(banded, RUN)
    assert caption.text.count("Bands: ± one standard deviation") == 1
    assert len(caption.drawn) == 2


def test_several_charts_on_a_page() -> None:
    caption = caption_of([lines(), lines(unit="SK_4_6")], RUN)
    assert caption.title.endswith("0.6000 at 2.0x (and 1 more unit)")
    assert caption.text.count("Network: sknet50") == 1
    assert caption.text.count("channels of SK_4_6") == 1
    assert caption.alt.startswith("Chart 1: Line chart")
    assert "Chart 2: Line chart" in caption.alt
    assert caption_of([lines()], RUN) == caption_of(lines(), RUN)


BARS = UnitBars(
    np.array([[-0.1, 0.05], [0.2, 0.1], [0.0, 0.3]]),
    (1.0, 2.0),
    ("2_3", "3_4", "4_6"),
    errors=np.full((3, 2), 0.01),
    quantity="attention difference (5x5 \N{MINUS SIGN} 3x3)",
)


def test_bars() -> None:
    caption = caption_of(BARS, RUN)
    assert caption.title == "The attention difference rises in 2 of 3 units from 1.0x to 2.0x"
    assert caption.text == (
        "Mean over 1,500 images of 'val' (10 classes) of the attention difference (5x5 − 3x3) per"
        " unit, one bar per scale (1.0x and 2.0x). Error bars: ± one standard deviation over"
        f" images (n − 1). {ENDING}"
    )
    assert caption.alt == (
        "Bar chart of the attention difference (5x5 − 3x3) of 3 units."
        " 2_3: −0.1000 at 1.0x and 0.0500 at 2.0x; rises."
        " 3_4: 0.2000 at 1.0x and 0.1000 at 2.0x; falls."
        " 4_6: 0.0000 at 1.0x and 0.3000 at 2.0x; rises."
    )


def test_bars_without_deviations_say_nothing_of_them() -> None:
    assert "Error bars" not in caption_of(UnitBars(np.ones((1, 2)), (1, 2), ("2_3",)), RUN).text


def test_one_unit_and_one_scale() -> None:
    one = UnitBars(np.array([[0.1, 0.2]]), (1.0, 2.0), ("2_3",))
    assert caption_of(one, RUN).title == (
        "2_3: the attention difference rises from 0.1000 at 1.0x to 0.2000 at 2.0x"
    )
    flat = UnitBars(np.array([[0.1], [0.4], [0.2]]), (1.5,), ("a", "b", "c"))
    assert caption_of(flat, RUN).title == "At 1.5x the attention difference is largest in b"


def test_many_units_say_what_stands_out() -> None:
    values = np.stack([np.zeros(23), np.linspace(-0.11, 0.11, 23)], axis=1)
    names = tuple(f"4_{index}" for index in range(23))
    caption = caption_of(DepthLines(values, (1.0, 2.0), names, (4,) * 23, values), RUN)
    assert caption.alt == (
        "Line chart of the attention difference along the depth of the network, over 23 units."
        " At 1.0x values go from 0.0000 in 4_0 to 0.0000 in 4_0."
        " At 2.0x values go from −0.1100 in 4_0 to 0.1100 in 4_22."
        " From 1.0x to 2.0x values rise in 11 of 23 units, most in 4_22 (+0.1100), least in 4_0"
        " (−0.1100)."
    )
    assert "Bands: ± one standard deviation" in caption.text


def test_nothing_known() -> None:
    nothing = np.full((12, 2), np.nan)
    names = tuple(map(str, range(12)))
    caption = caption_of(DepthLines(nothing, (1.0, 2.0), names, (None,) * 12), RUN)
    assert caption.title == "The attention difference rises in 0 of 12 units from 1.0x to 2.0x"
    flat = caption_of(UnitBars(nothing[:, :1], (1.0,), names), RUN)
    assert flat.title == "At 1.0x the attention difference has no values"


CURVES = ClassCurves(
    np.array([[[0.1, 0.2, np.nan], [0.3, 0.1, np.nan]]]),
    np.array([0, 1, 2]),
    (1.0, 2.0),
    ("SK_2_3",),
    names=("<b>cat</b>", "\N{DOG FACE}", "狗"),
)


def test_classes() -> None:
    caption = caption_of(CURVES, RUN)
    assert caption.title == "From 1.0x to 2.0x, 1 of 2 classes rise in SK_2_3"
    assert caption.text.startswith(
        "Mean attention difference per class over 1,500 images of 'val' (10 classes), one point"
        " per class, in the order of their index; one panel per unit (SK_2_3), one colour per scale"
        " (1.0x and 2.0x). "
    )
    assert caption.alt == (
        "1 panel with the attention difference of 3 classes. SK_2_3: mean over classes 0.1500 at"
        " 1.0x and 0.2000 at 2.0x. 1 of 2 classes rise in SK_2_3: most <b>cat</b> +0.2000, least"
        " \N{DOG FACE} −0.1000."
    )


def test_classes_thinned_or_smoothed() -> None:
    values = np.zeros((1, 1, 20))
    thin = ClassCurves(values, np.arange(20), (1.0,), ("SK_2_3",), every=5, sort="shift")
    caption = caption_of(thin, RUN)
    assert "every 5th class, in the order of their shift, the largest first" in caption.text
    assert caption.title == "Attention difference of 20 classes at 1.0x"
    smooth = ClassCurves(values, np.arange(20), (1.0,), ("SK_2_3",), smooth=4)
    assert "each point the mean of 4 consecutive classes" in caption_of(smooth, RUN).text


def test_heatmap() -> None:
    maps = ChannelHeatmap(np.array([[0.1, 0.2, 0.3], [0.2, 0.1, 0.5]]), (1.0, 2.0), "SK_3_4", "5x5")
    caption = caption_of(maps, RUN)
    assert caption.title == "SK_3_4: 2 of 3 channels rise from 1.0x to 2.0x"
    assert caption.alt == (
        "Heat map of the attention of the 5x5 kernel in SK_3_4, 3 channels in the order of their"
        " index. Values go from 0.1000 to 0.5000; mean over channels 0.2000 at 1.0x and 0.2667 at"
        " 2.0x. From 1.0x to 2.0x 2 of 3 channels rise, most channel 2 (+0.2000), least channel 1"
        " (−0.1000)."
    )
    assert "The lower map shows the change from 1.0x." in caption.text
    alone = ChannelHeatmap(maps.values[:1], (1.0,), "SK_3_4", "5x5")
    assert caption_of(alone, RUN).title == (
        "SK_3_4: the attention of the 5x5 kernel is 0.2000 at 1.0x"
    )


def test_thumbnails_and_overview() -> None:
    images = np.zeros((2, 4, 4, 3), np.uint8)
    views = Thumbnails(images, (1.0, 2.0), ("cat 91%", "dog 50%"))
    assert caption_of(views, IMAGE).alt == (
        "2 pictures of the image 'dog.jpg', enlarged: 1.0x (cat 91%) and 2.0x (dog 50%)."
    )
    caption = caption_of(AttentionFigure(views, (lines(),), BARS), IMAGE)
    assert caption.title == caption_of(lines(), IMAGE).title
    assert caption.text.startswith("Top: What the network sees of the image 'dog.jpg' at 1.0x")
    assert " Lines: Attention of the 5x5 kernel" in caption.text
    assert " Bars: Attention difference (5x5 − 3x3), of the image 'dog.jpg' per" in caption.text
    assert caption.text.count("The network is untrained") == 1
    assert caption.description == f"{caption.text}\nAlternative text: {caption.alt}"


def test_compared_runs() -> None:
    values = np.array([[0.1, -0.2], [0.2, 0.1]])
    shifts = ComparedShifts(values, values, values, ("2_3", "3_4"), ("a", "b"), (1.0, 2.0))
    caption = caption_of(shifts, RUN)
    assert caption.title == "a and b shift the same way in 1 of 2 units, from 1.0x to 2.0x"
    assert caption.alt.endswith(" 2_3: a +0.1000, b +0.2000. 3_4: a −0.2000, b +0.1000.")
    assert "The paper gives no intervals." not in caption.text


def test_what_is_no_display() -> None:
    with pytest.raises(UsageError, match=r"expected a display of skviz.*, got str"):
        caption_of("lines", RUN)
    with pytest.raises(UsageError, match=r"expected a display of skviz.*, got list"):
        caption_of([], RUN)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([1, 2, 3], "rises"),
        ([3, 2, 1], "falls"),
        ([1, 3, 2], "rises overall"),
        ([2, 3, 1], "falls overall"),
        ([1, 1, 1], "is unchanged"),
        ([1, 2, 1], "returns to its first value"),
        ([1, float("nan"), 2], "rises"),
        ([float("nan"), 1, 2], ""),
        ([1], ""),
    ],
)
def test_trends(values: list[float], word: str) -> None:
    assert trend(values, range(1, len(values) + 1)) == word
    assert trend(values[::-1], range(len(values), 0, -1)) == word  # by scale, not by position


def test_about_a_run(tmp_path: Path) -> None:
    make_run(tmp_path / "run", classes=["a", "b"], per_class=3, shard_size=4, shards=1)
    run = Run(tmp_path / "run")
    about = Provenance.of_run(run)
    assert about == Provenance(
        "made up", "none", True, 4, 2, "made-up", (1.0, 1.5, 2.0), complete=False
    )
    assert about.sentences.endswith("The run is not complete.")
    assert Provenance.of_summary(summarise(run, resamples=0)) == about


def test_about_measurements_that_come_from_nowhere() -> None:
    cube = np.zeros((7, 1, 1), np.float32)
    about = Provenance.of_summary(Summary(Measurements((), (1.0,), cube, cube)))
    assert about.network == "unnamed network"
    assert about.source == "7 images"
    assert about.classes is None


def test_about_an_image(attention_of, views_of) -> None:
    attention = attention_of()
    info = ModelInfo("sknet50", "random", None, False, DEFAULT_SPEC)
    views = views_of()
    result = ImageResult(views, attention, choose_units(attention.units), info)
    about = Provenance.of_image(result)
    assert (about.network, about.trained, about.scales) == ("sknet50", False, (1.0, 1.5, 2.0))
    assert about.source == "one image"
    assert about.single


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ({"kind": "blur"}, "the 1.0x view reduced to 1/s and back: resolution is lost"),
        ({"kind": "cascade", "from": "SK_5_3", "seed": 3}, "down to SK_5_3 are random (seed 3)"),
        ({"kind": "object", "surround": "blurred"}, "with a blurred surround"),
        ({"kind": "new", "what": "thing"}, "new thing"),
    ],
)
def test_controls_are_named(control: dict[str, object], words: str) -> None:
    assert words in control_in_words(control)
    about = Provenance("n", "w", control=control)
    assert f"This is a control: {control_in_words(control)}." in about.sentences


@pytest.mark.parametrize(
    ("means", "words"),
    [
        ([0.49321, 0.49322], "stays at 0.4932 from 1.0x to 2.0x"),
        ([0.4, 0.5, 0.4], "is 0.4000 at 1.0x and again at 3.0x"),
        ([0.49321, 0.48, 0.49324], "is 0.4932 at 1.0x and again at 3.0x"),
        ([0.4932, 0.4933], "rises from 0.4932 at 1.0x to 0.4933 at 2.0x"),
    ],
)
def test_no_title_speaks_of_a_change_that_its_numbers_do_not_show(
    means: list[float], words: str
) -> None:
    scales = tuple(float(k + 1) for k in range(len(means)))
    shown = lines(curves=np.repeat(np.array(means)[:, None], 3, axis=1), scales=scales)
    title = caption_of(shown, RUN).title
    assert title == f"SK_3_4: the mean attention of the 5x5 kernel {words}"


def test_numbers_that_round_to_zero_have_no_sign() -> None:
    assert number(-0.00001) == "0.0000"
    assert signed(-0.00001) == "+0.0000"
