from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.errors import UnitError, UsageError
from skviz.figures import AttentionFigure, ChannelLines, UnitBars, draw_attention, figure_style
from skviz.figures.attention.overview import plot_sheet
from skviz.figures.style.palette import WARNING_COLOUR
from skviz.pictures.scaling import Views

Make = Callable[..., Attention]
MakeViews = Callable[..., Views]
Tidy = Callable[[Figure], None]
SCALES = {
    1: (1.0,),
    3: (1.0, 1.5, 2.0),
    5: (0.5, 1.0, 1.5, 2.0, 3.0),
    8: (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0),
}
NAME = "a class with a rather long name, so that it does not fit below\n12.3 %"
NOTE = "sknet50_lite, 224 x 224, weights: none"
WARNING = "Untrained weights (seed 0): this shows no trained network."
ALL = [f"{s}_{p}" for s, count in {2: 3, 3: 4, 4: 6, 5: 3}.items() for p in range(1, count + 1)]


def axes_of(figure: Figure, label: str) -> Any:
    (ax,) = [ax for ax in figure.axes if ax.get_label() == label]
    return ax


def test_everything_of_figure_3a_is_there(
    attention: Attention, views_of: MakeViews, assert_tidy: Tidy
) -> None:
    views = views_of()
    figure = draw_attention(
        views, attention, ["3_4"], title="photo.jpg", note=NOTE, warning=WARNING
    )
    assert [ax.get_label() for ax in figure.axes] == ["images", "SK_3_4", "bars"]
    assert len(axes_of(figure, "images").images) == 3
    curves = ChannelLines.from_attention(attention, "3_4").curves
    drawn = [line.get_ydata() for line in axes_of(figure, "SK_3_4").lines]
    np.testing.assert_array_equal(drawn, curves)
    values = UnitBars.from_attention(attention).values
    bars = axes_of(figure, "bars")
    heights = [[patch.get_height() for patch in group] for group in bars.containers]
    np.testing.assert_allclose(np.transpose(heights), values)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["1.0x", "1.5x", "2.0x"]
    assert all(ax.get_legend() is None for ax in figure.axes)
    texts = {text.get_text(): text for text in figure.texts}
    assert {"photo.jpg", NOTE, WARNING} <= set(texts)
    assert to_hex(texts[WARNING].get_color()) == WARNING_COLOUR.lower()
    assert to_hex(texts[NOTE].get_color()) != WARNING_COLOUR.lower()
    width, height = figure.get_size_inches()
    assert height / width == pytest.approx(9 / 16, rel=0.05)
    assert_tidy(figure)


def test_no_warning_unless_there_is_one(attention: Attention, views_of: MakeViews) -> None:
    figure = draw_attention(views_of(), attention, "3_4", note=NOTE)
    assert WARNING_COLOUR.lower() not in [to_hex(text.get_color()) for text in figure.texts]


@pytest.mark.parametrize("style", ["default", "talk,dark", "ggplot"])
@pytest.mark.parametrize("count", [1, 3])
def test_every_style_is_tidy(
    attention_of: Make, views_of: MakeViews, assert_tidy: Tidy, style: str, count: int
) -> None:
    scales = SCALES[3]
    figure = draw_attention(
        views_of(scales), attention_of(scales), ALL[:count],
        captions=[NAME] * 3, note=NOTE, warning=WARNING, title="photo.jpg", style=style,
    )  # fmt: skip
    assert_tidy(figure)


@pytest.mark.parametrize("scales", SCALES.values(), ids=len)
@pytest.mark.parametrize("count", [1, 2, 7, pytest.param(16, marks=pytest.mark.slow)])
def test_every_number_of_charts_and_scales_is_tidy(
    attention_of: Make, views_of: MakeViews, assert_tidy: Tidy, count: int, scales: tuple[float]
) -> None:
    captions = [NAME] * len(scales) if count % 2 else None
    figure = draw_attention(
        views_of(scales), attention_of(scales), ALL[:count], captions=captions,
        title="a_name $that$ is {long} " * 8, note=NOTE, style="paper",
    )  # fmt: skip
    assert [ax.get_label() for ax in figure.axes[1:-1]] == [f"SK_{name}" for name in ALL[:count]]
    assert_tidy(figure)


