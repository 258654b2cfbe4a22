"""Which output of a network a class of a data set is, and when that is a guess."""

from __future__ import annotations

import random

import pytest

from skviz.runs.classes import class_map, class_notes

TWELVE = sorted(str(number) for number in range(12))  # 0, 1, 10, 11, 2, ...


@pytest.mark.parametrize(
    ("names", "outputs", "known", "how", "mapping"),
    [
        (TWELVE, 12, None, "number", [int(name) for name in TWELVE]),
        (["10", "2"], 12, None, "number", [10, 2]),
        (["0", "999"], 1000, [f"word {i}" for i in range(1000)], "number", [0, 999]),
        (["b", "a"], 3, ["a", "b", "c"], "name", [1, 0]),
        (["1", "0"], 2, ["1", "0"], "name", [0, 1]),
        (["ca\\xeft"], 2, ["dog", "ca\udceft"], "name", [1]),
        (["a\\\\b"], 2, ["c", "a\\\\b"], "name", [1]),
        (["a\\\\b"], 2, ["c", "a\\b"], "name", [1]),
        (["1", "10", "2"], 3, None, "index", [0, 1, 2]),
        (["1", "2", "3"], 3, None, "number from 1", [0, 1, 2]),
        (["000", "001"], 2, None, "index", [0, 1]),
        (["a", "b"], 2, ["c", "d"], "index", [0, 1]),
        (["a", "b"], 3, None, None, None),
        (["2", "3"], 3, None, None, None),
        ([], 3, None, None, None),
        (["a"], None, None, None, None),
    ],
)
def test_how_classes_are_matched(
    names: list[str],
    outputs: int | None,
    known: list[str] | None,
    how: str | None,
    mapping: list[int] | None,
) -> None:
    found, index = class_map(names, outputs, known)
    assert found == how
    assert (None if index is None else index.tolist()) == mapping
    guessed = how in ("index", "number from 1")
    assert [note.kind for note in class_notes(found, names, outputs)] == ["assumed"] * guessed


@pytest.mark.parametrize("first", [0, 1])
def test_numbers_are_matched_in_any_order(first: int) -> None:
    numbers = list(range(first, 200 + first))
    random.Random(0).shuffle(numbers)
    _, mapping = class_map([str(number) for number in numbers], 200, None)
    assert mapping is not None
    assert mapping.tolist() == [number - first for number in numbers]
