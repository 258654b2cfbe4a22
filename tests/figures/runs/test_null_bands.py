"""The band of random networks: right numbers, one legend entry, and nothing that overlaps."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.redraw import draw_run
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.null_bands import LABEL
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.sheets import figure_style
from skviz.inference.judging import Evidence, judge
from skviz.inference.null import NullShifts, reach
from skviz.inference.summary import Summary, summarise
from skviz.studies.controls.evidence import random_runs
from skviz.studies.controls.suite import ControlSuite
from tests.helpers.synthetic_suite import make_suite

KINDS = ("lines", "bars", "classes", "units")


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suite")
    shifts = {"plain": np.linspace(0.05, -0.05, 16)}
    return make_suite(folder, shifts, per_stage=(3, 4, 6, 3), seeds=5)


@pytest.fixture(scope="module")
def summary(suite: Path) -> Summary:
    return summarise(ControlSuite(suite).plain, resamples=0)


@pytest.fixture(scope="module")
def null(suite: Path) -> list[object]:
    return random_runs([suite])


@pytest.mark.parametrize("style", ["default", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_hatch_is_to_be_seen_in_svg_too(
    summary: Summary, null: list, kind: str, style: str
) -> None:
    """A pattern is the hatch on a ground: in one colour it is a grey band."""
    file = io.BytesIO()
    draw_run(summary, kind, null, units=("2_1",), style=style).savefig(file, format="svg")
    patterns = re.findall(r"<pattern.*?</pattern>", file.getvalue().decode(), re.DOTALL)
    assert patterns
    for pattern in patterns:
        ground, hatch = re.findall(r'fill(?:="|: )(#\w+)', pattern)
        assert ground != hatch


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def test_bars_are_banded_around_the_value_at_one(summary: Summary, null: list) -> None:
    bars = UnitBars.from_summary(summary, "all", null=null)
    assert bars.null is not None
    assert np.isnan(bars.null[:, 0]).all()
    shifts = NullShifts.of(summary.measurements, null)
    low, high = shifts.band()
    np.testing.assert_allclose(bars.null[:, 2, 0], bars.values[:, 0] + low[2], atol=1e-7)
    np.testing.assert_allclose(bars.null[:, 2, 1], bars.values[:, 0] + high[2], atol=1e-7)
    # Of the raw null by hand, from the records.
    own = summary.measurements.difference.astype(float)
    cubes = [one.difference.astype(float) for one in null]
    factors = [own[:, 0].std(axis=0, ddof=1) / c[:, 0].std(axis=0, ddof=1) for c in cubes]
    raw = np.array([(cube[:, 2] - cube[:, 0]).mean(axis=0) for cube in cubes])
    for values in (raw, raw * factors):
        edge = values.mean(axis=0) + reach(5) * values.std(axis=0, ddof=1)
        assert (edge <= high[2] + 1e-9).all()
    assert UnitBars.from_summary(summary).null is None


def test_bands_are_drawn_with_a_legend_entry(summary: Summary, null: list) -> None:
    bars = UnitBars.from_summary(summary, null=null)
    figure = bars.plot().figure_
    assert texts(figure).count(LABEL) == 1
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch() == "////"]
    low, high = bars.null[0, 2]
    assert any(
        np.isclose(patch.get_y(), low) and np.isclose(patch.get_height(), high - low)
        for patch in hatched
    )
    for kind in ("lines", "units", "classes"):
        words = texts(draw_run(summary, kind, null))
        assert words.count(f"{'1.5x' if kind == 'classes' else '2.0x'}, {LABEL}") == 1
        assert not any(LABEL in word for word in texts(draw_run(summary, kind)))


def test_depth_shows_the_band_of_the_last_scale(summary: Summary, null: list) -> None:
    lines = DepthLines.from_summary(summary, null=null)
    bars = UnitBars.from_summary(summary, "all", null=null)
    np.testing.assert_array_equal(lines.null, bars.null[:, 2])
    chosen = DepthLines.from_summary(summary, null=null, scales=(1.0, 1.5))
    np.testing.assert_array_equal(chosen.null, bars.null[:, 1])


def test_a_value_is_outside_exactly_where_the_verdict_says_so(summary: Summary, null: list) -> None:
    """The same null in the band and in the verdict beside it, with Holm's correction in both."""
    verdicts = judge(Evidence(summary.measurements, random=null))
    bars = UnitBars.from_summary(summary, "all", null=null)
    value, (low, high) = bars.values[:, -1], bars.null[:, -1].T
    outside = (value < low) | (value > high)
    beyond = [v.null_p is not None and v.null_p <= 0.05 for v in verdicts]
    assert outside.tolist() == beyond
    assert 0 < sum(beyond) < len(beyond)
    rows = VerdictRows.from_verdicts(verdicts)
    np.testing.assert_allclose(rows.null, bars.null[:, -1] - bars.values[:, :1], atol=1e-6)
    # Between the uncorrected ends and the band there are shifts: the correction tells.
    assert any(v.raw.p <= 0.05 < v.raw.p_holm for v in verdicts)


