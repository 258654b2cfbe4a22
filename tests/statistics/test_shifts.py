"""The statistics against independent computations, by hand and by SciPy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy import stats

from skviz.errors import UsageError
from skviz.statistics.shifts import (
    bootstrap_mean,
    cohen_dz,
    holm,
    page_trend,
    share_above_zero,
    signed_rank,
)


@pytest.fixture(autouse=True)
def no_warnings() -> object:
    """A degenerate sample gives a clear result, and no warning of NumPy's or SciPy's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def plain_signed_rank(values: np.ndarray) -> tuple[float, float]:
    """The textbook: all 2^n signs of the ranks, for few values without ties."""
    order = np.argsort(np.argsort(np.abs(values))) + 1
    rises = order[values > 0].sum()
    total = order.sum()
    signs = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
    sums = signs @ order
    extreme = np.abs(sums - total / 2) >= abs(rises - total / 2) - 1e-9
    return float(extreme.mean()), float((2 * rises - total) / total)


@pytest.mark.parametrize("seed", range(5))
def test_signed_rank_is_the_textbook_one(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.4, 1, 9)
    found = signed_rank(values)
    assert found is not None
    assert (found.p, found.rank_biserial) == pytest.approx(plain_signed_rank(values), abs=1e-9)


def test_signed_rank_leaves_zeros_and_nan_out() -> None:
    values = np.array([0.3, -0.1, 0.25, 0.7, 0.5, -0.2])
    padded = np.concatenate([values, np.zeros(7), [np.nan]])
    assert signed_rank(padded) == signed_rank(values)


def test_signed_rank_of_many_ties_is_that_of_scipy() -> None:
    values = np.random.default_rng(1).integers(-3, 5, 400).astype(float)
    found = signed_rank(values)
    assert found is not None
    assert found.p == pytest.approx(stats.wilcoxon(values, method="asymptotic").pvalue, abs=1e-12)


@pytest.mark.parametrize("values", [[], [0.0], [0, 0, 0], [np.nan, np.nan]])
def test_signed_rank_without_differences_is_none(values: list[float]) -> None:
    assert signed_rank(values) is None


def test_signed_rank_of_one_image() -> None:
    found = signed_rank([0.2])
    assert found is not None
    assert (found.p, found.rank_biserial) == (1.0, 1.0)


def test_rank_biserial_reaches_its_ends() -> None:
    up, down = signed_rank([1, 2, 3]), signed_rank([-1, -2, -3])
    assert up is not None
    assert down is not None
    assert (up.rank_biserial, down.rank_biserial) == (1.0, -1.0)


def test_cohen_dz_by_hand() -> None:
    # Mean 2, squared deviations 1 + 0 + 1 over 2: the deviation is 1.
    assert cohen_dz([1, 2, 3, np.nan]) == pytest.approx(2.0)


@pytest.mark.parametrize("values", [[], [1.0], [0.5, 0.5, 0.5], [np.nan, 1.0]])
def test_cohen_dz_needs_spread(values: list[float]) -> None:
    assert cohen_dz(values) is None


def test_holm_by_hand() -> None:
    # Sorted: 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1; the last may not fall below the third.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_counts_only_what_was_tested() -> None:
    adjusted = holm([0.01, None, 0.04, math.nan])
    assert adjusted == [pytest.approx(0.02), None, pytest.approx(0.04), None]
    assert holm([]) == []
    assert holm([None]) == [None]


def test_holm_stops_at_one() -> None:
    assert holm([0.9, 0.7, 0.6]) == [1.0, 1.0, 1.0]


def test_share_above_zero() -> None:
    assert share_above_zero([1, 0, -1, 2, np.nan]) == 0.5
    assert share_above_zero([np.nan]) is None


def test_page_trend_is_that_of_scipy() -> None:
    table = np.random.default_rng(2).normal(size=(60, 4)) + 0.2 * np.arange(4)
    found = page_trend(table)
    assert found is not None
    expected = stats.page_trend_test(table, method="auto")
    assert (found.p, found.statistic) == pytest.approx((expected.pvalue, expected.statistic))
    rho = [stats.spearmanr(row, range(4)).statistic for row in table]
    assert found.correlation == pytest.approx(np.mean(rho))
    assert found.n == 60


def test_page_trend_of_many_images_is_asymptotic() -> None:
    table = np.random.default_rng(3).normal(size=(5000, 3)) + 0.02 * np.arange(3)
    found = page_trend(np.vstack([table, [np.nan, 1, 2]]))
    assert found is not None
    expected = stats.page_trend_test(table, method="asymptotic")
    assert (found.p, found.n) == (pytest.approx(expected.pvalue), 5000)


