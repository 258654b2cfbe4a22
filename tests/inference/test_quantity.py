"""The expected kernel size per image, unit, class and channel, against NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from skviz.capture.attention import Attention
from skviz.errors import UsageError
from skviz.inference.summary import Summary, SummaryOptions, summarise
from skviz.units import Kernel, Unit
from tests.helpers.synthetic import channel_vectors, make_run, stage_units

# Three branches of 3, 5 and 9 pixels, the largest first; unknown kernels; two branches.
THREE = Unit("SK_2_1", "a", (Kernel(3, 4), Kernel(3), Kernel(5)), 8)
UNKNOWN = Unit("SK_3_1", "b", (None, None), 8)
TWO = Unit("SK_4_1", "c", (Kernel(3), Kernel(7)), 16)
SIZES = np.array([9.0, 3.0, 5.0])
LABELS = np.repeat(np.arange(6), 4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, np.ndarray, np.ndarray]:
    """A summary, the attention it is of, and the expected size of the first unit (N, V)."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    attention = make_run(folder, (THREE, UNKNOWN, TWO), classes=6, per_class=4)
    summary = summarise(folder, resamples=50, quantity="expected_kernel")
    return summary, attention, attention[:, :, 0] @ SIZES


def test_per_image_and_unit(made: tuple[Summary, np.ndarray, np.ndarray]) -> None:
    summary, attention, sizes = made
    np.testing.assert_allclose(summary.values[:, :, 0], sizes, rtol=1e-6)
    frame = summary.to_frame().set_index(["unit", "scale"])
    for v, scale in enumerate(summary.scales):
        row = frame.loc[("SK_2_1", scale)]
        assert row["expected_kernel"] == pytest.approx(sizes[:, v].mean(), rel=1e-6)
        assert row["expected_kernel_std"] == pytest.approx(sizes[:, v].std(ddof=1), rel=1e-4)
        # The attention difference stays what it is.
        gap = attention[:, v, 0, 0] - attention[:, v, 0, 1]
        assert row["mean"] == pytest.approx(gap.mean(), abs=1e-6)
        assert np.isnan(frame.loc[("SK_3_1", scale), "expected_kernel"])


def test_shifts_and_trends(made: tuple[Summary, np.ndarray, np.ndarray]) -> None:
    summary, _, sizes = made
    sizes = sizes.astype(np.float32).astype(np.float64)
    row = summary.shifts.query("unit == 'SK_2_1' and from_scale == 1 and to_scale == 2").iloc[0]
    change = sizes[:, 2] - sizes[:, 0]
    assert row["shift"] == pytest.approx(change.mean(), rel=1e-4)
    assert row["p"] == pytest.approx(stats.wilcoxon(change).pvalue, rel=1e-3)
    assert row["low"] < row["shift"] < row["high"]
    of_class = [change[k == LABELS].mean() for k in range(6)]
    assert row["classes"] == pytest.approx(np.mean(np.array(of_class) > 0))
    unknown = summary.shifts.query("unit == 'SK_3_1'")
    assert unknown[["shift", "p", "low", "images", "channels"]].isna().all(axis=None)
    assert set(unknown["note"]) == {"not enough data: no image"}
    trend = summary.trends.set_index("unit").loc["SK_2_1"]
    assert trend["p"] == pytest.approx(stats.page_trend_test(sizes, method="auto").pvalue, rel=1e-3)


def test_per_class(made: tuple[Summary, np.ndarray, np.ndarray]) -> None:
    summary, _, sizes = made
    frame = summary.classes.query("unit == 'SK_2_1' and scale == 1.5")
    expected = [sizes[k == LABELS, 1].mean() for k in range(6)]
    np.testing.assert_allclose(frame["mean"], expected, rtol=1e-6)


def test_per_channel(made: tuple[Summary, np.ndarray, np.ndarray]) -> None:
    summary, attention, _ = made
    frame = summary.channel_kernels
    assert list(frame.columns) == ["unit", "scale", "channel", "n", "expected_kernel"]
    whole = channel_vectors(attention, 0, THREE)  # (N, V, M, C)
    expected = np.einsum("nvmc,m->vc", whole, SIZES) / len(whole)
    own = frame[frame["unit"] == "SK_2_1"]
    np.testing.assert_allclose(own["expected_kernel"], expected.ravel(), rtol=1e-6)
    assert (own["n"] == 24).all()
    assert frame[frame["unit"] == "SK_3_1"]["expected_kernel"].isna().all()
    # Per channel, then the mean over channels: the same as per image.
    two = frame[frame["unit"] == "SK_4_1"].groupby("scale")["expected_kernel"].mean()
    means = summary.to_frame().query("unit == 'SK_4_1'")["expected_kernel"]
    np.testing.assert_allclose(two, means, rtol=1e-6)


def test_share_of_channels_that_rise(made: tuple[Summary, np.ndarray, np.ndarray]) -> None:
    summary, attention, _ = made
    whole = channel_vectors(attention, 0, THREE)
    sizes = np.einsum("nvmc,m->vc", whole, SIZES)
    row = summary.shifts.query("unit == 'SK_2_1' and from_scale == 1 and to_scale == 2").iloc[0]
    assert row["channels"] == pytest.approx((sizes[2] > sizes[0]).mean())


def test_document_says_the_quantity(made: tuple[Summary, np.ndarray, np.ndarray]) -> None:
    document = json.loads(json.dumps(made[0].to_dict(), allow_nan=False))
    assert document["quantity"] == "expected_kernel"
    assert SummaryOptions().quantity == "difference"


def test_attention_of_an_image_has_it_too() -> None:
    """Per view and channel, from the attention of a probe."""
    values = np.array([[[0.5, 0.1], [0.25, 0.2], [0.25, 0.7]]], np.float32)
    attention = Attention((THREE, UNKNOWN), {"SK_2_1": values, "SK_3_1": values[:, :2]}, (1.0,))
    expected = attention.expected_kernel("2_1")
    np.testing.assert_allclose(expected, [[4.5 + 0.75 + 1.25, 0.9 + 0.6 + 3.5]], rtol=1e-6)
    assert attention.expected_kernel("3_1") is None


def test_what_makes_no_sense_is_explained(tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((1,)), classes=5, per_class=2)
    with pytest.raises(UsageError, match="a quantity of difference, expected_kernel, got 'kernel'"):
        summarise(tmp_path / "run", quantity="kernel")
    make_run(tmp_path / "unknown", stage_units((1,), known=False), classes=5, per_class=2)
    with pytest.raises(UsageError, match="got none of SK_2_1; they have no expected kernel size"):
        summarise(tmp_path / "unknown", quantity="expected_kernel")
