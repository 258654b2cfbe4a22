from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.errors import UnitError, UsageError
from skviz.figures import UnitBars, figure_style

Make = Callable[..., Attention]
Tidy = Callable[[Figure], None]
FIVE = (0.5, 1.0, 1.5, 2.0, 3.0)


def test_paper_units_and_their_differences(attention: Attention) -> None:
    bars = UnitBars.from_attention(attention)
    assert bars.units == ("2_3", "3_4", "4_6", "5_3")
    assert bars.quantity == "attention difference (5x5 − 3x3)"  # noqa: RUF001
    for name, values in zip(bars.units, bars.values, strict=True):
        array = attention[name]
        np.testing.assert_allclose(values, (array[:, 1] - array[:, 0]).mean(axis=1), atol=1e-6)


def test_largest_minus_smallest_of_three(attention_of: Make) -> None:
    attention = attention_of(branches=3)
    bars = UnitBars.from_attention(attention, ["3_4"])
    array = attention["3_4"]
    np.testing.assert_allclose(bars.values[0], (array[:, 2] - array[:, 0]).mean(axis=1), atol=1e-6)
    assert bars.quantity == "attention difference (7x7 − 3x3)"  # noqa: RUF001


def test_a_chosen_branch_is_its_mean_attention(attention_of: Make) -> None:
    attention = attention_of(branches=3)
    bars = UnitBars.from_attention(attention, ["3_4"], branch=1)
    np.testing.assert_allclose(bars.values[0], attention["3_4"][:, 1].mean(axis=1), atol=1e-6)
    assert bars.quantity == "mean attention of the 5x5 kernel"


def test_unknown_kernels_are_branches(attention_of: Make) -> None:
    attention = attention_of(known=False)
    assert UnitBars.from_attention(attention).quantity.endswith("(branch 1 − branch 0)")  # noqa: RUF001
    assert UnitBars.from_attention(attention, branch=0).quantity == "mean attention of branch 0"


def test_units_of_different_kernels(attention_of: Make) -> None:
    two, three = attention_of(names=["a"]), attention_of(names=["b"], branches=3)
    mixed = Attention(two.units + three.units, {**two.arrays, **three.arrays}, two.scales)
    bars = UnitBars.from_attention(mixed, "all")
    assert bars.quantity == "attention difference (largest − smallest kernel)"  # noqa: RUF001
    assert UnitBars.from_attention(mixed, "all", -1).quantity == "mean attention of branch -1"


def test_what_is_drawn(attention: Attention, assert_tidy: Tidy) -> None:
    bars = UnitBars.from_attention(attention)
    with figure_style("default"):
        figure = bars.plot().figure_
    (ax,) = figure.axes
    groups = [group for group in ax.containers if isinstance(group, BarContainer)]
    assert len(groups) == 3
    for index, group in enumerate(groups):
        heights = [patch.get_height() for patch in group]
        np.testing.assert_allclose(heights, bars.values[:, index])
    middles = np.mean([[p.get_x() + p.get_width() / 2 for p in group] for group in groups], axis=0)
    np.testing.assert_allclose(middles, range(4), atol=1e-9)
    assert [label.get_text() for label in ax.get_xticklabels()] == list(bars.units)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["1.0x", "1.5x", "2.0x"]
    assert len({patch.get_hatch() for group in groups for patch in group}) == 3
    zero = [line for line in ax.lines if list(np.asarray(line.get_ydata())) == [0, 0]]
    assert len(zero) == 1
    assert_tidy(figure)


def test_error_bars(attention: Attention, assert_tidy: Tidy) -> None:
    bars = UnitBars.from_attention(attention)
    errors = np.full(bars.values.shape, 0.125)
    with figure_style("default"):
        figure = UnitBars(bars.values, bars.scales, bars.units, errors).plot().figure_
    (ax,) = figure.axes
    groups = [group for group in ax.containers if isinstance(group, BarContainer)]
    for index, group in enumerate(groups):
        assert group.errorbar is not None
        (segments,) = group.errorbar.lines[2]
        ends = np.asarray([segment[:, 1] for segment in segments.get_segments()])
        np.testing.assert_allclose(ends.mean(axis=1), bars.values[:, index])
        np.testing.assert_allclose(np.ptp(ends, axis=1), 0.25)
    assert_tidy(figure)