def test_page_trend_sees_the_direction() -> None:
    rises = np.tile([1.0, 2, 3], (20, 1))
    up, down = page_trend(rises), page_trend(-rises)
    assert up is not None
    assert down is not None
    assert up.p < 1e-6
    assert down.p > 1 - 1e-6
    assert (up.correlation, down.correlation) == pytest.approx((1, -1))


@pytest.mark.parametrize(
    "table",
    [np.zeros((9, 2)), np.ones((9, 3)), np.ones((1, 3)), np.full((9, 3), np.nan)],
    ids=["two scales", "all the same", "one image", "all nan"],
)
def test_page_trend_without_data_is_none(table: np.ndarray) -> None:
    assert page_trend(table) is None


def test_bootstrap_of_independent_rows_is_the_normal_interval() -> None:
    values = np.random.default_rng(4).normal(3, 2, size=(400, 2))
    found = bootstrap_mean(values, resamples=4000)
    half = 1.96 * values.std(axis=0, ddof=1) / 20
    assert (found.by, found.clusters) == ("image", 400)
    np.testing.assert_allclose(found.low, values.mean(axis=0) - half, atol=0.02)
    np.testing.assert_allclose(found.high, values.mean(axis=0) + half, atol=0.02)


def test_bootstrap_draws_whole_classes() -> None:
    """Images that repeat their class's value tell no more than one image each class."""
    of_class = np.random.default_rng(5).normal(size=40)
    values = np.repeat(of_class, 50)[:, None]
    labels = np.repeat(np.arange(40) * 7, 50)
    clustered, single = bootstrap_mean(values, labels), bootstrap_mean(of_class[:, None])
    np.testing.assert_allclose(clustered.low, single.low, rtol=1e-12)
    assert (clustered.by, clustered.clusters) == ("class", 40)
    naive = bootstrap_mean(values)
    assert (clustered.high - clustered.low) > 5 * (naive.high - naive.low)


def test_bootstrap_equals_a_plain_loop() -> None:
    random = np.random.default_rng(6)
    labels = random.integers(0, 8, 50)
    values = random.normal(size=(50, 1))
    values[3] = np.nan
    found = bootstrap_mean(values, labels, resamples=500, seed=9)
    drawn = np.random.default_rng(9).integers(8, size=(500, 8))
    means = []
    for draw in drawn:
        rows = np.concatenate([values[labels == k, 0] for k in draw])
        means.append(np.nanmean(rows))
    tail = stats.norm.cdf(-math.sqrt(8 / 7) * stats.t.ppf(0.975, 7))
    np.testing.assert_allclose(found.low, np.quantile(means, tail), rtol=1e-9)
    np.testing.assert_allclose(found.high, np.quantile(means, 1 - tail), rtol=1e-9)


@pytest.mark.parametrize("classes", [10, 40])
def test_bootstrap_covers_the_truth_about_as_often_as_it_says(classes: int) -> None:
    """400 data sets with classes that differ: 95 % of the intervals must hold the true mean."""
    random = np.random.default_rng(classes)
    labels = np.repeat(np.arange(classes), 5)
    hits = 0
    for trial in range(400):
        values = random.normal(size=classes).repeat(5) + random.normal(size=5 * classes)
        found = bootstrap_mean(values[:, None], labels, resamples=400, seed=trial)
        hits += bool(found.low[0] <= 0 <= found.high[0])
    # Four standard errors below 95 %, less 1 % for the percentile method.
    assert 0.90 <= hits / 400 <= 0.985


def test_bootstrap_is_the_same_each_time_and_other_with_another_seed() -> None:
    values = np.random.default_rng(7).normal(size=(30, 1))
    first, again = bootstrap_mean(values), bootstrap_mean(values)
    assert (first.low, first.high) == (again.low, again.high)
    assert bootstrap_mean(values, seed=1).low != first.low


def test_bootstrap_needs_enough_clusters() -> None:
    values = np.arange(8.0)[:, None]
    few = bootstrap_mean(values, [0, 0, 0, 0, 1, 1, 1, 1])
    assert (few.by, few.clusters) == ("image", 8)
    alone = bootstrap_mean(values[:4])
    assert np.isnan([alone.low, alone.high]).all()
    empty = bootstrap_mean(np.empty((0, 2)))
    assert np.isnan(empty.low).all()
    assert empty.clusters == 0


def test_bootstrap_of_a_column_without_values_is_nan() -> None:
    values = np.column_stack([np.arange(9.0), np.full(9, np.nan)])
    found = bootstrap_mean(values)
    assert np.isfinite(found.low[0])
    assert np.isnan(found.low[1])


def test_bootstrap_refuses_nonsense() -> None:
    with pytest.raises(UsageError, match="expected at least 1 resample, got 0"):
        bootstrap_mean(np.ones((9, 1)), resamples=0)
    with pytest.raises(UsageError, match=r"a confidence between 0 and 1, such as 0\.95, got 95"):
        bootstrap_mean(np.ones((9, 1)), confidence=95)