@pytest.mark.parametrize("scales", [SCALES[1], SCALES[5]], ids=len)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_many_bars_get_the_full_width(
    attention_of: Make, views_of: MakeViews, assert_tidy: Tidy, count: int, scales: tuple[float]
) -> None:
    attention = attention_of(scales, stages={2: 3, 3: 4, 4: 23, 5: 3})
    captions = [NAME] * len(scales)
    figure = draw_attention(
        views_of(scales), attention, ALL[:count], units="all", captions=captions, title="photo.jpg"
    )
    bars = axes_of(figure, "bars")
    assert bars.get_position().width > 0.85
    assert_tidy(figure)


def test_other_networks(attention_of: Make, views_of: MakeViews, assert_tidy: Tidy) -> None:
    names = [f"backbone.stages.{n}.selective.attn" for n in range(6)]
    figure = draw_attention(views_of(), attention_of(names=names, known=False), names[:2])
    assert axes_of(figure, names[0]).get_ylabel() == "branch 1 attention"
    assert axes_of(figure, "bars").get_title("left") == "Attention difference"
    assert axes_of(figure, "bars").get_ylabel() == "branch 1 − branch 0"  # noqa: RUF001
    assert_tidy(figure)


def test_group_and_branch_reach_the_parts(attention_of: Make, views_of: MakeViews) -> None:
    attention = attention_of(branches=3)
    parts = AttentionFigure.from_attention(views_of(), attention, "3_4", group=8, branch=0)
    assert parts.lines[0].group == 8
    assert parts.lines[0].branch_label == "3x3"
    assert parts.bars.quantity == "mean attention of the 3x3 kernel"


def test_constant_attention_can_be_drawn(
    attention: Attention, views_of: MakeViews, assert_tidy: Tidy
) -> None:
    halves = {name: np.full_like(array, 0.5) for name, array in attention.arrays.items()}
    even = Attention(attention.units, halves, attention.scales)
    assert_tidy(draw_attention(views_of(), even, "3_4"))


@pytest.mark.parametrize("style", ["paper", "talk"])
def test_a_figure_is_the_same_outside_its_style(
    attention: Attention, views_of: MakeViews, assert_tidy: Tidy, style: str
) -> None:
    with figure_style(style):
        figure = draw_attention(views_of(), attention, ["3_4", "4_6"], style=None)
        inside = np.asarray(_pixels(figure))
        assert len(axes_of(figure, "SK_3_4").get_xticks()) >= 4
    np.testing.assert_array_equal(_pixels(figure), inside)
    assert_tidy(figure)


def _pixels(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="rgba", dpi=50)
    return stream.getvalue()


def test_errors(attention: Attention, views_of: MakeViews) -> None:
    with pytest.raises(UnitError, match="unknown unit '9_9'"):
        draw_attention(views_of(), attention, "9_9")
    with pytest.raises(UsageError, match="unknown style 'nice'"):
        draw_attention(views_of(), attention, "3_4", style="nice")
    with pytest.raises(UsageError, match="group of 1 to"):
        draw_attention(views_of(), attention, "3_4", group=0)
    with pytest.raises(UsageError, match="views of the same scales as the attention"):
        draw_attention(views_of((1.0, 2.0)), attention, "3_4")


@pytest.mark.parametrize("style", ["web", "paper", "talk,dark"])
def test_several_images_on_one_sheet(
    attention_of: Make, views_of: MakeViews, assert_tidy: Tidy, style: str
) -> None:
    parts = [
        AttentionFigure.from_attention(
            views_of(), attention_of(seed=seed), ["3_4"], title=f"{seed}.jpg", note=NOTE
        )
        for seed in range(2)
    ]
    with figure_style(style):
        single, sheet = parts[0].plot().figure_, plot_sheet(parts)
        assert_tidy(sheet)
    assert sheet.get_size_inches()[1] == pytest.approx(2 * single.get_size_inches()[1])
    assert [ax.get_label() for ax in sheet.axes] == ["images", "SK_3_4", "bars"] * 2
    for part, ax, other in zip(parts, sheet.axes[1::3], single.axes[1::3] * 2, strict=True):
        drawn = [line.get_ydata() for line in ax.lines]
        np.testing.assert_array_equal(drawn, part.lines[0].curves)
        share = ax.get_position().height * 2
        assert share == pytest.approx(other.get_position().height, rel=0.05)
    tops = [text.get_position()[1] for text in sheet.texts if text.get_text().endswith(".jpg")]
    assert tops[0] - tops[1] == pytest.approx(0.5)
    with pytest.raises(
        UsageError, match="expected at least one image to draw on a sheet, got none"
    ):
        plot_sheet([])
