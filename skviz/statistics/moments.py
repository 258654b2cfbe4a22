"""Streaming moments: count, mean and squared deviations, merged exactly in any order.

Pure functions over arrays. They use nothing but arithmetic, `mean` and `sum`, so that NumPy
arrays and PyTorch tensors (on any device) do alike. Values should be float64.

The merge is that of Chan, Golub and LeVeque (1979): no pass over the data is repeated, and
nothing is lost when the mean drifts, which running sums of squares do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skviz.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Moments:
    """Count, mean and `m2`, the sum of squared deviations from the mean.

    `mean` and `m2` have one shape; `count` broadcasts against it.
    """

    count: Any
    mean: Any
    m2: Any


Groups = tuple[IntArray, Moments]


class Statistics(NamedTuple):
    """Count, mean and sample standard deviation (n - 1; nan where the count is below 2)."""

    count: Any
    mean: FloatArray
    std: FloatArray


def batch_moments(values: Any) -> Moments:
    """Return the moments over the first axis of `values`, shape (n, ...) with n at least 1."""
    mean = values.mean(axis=0)
    return Moments(len(values), mean, ((values - mean) ** 2).sum(axis=0))


def update(moments: Moments | None, values: Any) -> Moments:
    """Return the moments with `values`, shape (n, ...), added; None is the start."""
    new = batch_moments(values)
    return new if moments is None else merge(moments, new)


def merge(a: Moments, b: Moments) -> Moments:
    """Return the moments of both samples together, each element with a count of at least 1."""
    count = a.count + b.count
    delta = b.mean - a.mean
    share = b.count / count
    return Moments(count, a.mean + delta * share, a.m2 + b.m2 + delta**2 * (a.count * share))


def compute(moments: Moments) -> Statistics:
    """Return count, mean and sample standard deviation as NumPy arrays."""
    count = np.asarray(moments.count)
    single = count < 2
    variance = np.asarray(moments.m2, np.float64) / np.where(single, 1, count - 1)
    std = np.where(single, np.nan, np.sqrt(variance))
    return Statistics(count, np.asarray(moments.mean, np.float64), std)


def nan_mean(values: ArrayLike, axis: int = 0) -> FloatArray:
    """Return the mean along an axis, nan left out, and nan where nothing else is.

    NumPy's own warns where there is nothing.

    Examples
    --------
    >>> nan_mean([[1.0, np.nan], [3.0, np.nan]])
    array([ 2., nan])
    """
    table = np.asarray(values, np.float64)
    present = ~np.isnan(table)
    total, count = np.where(present, table, 0).sum(axis), present.sum(axis)
    mean: FloatArray = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def nan_std(values: ArrayLike, axis: int = 0) -> FloatArray:
    """Return the standard deviation (n - 1) along an axis, nan left out; nan for fewer than two.

    Examples
    --------
    >>> nan_std([[1.0, np.nan], [3.0, 2.0], [np.nan, np.nan]]).round(3)
    array([1.414,   nan])
    """
    table = np.asarray(values, np.float64)
    count = (~np.isnan(table)).sum(axis)
    squares = np.nansum((table - np.expand_dims(nan_mean(table, axis), axis)) ** 2, axis)
    variance = np.divide(squares, count - 1, out=np.full(squares.shape, np.nan), where=count > 1)
    std: FloatArray = np.sqrt(variance)
    return std


def group_moments(values: FloatArray, labels: NDArray[Any]) -> Groups:
    """Return the labels that occur, shape (k,), and the moments of each, shape (k, ...).

    `values` has shape (n, ...), `labels` shape (n,), n at least 1.
    """
    order = np.argsort(labels, kind="stable")
    found, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    values = values[order]
    count = counts.astype(np.int64).reshape(-1, *[1] * (values.ndim - 1))
    mean = np.add.reduceat(values, starts, axis=0) / count
    squares = (values - np.repeat(mean, counts, axis=0)) ** 2
    return found.astype(np.int64), Moments(count, mean, np.add.reduceat(squares, starts, axis=0))


def merge_groups(a: Groups, b: Groups) -> Groups:
    """Return the moments per label of both samples together; labels may differ."""
    labels = np.union1d(a[0], b[0])
    shape = (len(labels), *np.shape(a[1].mean)[1:])
    count = np.zeros((len(labels), *[1] * (len(shape) - 1)), np.int64)
    mean, m2 = np.zeros(shape), np.zeros(shape)
    for own, moments in (a, b):
        at = np.searchsorted(labels, own)
        # An empty group has mean 0 and count 0: merging into it gives the other one exactly.
        old = Moments(count[at], mean[at], m2[at])
        new = merge(old, moments)
        count[at], mean[at], m2[at] = new.count, new.mean, new.m2
    return labels, Moments(count, mean, m2)
