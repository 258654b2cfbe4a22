"""The attention object: differences, expected kernels, tables."""

from __future__ import annotations

import numpy as np
import pytest

from skviz.capture.attention import Attention
from skviz.errors import UnitError
from skviz.units import Kernel, Unit

TWO = Unit("SK_2_1", "stage2.0.sk", (Kernel(3), Kernel(3, 2)), 2)
THREE = Unit("SK_3_1", "stage3.0.sk", (Kernel(3, 3), Kernel(3), Kernel(3, 2)), 2)
UNKNOWN = Unit("SK_4_1", "stage4.0.sk", (None, None), 2)


@pytest.fixture
def attention() -> Attention:
    two = np.array([[[0.6, 0.8], [0.4, 0.2]], [[0.5, 0.1], [0.5, 0.9]]], np.float32)
    three = np.array([[[0.2, 0.5], [0.3, 0.25], [0.5, 0.25]]] * 2, np.float32)
    return Attention(
        (TWO, THREE, UNKNOWN),
        {"SK_2_1": two, "SK_3_1": three, "SK_4_1": two},
        scales=(1.0, 1.5),
    )


def test_names(attention: Attention) -> None:
    assert list(attention) == ["SK_2_1", "SK_3_1", "SK_4_1"]
    assert len(attention) == 3
    assert "2_1" in attention and "SK_3_1" in attention and "9_9" not in attention
    assert attention["2_1"] is attention.to_numpy()["SK_2_1"]


def test_difference_is_largest_minus_smallest_kernel(attention: Attention) -> None:
    np.testing.assert_allclose(attention.difference("2_1"), [-0.4, 0.4], atol=1e-6)
    # Branch 0 is the 7x7 here and branch 1 the 3x3: (0.2 - 0.3 + 0.5 - 0.25) / 2.
    np.testing.assert_allclose(attention.difference("3_1"), [0.075] * 2, atol=1e-6)


def test_identity_of_the_paper(attention: Attention) -> None:
    mean = attention.branch("2_1").mean(axis=1)
    np.testing.assert_allclose(2 * mean - 1, attention.difference("2_1"), atol=1e-6)


def test_branch_by_number(attention: Attention) -> None:
    np.testing.assert_allclose(attention.branch("3_1"), [[0.2, 0.5]] * 2)
    np.testing.assert_allclose(attention.branch("3_1", 2), [[0.5, 0.25]] * 2)
    with pytest.raises(UnitError, match="expected a branch from 0 to 2 for SK_3_1, got 3"):
        attention.branch("3_1", 3)


def test_expected_kernel_size(attention: Attention) -> None:
    expected = attention.expected_kernel("3_1")
    assert expected is not None
    np.testing.assert_allclose(expected[0], [0.2 * 7 + 0.3 * 3 + 0.5 * 5, 5.5], atol=1e-6)
    assert attention.expected_kernel("4_1") is None


def test_one_name_must_mean_one_unit(attention: Attention) -> None:
    with pytest.raises(UnitError, match="expected the name of one unit, got 'all', which means"):
        attention["all"]


def test_table_is_tidy(attention: Attention) -> None:
    frame = attention.to_frame()
    assert list(frame.columns) == ["unit", "scale", "branch", "kernel", "channel", "attention"]
    assert len(frame) == 2 * 2 * 2 + 2 * 3 * 2 + 2 * 2 * 2
    row = frame.query("unit == 'SK_2_1' and scale == 1.5 and branch == 1 and channel == 1")
    assert row.attention.item() == pytest.approx(0.9)
    assert row.kernel.item() == "5x5"
    assert set(frame.query("unit == 'SK_4_1'").kernel) == {"branch 0", "branch 1"}


def test_table_without_scales_counts_samples(attention: Attention) -> None:
    frame = Attention(attention.units, attention.arrays).to_frame()
    assert list(frame["sample"].unique()) == [0, 1]


def test_a_gate_has_no_difference() -> None:
    gate = Unit("SE_2_1", "stage2.0.se", (None,), 2)
    attention = Attention((gate,), {"SE_2_1": np.full((1, 1, 2), 0.5, np.float32)}, (1.0,))
    assert gate.branch_label(0) == "gate"
    assert attention["2_1"].shape == (1, 1, 2)
    with pytest.raises(UnitError, match="SE_2_1 is a gate with one: it has no attention diff"):
        attention.difference("2_1")
