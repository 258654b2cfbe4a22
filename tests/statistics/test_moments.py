"""Streaming moments against NumPy on the whole, over unequal batches whose mean drifts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skviz.statistics.moments import (
    Moments,
    batch_moments,
    compute,
    group_moments,
    merge,
    merge_groups,
    update,
)


def drifting(seed: int = 0) -> list[np.ndarray]:
    """Batches of 1 to 40 entries, shape (n, 2, 3), each around another, far mean."""
    rng = np.random.default_rng(seed)
    sizes = [1, 40, 3, 17, 1, 25, 8]
    return [1e3 * i + rng.normal(scale=0.1 + i, size=(n, 2, 3)) for i, n in enumerate(sizes)]


def assert_equal(moments: Moments, values: np.ndarray) -> None:
    found = compute(moments)
    assert np.all(found.count == len(values))
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.std, values.std(axis=0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_update_equals_numpy(seed: int) -> None:
    batches = drifting(seed)
    moments = None
    for batch in batches:
        moments = update(moments, batch)
    assert moments is not None
    assert_equal(moments, np.concatenate(batches))


@pytest.mark.parametrize("seed", range(5))
def test_merge_in_any_order(seed: int) -> None:
    batches = drifting()
    rng = np.random.default_rng(seed)
    parts = [batch_moments(batches[i]) for i in rng.permutation(len(batches))]
    while len(parts) > 1:
        i, j = rng.choice(len(parts), 2, replace=False)
        joined = merge(parts[i], parts[j])
        parts = [part for k, part in enumerate(parts) if k not in (i, j)] + [joined]
    assert_equal(parts[0], np.concatenate(batches))


def test_tensors_do_as_arrays_do() -> None:
    moments = None
    for batch in drifting():
        moments = update(moments, torch.from_numpy(batch))
    assert moments is not None
    assert isinstance(moments.mean, torch.Tensor)
    on_host = Moments(moments.count, moments.mean.numpy(), moments.m2.numpy())
    assert_equal(on_host, np.concatenate(drifting()))


def test_sums_of_squares_would_fail_here() -> None:
    """The check bites: the textbook formula loses the digits that the merge keeps."""
    values = 1e9 + np.random.default_rng(0).normal(size=(1000, 1))
    naive = (values**2).mean(axis=0) - values.mean(axis=0) ** 2
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(naive, values.var(axis=0), rtol=0.01)
    moments = None
    for part in np.array_split(values, 7):
        moments = update(moments, part)
    assert moments is not None
    np.testing.assert_allclose(compute(moments).std, values.std(axis=0, ddof=1), rtol=1e-7)


def test_one_value_has_no_deviation() -> None:
    found = compute(batch_moments(np.array([[2.0, 3.0]])))
    np.testing.assert_array_equal(found.mean, [2.0, 3.0])
    assert np.isnan(found.std).all()


def test_groups_equal_numpy() -> None:
    rng = np.random.default_rng(1)
    values, labels = rng.normal(size=(50, 2)), rng.integers(-1, 6, 50)
    values += 100.0 * labels[:, None]
    groups = None
    for part in np.split(np.arange(50), [1, 7, 30]):
        new = group_moments(values[part], labels[part])
        groups = new if groups is None else merge_groups(groups, new)
    assert groups is not None
    found, moments = groups
    np.testing.assert_array_equal(found, np.unique(labels))
    statistics = compute(moments)
    for index, label in enumerate(found):
        own = values[labels == label]
        assert statistics.count[index, 0] == len(own)
        np.testing.assert_allclose(statistics.mean[index], own.mean(axis=0), rtol=1e-12)
        if len(own) > 1:
            np.testing.assert_allclose(statistics.std[index], own.std(axis=0, ddof=1), rtol=1e-11)


def test_absent_values_stay_absent_by_element() -> None:
    first = group_moments(np.array([[1.0, np.nan]]), np.array([0]))
    second = group_moments(np.array([[3.0, np.nan]]), np.array([0]))
    _, moments = merge_groups(first, second)
    np.testing.assert_array_equal(moments.mean, [[2.0, np.nan]])