def test_lines_have_one_width_for_all_points(summary: Summary, null: list) -> None:
    lines = ChannelLines.from_summary(summary, "3_4", null=null)
    assert lines.null is not None
    assert np.ptp(lines.null[1] - lines.null[0]) < 1e-12
    shifts = []
    for one in null:
        mean = one.channels["SK_3_4"].mean[:, 1]
        shifts.append((mean[2] - mean[0]).reshape(len(lines.x), -1).mean(axis=1))
    raw = np.array(shifts)
    own, others = summary.measurements.difference, [one.difference for one in null]
    factor = np.array([own[:, 0, 6].std() / cube[:, 0, 6].std() for cube in others])[:, None]
    edges = [v.mean() + reach(5) * v.std(ddof=1) for v in (raw, raw * factor)]
    np.testing.assert_allclose(lines.null[1] - lines.curves[0], max(edges), rtol=1e-4)


def test_classes_have_a_band_each(summary: Summary, null: list) -> None:
    curves = ClassCurves.from_summary(summary, ["2_3"], null=null)
    assert curves.null is not None
    assert curves.null.shape == (1, 2, 12)
    middle = curves.null.mean(axis=1)[0]
    assert np.abs(middle - curves.values[0, 0]).max() < 0.02
    assert (curves.null[:, 0] < curves.null[:, 1]).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", ["default", "paper", "talk,dark"])
def test_figures_with_bands_are_tidy(
    summary: Summary, null: list, kind: str, style: str, assert_tidy: Callable[[Figure], None]
) -> None:
    assert_tidy(draw_run(summary, kind, null, style=style))


@pytest.mark.parametrize("options", [{"sort": "shift"}, {"smooth": 2}, {"every": 3}])
def test_class_bands_follow_their_classes(
    summary: Summary, null: list, options: dict[str, object], assert_tidy: Callable[[Figure], None]
) -> None:
    assert_tidy(draw_run(summary, "classes", null, **options))


def test_several_lines_share_the_entry(summary: Summary, null: list) -> None:
    words = texts(draw_run(summary, "lines", null, units=("2_3", "5_3")))
    assert words.count(f"2.0x, {LABEL}") == 1


def test_two_random_networks_give_their_range(summary: Summary, null: list) -> None:
    band = UnitBars.from_summary(summary, "3_4", null=null[:2]).null
    lines = ChannelLines.from_summary(summary, "3_4", null=null[:2]).null
    assert band is not None
    assert lines is not None
    assert (band[0, 2, 1] > band[0, 2, 0]) and (lines[1] > lines[0]).all()


def test_what_does_not_fit_is_refused(summary: Summary, null: list, suite: Path) -> None:
    with pytest.raises(UsageError, match="'null' belongs to the figure lines or bars"):
        draw_run(summary, "channels", null)
    kernels = replace(summary, options=replace(summary.options, quantity="expected_kernel"))
    for kind in KINDS:
        with pytest.raises(UsageError, match="random networks' bands are made, got expected"):
            draw_run(kernels, kind, null)
    with pytest.raises(UsageError, match=r"expected 1\.0x and a larger scale to be drawn"):
        draw_run(summary, "classes", null, scales=(1.5, 2.0))
    with pytest.raises(UsageError, match=r"expected runs of random networks in .*plain', got none"):
        random_runs([suite / "plain"])
    assert len(random_runs([suite / "random-00", suite / "random-01"])) == 2


def test_shapes_are_checked() -> None:
    values, scales, units = np.zeros((1, 2)), (1.0, 2.0), ("3_4",)
    with pytest.raises(UsageError, match=r"null of shape \(units, scales, 2\) = \(1, 2, 2\), got"):
        UnitBars(values, scales, units, null=np.zeros((1, 2)))
    with pytest.raises(UsageError, match=r"null of shape \(units, 2\) = \(1, 2\), got \(2, 1\)"):
        DepthLines(values, scales, units, (3,), null=np.zeros((2, 1)))
    with pytest.raises(UsageError, match=r"null of shape \(2, points\) = \(2, 2\), got \(1, 2\)"):
        ChannelLines(
            np.zeros((2, 2)), np.arange(2), scales, "u", "5x5", 1, 2, null=np.zeros((1, 2))
        )
    with pytest.raises(UsageError, match=r"\(units, 2, classes\) = \(1, 2, 3\), got \(1, 2\)"):
        ClassCurves(np.zeros((1, 2, 3)), np.arange(3), scales, units, null=np.zeros((1, 2)))


def test_bands_are_drawn_inside_a_style(summary: Summary, null: list) -> None:
    bars = UnitBars.from_summary(summary, null=null)
    with figure_style("dark"):
        figure = bars.plot().figure_
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch() == "////"]
    assert hatched[0].get_facecolor()[0] < 0.2
