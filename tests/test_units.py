"""Unit names and kernels."""

from __future__ import annotations

import json

import pytest

from skviz.errors import UnitError
from skviz.runs.storage.settings import unit_from_dict, unit_to_dict
from skviz.units import Kernel, Unit, paper_units, select_units

K3, K5 = Kernel(3), Kernel(3, dilation=2)


def _network(stages: tuple[int, ...] = (3, 4, 6, 3)) -> list[Unit]:
    return [
        Unit(f"SK_{stage}_{position}", f"stage{stage}.{position - 1}.sk", (K3, K5), 8)
        for stage, count in enumerate(stages, start=2)
        for position in range(1, count + 1)
    ]


def _names(units: list[Unit]) -> list[str]:
    return [unit.short for unit in units]


@pytest.mark.parametrize(
    ("kernel", "effective", "label"),
    [
        (Kernel(3), 3, "3x3"),
        (Kernel(3, 2), 5, "5x5 (3x3, dilation 2)"),
        (Kernel(3, 3), 7, "7x7 (3x3, dilation 3)"),
        (Kernel(5), 5, "5x5"),
        (Kernel(1, 4), 1, "1x1 (1x1, dilation 4)"),
        (Kernel(5, 2), 9, "9x9 (5x5, dilation 2)"),
    ],
)
def test_effective_kernel_size(kernel: Kernel, effective: int, label: str) -> None:
    assert kernel.effective == effective
    assert str(kernel) == label


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("3_4", ["3_4"]),
        ("SK_3_4", ["3_4"]),
        ("stage3.3.sk", ["3_4"]),
        ("3_*", ["3_1", "3_2", "3_3", "3_4"]),
        ("SK_5_*", ["5_1", "5_2", "5_3"]),
        ("paper", ["2_3", "3_4", "4_6", "5_3"]),
        (["5_3", "2_1", "5_3"], ["2_1", "5_3"]),
        ([" 3_4 ", "paper"], ["2_3", "3_4", "4_6", "5_3"]),
    ],
)
def test_units_by_name(wanted: str | list[str], expected: list[str]) -> None:
    assert _names(select_units(wanted, _network())) == expected


def test_all_units_are_in_network_order() -> None:
    assert select_units("all", _network()) == _network()


def test_unknown_unit_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(UnitError, match=r"unknown unit '3_5'.*Did you mean '3_4'\?.*2_1, 2_2"):
        select_units(["3_4", "3_5"], _network())


def test_no_unit_is_an_error() -> None:
    with pytest.raises(UnitError, match="expected at least one unit name, got none"):
        select_units([], _network())


def test_paper_units_without_stages_are_all_units() -> None:
    units = [Unit(path, path, (K3, K5), 4) for path in ("encoder.a", "encoder.b")]
    assert paper_units(units) == units


def test_largest_and_smallest_follow_the_effective_size() -> None:
    unit = Unit("SK_2_1", "x", (Kernel(3, 3), Kernel(3), Kernel(3, 2)), 8)
    assert (unit.largest, unit.smallest) == (0, 1)
    assert [unit.branch_label(b) for b in range(3)] == ["7x7", "3x3", "5x5"]
    assert (unit.stage, unit.position, unit.branches) == (2, 1, 3)


@pytest.mark.parametrize("kernels", [(K3, K3), (None, None), (K3, None)])
def test_unknown_or_equal_kernels_get_no_size(kernels: tuple[Kernel | None, ...]) -> None:
    unit = Unit("a.b", "a.b", kernels, 8)
    assert not unit.kernels_known
    assert (unit.smallest, unit.largest) == (0, 1)
    assert unit.branch_label(1) == "branch 1"
    assert unit.stage is None


@pytest.mark.parametrize(
    ("kernel", "effective", "label"),
    [
        (Kernel((3, 1)), 3, "3x1"),
        (Kernel((3, 1), (2, 1)), 5, "5x1 (3x1, dilation 2x1)"),
        (Kernel((1, 3), 2), 5, "1x5 (1x3, dilation 2)"),
        (Kernel(3, (1, 2)), 5, "3x5 (3x3, dilation 1x2)"),
        (Kernel((3,), 2), 5, "5 (3, dilation 2)"),
        (Kernel((1, 3, 3)), 3, "1x3x3"),
    ],
)
def test_kernels_of_unequal_sides_of_signals_and_of_volumes(
    kernel: Kernel, effective: int, label: str
) -> None:
    assert (kernel.effective, str(kernel)) == (effective, label)
    assert (kernel.longest[0] - 1) * kernel.longest[1] + 1 == effective
    unit = Unit("x", "x", (Kernel(1), kernel), 8)
    row = unit.to_frame().iloc[1]
    assert row["effective"] == (row["size"] - 1) * row["dilation"] + 1 == effective
    assert unit.to_numpy().tolist() == [1.0, effective]


def test_a_kernel_is_written_in_one_way() -> None:
    assert Kernel((3, 3), (2, 2)) == Kernel(3, 2)
    assert Kernel((3, 1), (2, 2)) == Kernel((3, 1), 2)
    assert Kernel((3,)) != Kernel(3) != Kernel((3, 3, 3))
    with pytest.raises(UnitError, match="expected one dilation, or one for each of 2 sides, got"):
        Kernel((3, 1), (1, 2, 3))


@pytest.mark.parametrize(
    ("kernels", "largest", "smallest", "known"),
    [
        ((Kernel((5, 1)), Kernel((3, 1))), 0, 1, True),
        ((Kernel((1, 5)), Kernel(3)), 0, 1, True),  # The longer side comes first,
        ((Kernel(3), Kernel((3, 1))), 0, 1, False),  # then the area;
        ((Kernel((7, 1)), Kernel((1, 7))), 1, 0, False),  # else it is last minus first.
    ],
)
def test_the_longer_side_then_the_area_orders_kernels(
    kernels: tuple[Kernel, ...], largest: int, smallest: int, known: bool
) -> None:
    unit = Unit("x", "x", kernels, 8)
    assert (unit.largest, unit.smallest) == (largest, smallest)
    assert [unit.branch_label(b) for b in range(2)] == [k.label for k in kernels]
    assert unit.kernels_known == known


@pytest.mark.parametrize(
    "unit",
    [
        Unit("x", "x", (Kernel((3, 1), (2, 1)), Kernel((3, 1))), 8),
        Unit("x", "x", (Kernel((3,)), Kernel((5,), 2)), 8),
        Unit("x", "x", (None, Kernel(3), Kernel(5)), 8, null=(0,), notes=("said",)),
    ],
)
def test_a_unit_comes_back_from_a_run_folder(unit: Unit) -> None:
    assert unit_from_dict(json.loads(json.dumps(unit_to_dict(unit)))) == unit


def test_a_unit_of_an_old_run_folder_is_read() -> None:
    kernels = [
        {"size": 3, "dilation": 1, "groups": 32, "effective": 3},
        {"size": 3, "dilation": 2, "groups": 32, "effective": 5},
    ]
    entry = {"name": "SK_2_1", "path": "a", "kernels": kernels, "channels": 8}
    unit = unit_from_dict(entry)
    assert unit == Unit("SK_2_1", "a", (Kernel(3, 1, 32), Kernel(3, 2, 32)), 8)
    # It can be resumed: nothing is written that was not there.
    written = unit_to_dict(unit)
    assert "null" not in written
    assert "notes" not in written
    assert written["kernels"] == kernels
