"""Titles say what was found: a change whose interval holds zero is none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.display import Display
from skviz.figures.provenance import Provenance
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.inference.changes import NO_CLEAR_CHANGE, change_intervals, change_name
from skviz.inference.summary import Summary, summarise
from skviz.quantities import DIFFERENCE
from tests.helpers.synthetic import make_run, stage_units

UNITS = stage_units((1, 1, 1), channels=8)
SCALES = (1.0, 2.0)
# Mean change of the attention of 5x5 from 1.0x to 2.0x, per unit: up, noise, down.
CHANGES = (0.05, 0.0005, -0.05)


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    random = np.random.default_rng(4)
    large = 0.5 + random.normal(0, 0.02, (60, 2, 3))
    large[:, 1] += np.array(CHANGES) - (large[:, 1] - large[:, 0]).mean(axis=0)
    folder = tmp_path_factory.mktemp("runs") / "run"
    attention = np.stack([1 - large, large], axis=-1)
    make_run(folder, UNITS, SCALES, classes=6, per_class=10, attention=attention)
    return summarise(folder, resamples=0)


def test_the_intervals_are_those_of_the_shifts(summary: Summary) -> None:
    table = summarise(summary.measurements.run).shifts
    found = change_intervals(summary, DIFFERENCE, range(3), range(2))
    np.testing.assert_allclose(found, table[["low", "high"]].to_numpy(), atol=1e-12)
    assert [change_name(each) for each in found] == ["rises", NO_CLEAR_CHANGE, "falls"]
    assert np.isnan(change_intervals(summary, DIFFERENCE, [0], [1])).all()


def title(display: Display, summary: Summary) -> str:
    caption = display.caption(Provenance.of_summary(summary))
    charts = display.native_charts(caption)
    # A slide's title is the caption's; of several panels each has its own.
    assert len(charts) != 1 or charts[0].caption.title == caption.title
    return caption.title


def test_of_several_units_each_change_is_counted_once(summary: Summary) -> None:
    words = "From 1.0x to 2.0x the attention difference (5x5 \N{MINUS SIGN} 3x3)"
    expected = f"{words.partition(' (')[0]} rises in 1 of 3 units and falls in 1; no clear change"
    assert title(UnitBars.from_summary(summary, "all"), summary) == f"{expected} in 1"
    assert title(DepthLines.from_summary(summary), summary) == f"{expected} in 1"
    alone = UnitBars.from_summary(summary, "3_1")
    said = "3_1: no clear change of the attention difference from 1.0x to 2.0x"
    assert title(alone, summary) == said
    caption = alone.caption(Provenance.of_summary(summary))
    assert caption.alt.endswith("; no clear change.")


@pytest.mark.parametrize("branch", [None, 0])
def test_of_channels(summary: Summary, branch: int | None) -> None:
    def line(unit: str) -> str:
        return title(ChannelLines.from_summary(summary, unit, branch=branch), summary)

    kernel, up, down = ("5x5", "rises", "falls") if branch is None else ("3x3", "falls", "rises")
    quantity = f"the mean attention of the {kernel} kernel"
    assert line("3_1") == f"SK_3_1: no clear change of {quantity} from 1.0x to 2.0x"
    assert line("2_1").startswith(f"SK_2_1: {quantity} {up} from")
    assert line("4_1").startswith(f"SK_4_1: {quantity} {down} from")


@pytest.mark.parametrize(
    ("make", "unclear"),
    [
        (lambda s: ChannelHeatmap.from_summary(s, "3_1"), True),
        (lambda s: ChannelHeatmap.from_summary(s, "2_1"), False),
        (lambda s: ClassCurves.from_summary(s, "3_1"), True),
        (lambda s: ClassCurves.from_summary(s, "2_1"), False),
    ],
)
def test_counts_of_channels_and_classes_do_not_overclaim(
    summary: Summary, make: Callable[[Summary], Display], unclear: bool
) -> None:
    assert (NO_CLEAR_CHANGE in title(make(summary), summary)) == unclear
