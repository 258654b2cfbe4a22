"""The summary of a run against plain NumPy and SciPy over the numbers that were written."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skviz.errors import RunError
from skviz.inference.summary import Summary, summarise
from skviz.units import Kernel, Unit
from tests.helpers.synthetic import channel_vectors, make_run, stage_units

UNITS = stage_units((1, 2), channels=8)
SCALES = (1.0, 2.0, 1.5)  # not in order: the summary puts them in order


@pytest.fixture(autouse=True)
def no_warnings() -> object:
    """Whatever the data, no warning of NumPy, SciPy or pandas reaches the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, np.ndarray]:
    """A summary, and the difference (images, scales, units) that it is of, scales ascending."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    attention = make_run(folder, UNITS, SCALES, classes=7, per_class=6)
    gap = attention[..., 1] - attention[..., 0]
    return summarise(folder, resamples=300), gap[:, [0, 2, 1]]


def test_means_and_deviations(made: tuple[Summary, np.ndarray]) -> None:
    summary, gap = made
    frame = summary.to_frame()
    assert summary.scales == (1.0, 1.5, 2.0)
    assert list(frame["unit"].unique()) == [unit.name for unit in UNITS]
    shape = (len(UNITS), 3)
    values = frame["mean"].to_numpy().reshape(shape)
    np.testing.assert_allclose(values, gap.mean(axis=0).T, atol=1e-6)
    spread = frame["std"].to_numpy().reshape(shape)
    np.testing.assert_allclose(spread, gap.std(axis=0, ddof=1).T, atol=1e-6)
    assert (frame["n"] == 42).all()
    # For a 3x3 and a 5x5 kernel the expected size is 4 plus the difference.
    np.testing.assert_allclose(frame["expected_kernel"], 4 + frame["mean"], atol=1e-6)


def test_classes(made: tuple[Summary, np.ndarray]) -> None:
    summary, gap = made
    labels = np.repeat(np.arange(7), 6)
    frame = summary.classes.set_index(["unit", "scale", "label"])
    for u, unit in enumerate(UNITS):
        for v, scale in enumerate(summary.scales):
            for k in range(7):
                row = frame.loc[(unit.name, scale, k)]
                assert row["mean"] == pytest.approx(gap[labels == k, v, u].mean(), abs=1e-6)
                assert (row["n"], row["name"]) == (6, f"class {k}")


def test_channels(made: tuple[Summary, np.ndarray]) -> None:
    summary, gap = made
    vectors = channel_vectors
    frame = summary.channels
    assert len(frame) == sum(3 * 2 * unit.channels for unit in UNITS)
    # The attention of two branches, from its difference and its sum of 1.
    attention = np.stack([(1 - gap) / 2, (1 + gap) / 2], axis=-1)
    for index, unit in enumerate(UNITS):
        whole = vectors(attention, index, unit)
        own = frame[frame["unit"] == unit.name]
        np.testing.assert_allclose(own["mean"], whole.mean(axis=0).ravel(), atol=1e-6)
        np.testing.assert_allclose(own["std"], whole.std(axis=0, ddof=1).ravel(), atol=1e-6)
        assert list(own["kernel"].unique()) == ["3x3", "5x5"]
        assert (own["n"] == 42).all()


def test_shifts(made: tuple[Summary, np.ndarray]) -> None:
    summary, gap = made
    labels = np.repeat(np.arange(7), 6)
    frame = summary.shifts
    assert len(frame) == 3 * len(UNITS)
    places = {scale: v for v, scale in enumerate(summary.scales)}
    names = [unit.name for unit in UNITS]
    # The records are float32: ranks of what was read, not of what was written.
    gap = gap.astype(np.float32).astype(np.float64)
    for row in frame.itertuples():
        u = names.index(row.unit)
        change = gap[:, places[row.to_scale], u] - gap[:, places[row.from_scale], u]
        assert row.shift == pytest.approx(change.mean(), abs=1e-6)
        assert row.std == pytest.approx(change.std(ddof=1), abs=1e-6)
        assert row.dz == pytest.approx(change.mean() / change.std(ddof=1), abs=1e-4)
        assert row.p == pytest.approx(stats.wilcoxon(change).pvalue, rel=1e-3)
        ranks = stats.rankdata(np.abs(change))
        balance = (ranks * np.sign(change)).sum() / ranks.sum()
        assert row.rank_biserial == pytest.approx(balance, abs=1e-6)
        assert row.images == pytest.approx((change > 0).mean())
        of_class = [change[labels == k].mean() for k in range(7)]
        assert row.classes == pytest.approx(np.mean(np.array(of_class) > 0))
        # In these made-up vectors all channels shift alike.
        assert row.channels == float(change.mean() > 0)
        assert row.low < row.shift < row.high
        assert row.note == ""
    for _, part in frame.groupby(["from_scale", "to_scale"]):
        order = np.argsort(part["p"].to_numpy())
        steps = part["p"].to_numpy()[order] * np.arange(len(UNITS), 0, -1)
        expected = np.minimum(1, np.maximum.accumulate(steps))
        np.testing.assert_allclose(part["p_holm"].to_numpy()[order], expected)


def test_trends(made: tuple[Summary, np.ndarray]) -> None:
    summary, gap = made
    for u, row in enumerate(summary.trends.itertuples()):
        expected = stats.page_trend_test(gap[:, :, u].astype(np.float32), method="auto")
        assert (row.p, row.n) == (pytest.approx(expected.pvalue, rel=1e-6), 42)
        assert row.statistic == expected.statistic


def test_intervals_are_of_whole_classes(made: tuple[Summary, np.ndarray]) -> None:
    summary, _ = made
    assert summary.intervals is not None
    assert (summary.intervals.by, summary.intervals.clusters) == ("class", 7)
    document = summary.to_dict()
    assert document["bootstrap"] == {
        "resamples": 300, "confidence": 0.95, "seed": 0, "drawn": "class", "clusters": 7,
    }  # fmt: skip


def test_accuracy_is_that_of_the_records(made: tuple[Summary, np.ndarray]) -> None:
    summary, _ = made
    hits = (np.arange(42)[:, None] + np.arange(3)) % 3 > 0
    assert summary.accuracy == pytest.approx(hits.mean(axis=0)[[0, 2, 1]])


def test_document_is_json(made: tuple[Summary, np.ndarray]) -> None:
    summary, _ = made
    document = json.loads(json.dumps(summary.to_dict(), allow_nan=False))
    assert (document["images"], document["classes"], document["scales"]) == (42, 7, [1, 1.5, 2])
    assert len(document["units"]) == len(document["shifts"]) == 9
    assert document["trends"][0]["unit"] == "SK_2_1"


def test_without_bootstrap_there_are_no_intervals(tmp_path: Path) -> None:
    make_run(tmp_path / "run", UNITS)
    summary = summarise(tmp_path / "run", resamples=0)
    assert summary.intervals is None
    assert summary.shifts["low"].isna().all()
    assert summary.to_dict()["bootstrap"] is None


def test_one_image(tmp_path: Path) -> None:
    make_run(tmp_path / "run", UNITS, classes=1, per_class=1)
    summary = summarise(tmp_path / "run")
    assert summary.to_frame()["std"].isna().all()
    assert set(summary.shifts["note"]) == {"not enough data: 1 image"}
    assert summary.shifts[["low", "high", "dz"]].isna().all(axis=None)
    assert set(summary.trends["note"]) == {"not enough data"}
    json.dumps(summary.to_dict(), allow_nan=False)


def test_one_scale(tmp_path: Path) -> None:
    make_run(tmp_path / "run", UNITS, scales=(1.0,))
    summary = summarise(tmp_path / "run")
    assert len(summary.to_frame()) == len(UNITS)
    assert summary.shifts.empty
    assert set(summary.trends["note"]) == {"fewer than three scales"}
    json.dumps(summary.to_dict(), allow_nan=False)


def test_no_image_changes(tmp_path: Path) -> None:
    attention = np.full((12, 3, len(UNITS), 2), 0.5)
    make_run(tmp_path / "run", UNITS, classes=6, per_class=2, attention=attention)
    summary = summarise(tmp_path / "run")
    shifts = summary.shifts
    assert set(shifts["note"]) == {"no image changes"}
    assert (shifts[["shift", "images", "classes", "channels"]] == 0).all(axis=None)
    assert shifts[["dz", "rank_biserial", "p", "p_holm"]].isna().all(axis=None)
    assert (shifts[["low", "high"]] == 0).all(axis=None)


def test_all_images_change_by_the_same(tmp_path: Path) -> None:
    attention = np.empty((12, 2, len(UNITS), 2))
    attention[:, 0] = (0.5, 0.5)
    attention[:, 1] = (0.25, 0.75)
    make_run(tmp_path / "run", UNITS, (1, 2), classes=6, per_class=2, attention=attention)
    shifts = summarise(tmp_path / "run").shifts
    assert set(shifts["note"]) == {"all images change by the same"}
    assert (shifts[["shift", "low", "high"]] == 0.5).all(axis=None)
    assert shifts["dz"].isna().all()
    assert (shifts["rank_biserial"] == 1).all()


def test_no_labels(tmp_path: Path) -> None:
    make_run(tmp_path / "run", UNITS, classes=0, per_class=9)
    summary = summarise(tmp_path / "run")
    assert summary.classes.empty
    assert summary.shifts["classes"].isna().all()
    assert summary.accuracy == [None, None, None]
    assert summary.intervals is not None
    assert (summary.intervals.by, summary.intervals.clusters) == ("image", 9)
    assert json.loads(json.dumps(summary.to_dict(), allow_nan=False))["classes"] == 0


def test_some_labels(tmp_path: Path) -> None:
    labels = np.array([0, 0, 2, 2, 2, -1, -1])
    attention = make_run(tmp_path / "run", UNITS, classes=3, labels=labels)
    summary = summarise(tmp_path / "run")
    classes = summary.classes.query("unit == 'SK_2_1' and scale == 1.0")
    assert list(classes["label"]) == [0, 2]
    assert list(classes["n"]) == [2, 3]
    gap = attention[:, 0, 0, 1] - attention[:, 0, 0, 0]
    assert list(classes["mean"]) == pytest.approx([gap[:2].mean(), gap[2:5].mean()], abs=1e-6)
    # An image without class cannot be drawn with its class: all are drawn one by one.
    assert summary.intervals is not None
    assert summary.intervals.by == "image"


def test_units_of_other_kinds(tmp_path: Path) -> None:
    """Three branches, and kernels that nobody knows, beside an ordinary unit."""
    units = (
        Unit("SK_2_1", "a", (Kernel(3), Kernel(3, 2), Kernel(3, 3)), 6),
        Unit("SK_2_2", "b", (Kernel(3), Kernel(3, 2)), 6),
        Unit("features.attn", "features.attn", (None, None), 5),
    )
    attention = make_run(tmp_path / "run", units)
    frame = summarise(tmp_path / "run").to_frame().set_index(["unit", "scale"])
    gap = attention[:, 0, 0, 2] - attention[:, 0, 0, 0]
    assert frame.loc[("SK_2_1", 1.0), "mean"] == pytest.approx(gap.mean(), abs=1e-6)
    size = attention[:, 0, 0] @ [3, 5, 7]
    assert frame.loc[("SK_2_1", 1.0), "expected_kernel"] == pytest.approx(size.mean(), abs=1e-6)
    assert frame.loc["features.attn", "expected_kernel"].isna().all()
    assert np.isfinite(frame.loc["features.attn", "mean"]).all()


def test_attention_that_is_nan_counts_as_missing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    first = random.uniform(0.4, 0.6, (20, 3, len(UNITS)))
    first[3, 1, 0] = np.nan
    attention = np.stack([first, 1 - first], axis=-1)
    make_run(tmp_path / "run", UNITS, classes=10, per_class=2, attention=attention)
    summary = summarise(tmp_path / "run")
    shifts = summary.shifts.set_index(["unit", "from_scale", "to_scale"])
    assert shifts.loc[("SK_2_1", 1.0, 1.5), "n"] == 19
    assert shifts.loc[("SK_2_1", 1.0, 2.0), "n"] == 20
    assert list(summary.trends["n"]) == [19, 20, 20]
    gap = np.delete(1 - 2 * first[:, 1, 0], 3)
    assert summary.to_frame()["mean"][1] == pytest.approx(gap.mean(), abs=1e-6)
    json.dumps(summary.to_dict(), allow_nan=False)


def test_an_incomplete_run_is_summarised_as_far_as_it_is(tmp_path: Path) -> None:
    make_run(tmp_path / "run", UNITS, classes=10, per_class=6, shards=2)
    document = summarise(tmp_path / "run", resamples=0).to_dict()
    assert (document["images"], document["complete"]) == (32, False)


def test_a_run_without_records_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "run", UNITS, shards=0)
    with pytest.raises(RunError, match=r"expected records in .*run', there are none; finish"):
        summarise(tmp_path / "run")


def test_a_damaged_table_says_so(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    make_run(tmp_path / "run", UNITS)
    file = tmp_path / "run" / "shards" / "00000.parquet"
    pq.write_table(pq.read_table(file).slice(0, 100), file)
    shutil.rmtree(tmp_path / "run" / "checksums")
    with pytest.raises(RunError, match="expected 9 rows per image in the records of"):
        summarise(tmp_path / "run").to_frame()


def test_shares_of_channels_look_at_each_channel(tmp_path: Path) -> None:
    """Half of the channels rise: what the moments say, whatever the mean does."""
    from skviz.runs.measurements import Measurements
    from skviz.statistics.moments import Statistics

    unit = Unit("SK_2_1", "a", (Kernel(3), Kernel(3, 2)), 4)
    large = np.array([[0.5, 0.5, 0.5, 0.5], [0.6, 0.9, 0.4, 0.5]])
    mean = np.stack([1 - large, large], axis=1)
    channels = {unit.name: Statistics(np.array([6, 6]), mean, np.zeros_like(mean))}
    cube = np.random.default_rng(0).normal(size=(6, 2, 1)).astype(np.float32)
    found = Summary(Measurements((unit,), (1.0, 2.0), cube, cube, channels=channels))
    assert list(found.shifts["channels"]) == [0.5]


def test_tables_are_tidy(made: tuple[Summary, np.ndarray]) -> None:
    summary, _ = made
    for frame in (summary.to_frame(), summary.shifts, summary.trends, summary.classes):
        assert isinstance(frame, pd.DataFrame)
        assert not frame.duplicated().any()
