from __future__ import annotations

from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.errors import UnitError, UsageError
from skviz.figures import ChannelLines, UnitBars, figure_style
from skviz.figures.provenance import Provenance

Make = Callable[..., Attention]
Tidy = Callable[[Figure], None]
ABOUT = Provenance("sknet50", "none")


def test_sixteen_points_as_in_the_paper(attention: Attention) -> None:
    lines = ChannelLines.from_attention(attention, "3_4")
    assert lines.unit == "SK_3_4"
    assert lines.branch_label == "5x5"
    assert lines.group == 16
    np.testing.assert_array_equal(lines.x, np.arange(0, 256, 16))
    expected = attention["3_4"][:, 1].reshape(3, 16, 16).mean(axis=2)
    np.testing.assert_allclose(lines.curves, expected, rtol=1e-6)


@pytest.mark.parametrize("group", [None, 1, 7, 100, 255, 256])
@pytest.mark.parametrize("branch", [None, 0, 1, -1])
def test_means_do_not_depend_on_the_group(
    attention: Attention, group: int | None, branch: int | None
) -> None:
    lines = ChannelLines.from_attention(attention, "3_4", group, branch)
    assert lines.group_sizes.sum() == 256
    expected = attention.branch("3_4", branch).astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(lines.means, expected, rtol=0, atol=1e-12)


def test_last_group_is_the_mean_of_what_is_left(attention: Attention) -> None:
    lines = ChannelLines.from_attention(attention, "3_4", group=100)
    np.testing.assert_array_equal(lines.x, [0, 100, 200])
    np.testing.assert_array_equal(lines.group_sizes, [100, 100, 56])
    expected = attention["3_4"][:, 1, 200:].astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(lines.curves[:, -1], expected, atol=1e-12)


@pytest.mark.parametrize("group", [None, 1, 7])
def test_twice_the_mean_less_one_is_the_difference(attention: Attention, group: int | None) -> None:
    """The identity of section 4.4, through the two displays."""
    bars = UnitBars.from_attention(attention, "all")
    for name, difference in zip(bars.units, bars.values, strict=True):
        lines = ChannelLines.from_attention(attention, name, group)
        np.testing.assert_allclose(2 * lines.means - 1, difference, atol=1e-6)


def test_few_channels_are_all_shown(attention_of: Make) -> None:
    lines = ChannelLines.from_attention(attention_of(channels=5), "3_4")
    assert (lines.group, len(lines.x)) == (1, 5)


@pytest.mark.parametrize("group", [None, 1])
def test_what_is_drawn(attention: Attention, group: int | None, assert_tidy: Tidy) -> None:
    lines = ChannelLines.from_attention(attention, "3_4", group)
    with figure_style("default"):
        figure = lines.plot().figure_
    (ax,) = figure.axes
    assert len(ax.lines) == (6 if lines.dense else 3)  # many points are dots, and their means
    for line, curve in zip(ax.lines[:3], lines.curves, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), lines.x)
        np.testing.assert_array_equal(line.get_ydata(), curve)
    assert len({(line.get_color(), line.get_marker()) for line in ax.lines[-3:]}) == 3
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["1.0x", "1.5x", "2.0x"]
    assert ax.get_title("left") == "SK_3_4"
    assert ax.get_xlabel() == "channel"
    assert ax.get_ylabel() == "attention of the 5x5 kernel"
    ticks = [tick for tick in ax.get_xticks() if tick <= 256]
    assert ticks[:3] == [0, 32, 64]
    low, high = ax.get_ylim()
    spread = np.ptp(lines.curves)
    assert low < lines.curves.min()
    assert high > lines.curves.max()
    assert high - low < 1.2 * spread  # autoscaled: not 0 to 1
    assert_tidy(figure)


def test_draws_on_given_axes_and_nothing_is_left_behind(attention: Attention) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    drawn = ChannelLines.from_attention(attention, "3_4").plot(right, legend=False).figure_
    assert drawn is figure
    assert not left.lines
    assert len(right.lines) == 3
    assert right.get_legend() is None
    pyplot = __import__("matplotlib.pyplot").pyplot
    ChannelLines.from_attention(attention, "3_4").plot()
    assert pyplot.get_fignums() == []
    assert matplotlib.rcParams["figure.constrained_layout.use"] is False


def test_unknown_kernels_are_branches(attention_of: Make) -> None:
    lines = ChannelLines.from_attention(attention_of(known=False), "3_4")
    assert lines.plot().figure_.axes[0].get_ylabel() == "attention of branch 1"


def test_largest_kernel_and_a_chosen_one_of_three(attention_of: Make) -> None:
    attention = attention_of(branches=3)
    assert ChannelLines.from_attention(attention, "3_4").branch_label == "7x7"
    assert ChannelLines.from_attention(attention, "3_4", branch=1).branch_label == "5x5"


def test_a_unit_name_is_no_formula(attention_of: Make) -> None:
    attention = attention_of(names=["a$b_{$"])
    figure = ChannelLines.from_attention(attention, "a$b_{$").plot().figure_
    figure.draw_without_rendering()


@pytest.mark.parametrize("group", [0, -1, 257])
def test_bad_group(attention: Attention, group: int) -> None:
    with pytest.raises(UsageError, match=rf"group of 1 to 256 channels for SK_3_4, got {group}"):
        ChannelLines.from_attention(attention, "3_4", group)


def test_bad_branch(attention: Attention) -> None:
    with pytest.raises(UnitError, match="expected a branch from 0 to 1 for SK_3_4, got 2"):
        ChannelLines.from_attention(attention, "3_4", branch=2)


def test_needs_scales(attention_of: Make) -> None:
    with pytest.raises(UsageError, match="got a batch without scales"):
        ChannelLines.from_attention(attention_of(None), "3_4")


def test_shapes_are_checked() -> None:
    with pytest.raises(UsageError, match=r"\(scales, points\) = \(1, 2\), got \(2, 2\)"):
        ChannelLines(np.zeros((2, 2)), np.arange(2), (1.0,), "u", "5x5", 1, 2)
    with pytest.raises(UsageError, match="expected 4 points for 8 channels in groups of 2, got 2"):
        ChannelLines(np.zeros((1, 2)), np.arange(2), (1.0,), "u", "5x5", 2, 8)


def test_many_channels_are_dots_with_their_means(attention: Attention) -> None:
    lines = ChannelLines.from_attention(attention, "3_4", group=1)
    usual = ChannelLines.from_attention(attention, "3_4")
    (ax,) = lines.plot().figure_.axes
    dots, means = ax.lines[:3], ax.lines[3:]
    np.testing.assert_array_equal([line.get_ydata() for line in dots], lines.curves)
    assert {line.get_linestyle() for line in dots} == {"None"}
    np.testing.assert_allclose([line.get_ydata() for line in means], usual.curves, atol=1e-9)
    np.testing.assert_array_equal(means[0].get_xdata(), np.arange(16) * 16 + 7.5)
    said = lines.caption(ABOUT).details
    assert said == ("Dots: single channels; lines: means of 16 consecutive channels.",)
    assert usual.caption(ABOUT).details == ()


def test_means_of_many_points_weigh_channels_alike(attention: Attention) -> None:
    lines = ChannelLines.from_attention(attention, "3_4", group=3)  # 85 points of 3, one of 1
    ax = lines.plot().figure_.axes[0]
    last = ax.lines[-1].get_ydata()[-1]
    first = int(lines.x[lines.mean_starts[-1]])
    assert last == pytest.approx(attention["3_4"][-1, 1, first:].mean(), abs=1e-6)
