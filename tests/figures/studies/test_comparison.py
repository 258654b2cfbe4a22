"""The figures of comparisons and of the expected kernel size: right numbers, tidy pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from skviz.errors import ScaleError, UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.redraw import RUN_FIGURES, draw_run
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.figures.studies.comparison import ComparedShifts
from skviz.figures.style.sheets import STYLES, figure_style
from skviz.inference.compare import compare
from skviz.inference.paper import compare_with_paper
from skviz.inference.summary import Summary, summarise
from tests.helpers.synthetic import make_run, stage_units

SKNET50 = stage_units((3, 4, 6, 3), channels=8)
LONG = "a_run_whose_folder_has_a_name_of_$such$_length_that_no_legend_has_any_room_for_it"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 0), (LONG, 1)):
        make_run(folder / name, SKNET50, classes=6, per_class=3, seed=seed)
    return folder / "a", folder / LONG


@pytest.fixture(scope="module")
def summary(runs: tuple[Path, Path]) -> Summary:
    return summarise(runs[0], resamples=0, quantity="expected_kernel")


def test_marks_are_the_shifts_of_both_runs(runs: tuple[Path, Path]) -> None:
    found = compare(*runs, resamples=50)
    display = ComparedShifts.from_comparison(found)
    rows = found.shifts.query("from_scale == 1 and to_scale == 2")
    np.testing.assert_array_equal(display.values, rows[["a", "b"]].to_numpy().T)
    np.testing.assert_array_equal(display.low[1], rows["b_low"])
    assert display.units == tuple(unit.short for unit in SKNET50)
    assert display.labels == ("a: a", f"b: {LONG}")
    marks = [line for line in display.plot().figure_.axes[0].lines if len(line.get_xdata()) == 16]
    np.testing.assert_array_equal(marks[1].get_ydata(), rows["b"])
    assert marks[0].get_marker() != marks[1].get_marker()
    some = ComparedShifts.from_comparison(found, (2.0, 1.5))
    rows = found.shifts.query("from_scale == 1.5 and to_scale == 2")
    assert some.scales == (1.5, 2.0)
    np.testing.assert_array_equal(some.values[0], rows["a"])


def test_the_papers_marks_are_open(runs: tuple[Path, Path]) -> None:
    display = ComparedShifts.from_paper(compare_with_paper(runs[0], resamples=50))
    np.testing.assert_allclose(display.values[1], [0.0103, 0.0296, 0.0206, 0.0074])
    assert np.isnan(display.low[1]).all()
    ax = display.plot().figure_.axes[0]
    marks = [line for line in ax.lines if line.get_marker() == "D"]
    assert [line.get_markerfacecolor() for line in marks] == [ax.get_facecolor()]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("count", [1, 2, 4, 16])
def test_pages_are_tidy(
    runs: tuple[Path, Path], style: str, count: int, assert_tidy: Callable[[Figure], None]
) -> None:
    pairs = [(unit.name, unit.name) for unit in SKNET50[:count]]
    with figure_style(style):
        found = compare(*runs, pairs=pairs, resamples=20)
        assert_tidy(ComparedShifts.from_comparison(found).plot().figure_)
        if count == 4:
            paper = compare_with_paper(runs[0], resamples=20)
            assert_tidy(ComparedShifts.from_paper(paper).plot().figure_)


def test_mistakes_are_explained(runs: tuple[Path, Path], tmp_path: Path) -> None:
    found = compare(*runs, resamples=0)
    with pytest.raises(ScaleError, match=r"different scales out of 1, 1\.5, 2, got 1 and 3"):
        ComparedShifts.from_comparison(found, (1, 3))
    make_run(tmp_path / "b", SKNET50, (1.0, 3.0), classes=6, per_class=3)
    one = compare(runs[0], tmp_path / "b", resamples=0)
    with pytest.raises(ScaleError, match="two common scales to draw a shift between, got 1"):
        ComparedShifts.from_comparison(one)
    nothing = np.zeros((2, 3))
    with pytest.raises(UsageError, match=r"low of shape \(runs, units\) = \(2, 3\), got \(3,\)"):
        ComparedShifts(nothing, np.zeros(3), nothing, ("1", "2", "3"), ("a", "b"), (1, 2))


def sizes_of(summary: Summary) -> np.ndarray:
    return summary.to_frame()["expected_kernel"].to_numpy().reshape(16, 3)


def test_bars_and_depth_of_kernels(summary: Summary) -> None:
    bars = UnitBars.from_summary(summary)
    np.testing.assert_array_equal(bars.values, sizes_of(summary)[[2, 6, 12, 15]])
    assert (bars.base, bars.quantity) == (3.0, "expected kernel (pixels)")
    drawn = bars.plot().figure_.axes[0].patches[0]
    assert drawn.get_y() == 3.0
    assert drawn.get_y() + drawn.get_height() == pytest.approx(bars.values[0, 0])
    lines = DepthLines.from_summary(summary)
    np.testing.assert_array_equal(lines.values, sizes_of(summary))
    low, _ = lines.plot().figure_.axes[0].get_ylim()
    assert low > 3
    # What is asked for goes before the summary's own quantity.
    plain = UnitBars.from_summary(summary, quantity="difference")
    np.testing.assert_allclose(plain.values, bars.values - 4, atol=1e-6)
    assert plain.base == 0


def test_classes_of_kernels(summary: Summary) -> None:
    curves = ClassCurves.from_summary(summary, "3_4")
    frame = summary.classes.query("unit == 'SK_3_4' and scale in (1, 1.5)")
    np.testing.assert_array_equal(
        curves.values[0].ravel("F"), frame.sort_values(["label", "scale"])["mean"]
    )
    assert curves.plot().figure_.axes[0].get_ylabel() == "expected kernel"


def test_channels_of_kernels(summary: Summary) -> None:
    frame = summary.channel_kernels.query("unit == 'SK_3_4'")
    expected = frame["expected_kernel"].to_numpy().reshape(3, 16)
    heatmap = ChannelHeatmap.from_summary(summary, "3_4")
    np.testing.assert_array_equal(heatmap.values, expected)
    assert heatmap.plot().figure_.axes[0].get_title() == "SK_3_4: expected kernel (pixels)"
    lines = ChannelLines.from_summary(summary, "3_4", group=2, scales=(1.0, 2.0))
    np.testing.assert_allclose(lines.curves, expected[[0, 2]].reshape(2, 8, 2).mean(axis=2))
    assert (lines.value_label, lines.short_label) == (
        "expected kernel (pixels)",
        "expected kernel",
    )


@pytest.mark.parametrize("kind", RUN_FIGURES)
@pytest.mark.parametrize("style", STYLES)
def test_kernel_pages_are_tidy(
    summary: Summary, kind: str, style: str, assert_tidy: Callable[[Figure], None]
) -> None:
    figure = draw_run(summary, kind, style=style)
    with figure_style(style):
        if kind != "channels":  # colour bars and maps are narrow by design
            assert_tidy(figure)


def test_kernel_figures_refuse_what_does_not_fit(summary: Summary, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected no branch with the expected kernel size"):
        ChannelHeatmap.from_summary(summary, "3_4", branch=1)
    with pytest.raises(UsageError, match="expected no deviations with the expected kernel size"):
        ChannelLines.from_summary(summary, "3_4", deviations=True)
    with pytest.raises(UsageError, match="which the paper shows, got 'expected_kernel'"):
        draw_run(summary, "bars", paper=True)
    with pytest.raises(UsageError, match="a quantity of difference, expected_kernel, got 'size'"):
        draw_run(summary, "bars", quantity="size")
    make_run(tmp_path / "run", stage_units((1, 1), known=False), classes=5, per_class=2)
    unknown = summarise(tmp_path / "run", resamples=0)
    with pytest.raises(UsageError, match="expected units of known kernel sizes, which differ"):
        UnitBars.from_summary(unknown, quantity="expected_kernel")
