"""Paired statistics: how far a quantity shifts between scales, and how sure that is.

Everything here takes arrays and returns numbers; None stands for "not enough data". Rows are
images. SciPy does the tests.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skviz.errors import UsageError
from skviz.typing import FloatArray

RESAMPLES = 2000
CONFIDENCE = 0.95
SEED = 0
# Of fewer classes or images no resampling tells how others would have come out.
FEWEST_CLUSTERS = 5
_CHUNK = 4_000_000  # random numbers drawn at once


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of paired differences against zero, two-sided.

    `p` is the p-value, `rank_biserial` the matched-pairs rank-biserial correlation in
    [-1, 1]: the rank sum of the rises minus that of the falls, over their total.
    """

    p: float
    rank_biserial: float


@dataclass(frozen=True)
class Trend:
    """Page's test that a quantity rises with the scale, one-sided.

    `p` is the p-value (near 1 where it falls instead), `statistic` is Page's L, and
    `correlation` the mean over images of Spearman's rank correlation with the scale, in
    [-1, 1]. `n` counts the images.
    """

    p: float
    statistic: float
    correlation: float
    n: int


@dataclass(frozen=True, eq=False)
class Intervals:
    """Bootstrap confidence intervals of Q means: `low` and `high` have shape (Q,).

    `by` says what was drawn with replacement ("class" or "image"), `clusters` how many of
    them there are. Both are nan where there is not enough data.
    """

    low: FloatArray
    high: FloatArray
    by: str
    clusters: int


def signed_rank(differences: ArrayLike) -> SignedRank | None:
    """Test paired differences (n,) against zero; None if none of them differs from zero.

    Differences of zero are left out (Wilcoxon's own way), and nan too. SciPy chooses the exact
    distribution for small samples and the normal one, corrected for ties, for large ones.
    """
    from scipy import stats

    values = _present(differences)
    values = values[values != 0]
    if not len(values):
        return None
    result = stats.wilcoxon(values)
    # Of both rank sums SciPy names the smaller; for large samples z tells which one that is.
    smaller, total = float(result.statistic), len(values) * (len(values) + 1) / 2
    sign = getattr(result, "zstatistic", None)
    if sign is None:
        sign = stats.rankdata(np.abs(values))[values > 0].sum() - total / 2
    size = 1 - 2 * smaller / total
    return SignedRank(p=float(result.pvalue), rank_biserial=size if sign > 0 else -size)


def cohen_dz(differences: ArrayLike) -> float | None:
    """Return the paired effect size: mean over standard deviation (n - 1) of differences (n,).

    None for fewer than two differences, and where they are all the same.
    """
    values = _present(differences)
    if len(values) < 2 or np.ptp(values) == 0:
        return None
    return float(values.mean() / values.std(ddof=1))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for testing several times (Holm 1979); None stays None and counts not."""
    tested = [(p, i) for i, p in enumerate(p_values) if p is not None and not math.isnan(p)]
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(sorted(tested)):
        # Never below the one before: a larger p-value must not end up as the smaller one.
        largest = max(largest, min(1.0, (len(tested) - rank) * p))
        adjusted[index] = largest
    return adjusted


def share_above_zero(values: ArrayLike) -> float | None:
    """Return which share of the values, nan left out, is above zero; ties do not count."""
    present = _present(values)
    return float((present > 0).mean()) if len(present) else None


def page_trend(values: ArrayLike) -> Trend | None:
    """Test whether values (n, V) rise over their V columns, the scales in ascending order.

    Images with nan at any scale are left out. None for fewer than three scales or two images,
    or where no image differs between any scales. The normal approximation serves from 100
    images on; below, SciPy takes the exact distribution where it can.
    """
    from scipy import stats

    table = np.asarray(values, np.float64)
    table = table[~np.isnan(table).any(axis=1)]
    n, count = table.shape
    if count < 3 or n < 2 or (np.ptp(table, axis=1) == 0).all():
        return None
    ranks = stats.rankdata(table, axis=1)
    method = "asymptotic" if n > 100 else "auto"
    result = stats.page_trend_test(ranks, ranked=True, method=method)
    return Trend(
        p=float(result.pvalue),
        statistic=float(result.statistic),
        correlation=_mean_correlation(ranks),
        n=n,
    )


def bootstrap_mean(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> Intervals:
    """Return bootstrap intervals for the means of values (n, Q), nan left out per column.

    `clusters` (n,) holds a whole number per row, such as the class. Whole clusters are drawn
    with replacement, because images of one class resemble each other; with None, or fewer than
    five clusters, single rows are. All columns share the draws. The interval is the percentile
    one, widened for few clusters as by Hesterberg (2015, "expanded percentile"), without which
    it would be too narrow.

    Raises `UsageError` for a bad number of resamples or a confidence outside (0, 1).
    """
    table = np.asarray(values, np.float64)
    if resamples < 1:
        raise UsageError(f"expected at least 1 resample, got {resamples}")
    if not 0 < confidence < 1:
        raise UsageError(f"expected a confidence between 0 and 1, such as 0.95, got {confidence}")
    members, by = np.arange(len(table)), "image"
    if clusters is not None:
        # Numbered from 0 without gaps.
        names, found = np.unique(np.asarray(clusters), return_inverse=True)
        if len(names) >= FEWEST_CLUSTERS:
            members, by = found.astype(np.int64), "class"
    count = int(members.max()) + 1 if len(members) else 0
    low, high = np.full((2, table.shape[1]), np.nan)
    if count >= FEWEST_CLUSTERS:
        means = _resampled_means(table, members, count, resamples, seed)
        tail = _tail(confidence, count)
        known = ~np.isnan(means).any(axis=0)
        if known.any():
            low[known], high[known] = np.quantile(means[:, known], (tail, 1 - tail), axis=0)
    return Intervals(low, high, by, count)


def _present(values: ArrayLike) -> FloatArray:
    array = np.asarray(values, np.float64)
    return array[~np.isnan(array)]


def _resampled_means(
    table: FloatArray, members: NDArray[np.int64], count: int, resamples: int, seed: int
) -> FloatArray:
    """Return the means of all resamples, shape (resamples, Q)."""
    present = ~np.isnan(table)
    order = np.argsort(members, kind="stable")
    starts = np.searchsorted(members[order], np.arange(count))
    sums = np.add.reduceat(np.where(present, table, 0)[order], starts, axis=0)
    sizes = np.add.reduceat(present[order], starts, axis=0, dtype=np.float64)
    random = np.random.default_rng(seed)
    means = []
    step = max(1, _CHUNK // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(count, size=(rows, count))
        drawn += np.arange(rows)[:, None] * count
        # How often each cluster was drawn; a mean is then a ratio of two matrix products.
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        weights = weights.astype(np.float64)
        total, size = weights @ sums, weights @ sizes
        means.append(np.divide(total, size, out=np.full_like(total, np.nan), where=size > 0))
    return np.concatenate(means)


def _tail(confidence: float, count: int) -> float:
    """Return the share of resamples beyond either end of the interval."""
    from scipy import stats

    t = stats.t.ppf((1 + confidence) / 2, count - 1)
    return float(stats.norm.cdf(-math.sqrt(count / (count - 1)) * t))


def _mean_correlation(ranks: FloatArray) -> float:
    """Return the mean over rows of the correlation of ranks with their column; ties count 0."""
    column = np.arange(ranks.shape[1]) - (ranks.shape[1] - 1) / 2
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1) * (column**2).sum())
    product = centred @ column
    return float(np.divide(product, length, out=np.zeros_like(product), where=length > 0).mean())
