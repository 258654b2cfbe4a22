"""The most probable classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from skviz.errors import UsageError
from skviz.runs.classes import top_classes


def test_best_first_with_probabilities() -> None:
    logits = np.log([[0.1, 0.6, 0.3], [0.5, 0.25, 0.25]])
    first, second = top_classes(logits, ("ant", "bee", "cup"), k=2)
    assert [name for name, _ in first] == ["bee", "cup"]
    assert [p for _, p in first] == pytest.approx([0.6, 0.3])
    assert [name for name, _ in second] == ["ant", "bee"]  # of equals the first


def test_without_names_and_with_few_classes() -> None:
    assert top_classes([[0.0, 0.0]]) == [[("class 0", 0.5), ("class 1", 0.5)]]


def test_large_logits_do_not_overflow() -> None:
    ((name, probability), _), *_ = top_classes(np.float32([[1e4, 0.0]]))
    assert (name, probability) == ("class 0", 1.0)
    assert math.isfinite(probability)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0],), r"expected logits of shape \(views, classes\), got \(2,\)"),
        (([[]],), r"expected logits of shape \(views, classes\), got \(1, 0\)"),
        (([[0.0, 1.0]], ["ant"]), "expected 2 class names, got 1"),
        (([[0.0, 1.0]], None, 0), "expected at least 1 class to name, got 0"),
    ],
)
def test_what_does_not_fit(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        top_classes(*arguments)
