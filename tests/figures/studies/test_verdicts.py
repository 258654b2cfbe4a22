"""The figure of verdicts: readable for one unit and for many, in every style."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from skviz.errors import UsageError
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.sheets import figure_style
from skviz.inference.judging import Evidence, judge
from tests.helpers.verdict_arrays import evidence, measured

PATTERN = ([0.05, 0.05, 0.05, -0.03, 0.0], [0, 0.05, 0.03, 0, 0], [0.01, 0, 0.03, 0, 0])


def rows(count: int, **more: object) -> VerdictRows:
    total, blur, context = (np.resize(values, count) for values in PATTERN)
    return VerdictRows.from_verdicts(judge(evidence(total, blur, context, context, **more)))


@pytest.mark.parametrize("count", [1, 2, 16, 23])
@pytest.mark.parametrize("style", ["default", "paper", "talk", "dark"])
def test_any_number_of_units_is_tidy(
    count: int, style: str, assert_tidy: Callable[[Figure], None]
) -> None:
    with figure_style(style):
        assert_tidy(rows(count, masked=[0.03] * count).plot().figure_)


def test_marks_are_the_numbers_of_the_verdicts() -> None:
    verdicts = judge(evidence(*PATTERN))
    shown = VerdictRows.from_verdicts(verdicts)
    assert shown.labels == ("whole shift", "without blur", "without context, blank")
    assert shown.values[1, 2, 0] == verdicts[2].left["blur"].mean
    assert shown.null is not None
    assert shown.null[0, 1] == max(verdicts[0].raw.high, verdicts[0].matched.high)
    ax = shown.plot().figure_.axes[0]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), shown.values[0, :, 0])
    words = [text.get_text().replace("\n", " ") for text in ax.findobj(Text)]
    assert "rises, but is consistent with blur alone" in words
    assert len([patch for patch in ax.patches if patch.get_hatch()]) == 5


def test_masked_has_a_mark_where_it_says_more() -> None:
    verdicts = judge(evidence([0.05], [0.0], masked=[0.03]))
    assert VerdictRows.from_verdicts(verdicts).labels[-1] == "masked, on a blank ground"
    verdicts = judge(evidence([0.05], [0.0], [0.0], masked=[0.03]))
    assert VerdictRows.from_verdicts(verdicts).labels[-1] == "without context, blank"


def test_without_controls_there_is_the_shift_alone(assert_tidy: Callable[[Figure], None]) -> None:
    shown = VerdictRows.from_verdicts(judge(Evidence(measured([0.05, 0.0], 0))))
    assert (shown.labels, shown.null) == (("whole shift",), None)
    assert shown.verdicts[0] == "rises, but not every control was made"
    with figure_style("default"):
        assert_tidy(shown.plot().figure_)


def test_parts_have_one_axis(assert_tidy: Callable[[Figure], None]) -> None:
    whole = rows(16)
    parts = whole.parts(5)
    assert [len(part.units) for part in parts] == [4, 4, 4, 4]
    assert [unit for part in parts for unit in part.units] == list(whole.units)
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts], 1), whole.values)
    np.testing.assert_array_equal(np.concatenate([p.null for p in parts]), whole.null)
    with figure_style("talk"):
        figures = [part.plot().figure_ for part in parts]
    assert len({figure.axes[0].get_xlim() for figure in figures}) == 1
    low, high = figures[0].axes[0].get_xlim()
    assert low < np.nanmin(whole.values) <= np.nanmax(whole.values) < high
    for figure in figures:
        assert_tidy(figure)


def test_wrong_shapes_are_refused() -> None:
    values = np.zeros((1, 2, 3))
    with pytest.raises(UsageError, match=r"\(marks, units, 3\) = \(1, 1, 3\), got \(1, 2, 3\)"):
        VerdictRows(values, ("a",), ("u",), ("v",), 2.0)
    with pytest.raises(UsageError, match=r"null of shape \(units, 2\) = \(2, 2\), got \(2,\)"):
        VerdictRows(values, ("a",), ("u", "w"), ("v", "v"), 2.0, np.zeros(2))
    with pytest.raises(UsageError, match=r"a verdict for each of 2 units .* got 1"):
        VerdictRows(values, ("a",), ("u", "w"), ("v",), 2.0)