@pytest.mark.parametrize("style", ["paper", "talk"])
@pytest.mark.parametrize("scales", [(1.0,), FIVE])
@pytest.mark.parametrize("count", [1, 3, 16, 33])
def test_labels_never_touch(
    attention_of: Make, assert_tidy: Tidy, count: int, scales: tuple[float, ...], style: str
) -> None:
    stages = {3: count} if count < 16 else {3: count // 2, 4: count - count // 2}
    with figure_style(style):
        figure = UnitBars.from_attention(attention_of(scales, stages=stages), "all").plot().figure_
        assert_tidy(figure)
    shown = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert len(shown) == count


def test_long_names_are_cut_at_their_start(attention_of: Make, assert_tidy: Tidy) -> None:
    names = [f"layer{n}.with_a_selective_kernel.attention{n}" for n in range(33)]
    with figure_style("paper"):
        figure = UnitBars.from_attention(attention_of(names=names), "all").plot().figure_
    assert_tidy(figure)
    assert figure.axes[0].get_xticklabels()[-1].get_text().endswith("attention32")
    assert figure.axes[0].get_xlabel() == "SK unit"


def test_what_long_names_share_is_said_once(attention_of: Make, assert_tidy: Tidy) -> None:
    names = [f"backbone.stages.{n}.selective.attn" for n in range(6)]
    with figure_style("paper"):
        figure = UnitBars.from_attention(attention_of(names=names), "all").plot().figure_
    assert_tidy(figure)
    (ax,) = figure.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == list("012345")
    assert ax.get_xlabel() == "SK unit: backbone.stages.*.selective.attn"


def test_far_too_many_units_for_their_names(attention_of: Make, assert_tidy: Tidy) -> None:
    with figure_style("paper"):
        figure = UnitBars.from_attention(attention_of(stages={3: 150}), "all").plot().figure_
    assert_tidy(figure)


def test_errors(attention: Attention, attention_of: Make) -> None:
    with pytest.raises(UnitError, match="unknown unit '9_9'"):
        UnitBars.from_attention(attention, ["9_9"])
    with pytest.raises(UnitError, match="expected a branch from 0 to 1 for SK_2_3, got 5"):
        UnitBars.from_attention(attention, branch=5)
    with pytest.raises(UsageError, match="without scales"):
        UnitBars.from_attention(attention_of(None))
    with pytest.raises(UsageError, match=r"values of shape \(units, scales\) = \(1, 2\), got"):
        UnitBars(np.zeros((2, 2)), (1.0, 2.0), ("a",))
    with pytest.raises(UsageError, match=r"errors of shape \(units, scales\) = \(1, 2\), got"):
        UnitBars(np.zeros((1, 2)), (1.0, 2.0), ("a",), np.zeros((2, 1)))


@pytest.mark.parametrize("style", ["default", "dark"])
def test_whiskers_are_seen_on_every_bar(attention: Attention, style: str) -> None:
    """The third colour is that of the whiskers: the ground shows beside them."""
    values = np.full((1, 3), 0.1)
    with figure_style(style):
        figure = UnitBars(values, (1.0, 1.5, 2.0), ("3_4",), np.full((1, 3), 0.05)).plot().figure_
        figure.set_dpi(300)
        figure.canvas.draw()
    (ax,) = figure.axes
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255
    ground = np.array(ax.get_facecolor()[:3])
    for group in [each for each in ax.containers if isinstance(each, BarContainer)]:
        box = group.patches[0].get_window_extent()
        row = ax.transData.transform((0, 0.06))[1]  # between the ends of whiskers and bars
        middle = round((box.x0 + box.x1) / 2)
        across = pixels[round(row), middle - 12 : middle + 13]
        near = np.abs(across - ground).max(axis=1) < 0.05
        assert near[:12].any() and near[13:].any()
        assert not near[12]  # the whisker itself
