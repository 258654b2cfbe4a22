"""Comparisons of runs against NumPy and SciPy over the numbers that were written."""

from __future__ import annotations

import itertools
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from skviz.errors import UnitError, UsageError
from skviz.inference.compare import Comparison, compare
from skviz.inference.paper import PaperComparison, compare_with_paper
from skviz.statistics.shifts import bootstrap_mean, holm
from tests.helpers.synthetic import make_run, stage_units

UNITS = stage_units((1, 1, 1), channels=8)
SKNET50 = stage_units((3, 4, 6, 3), channels=4)


@pytest.fixture(autouse=True)
def no_warnings() -> object:
    """Whatever the data, no warning of NumPy, SciPy or pandas reaches the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def gap_of(attention: np.ndarray) -> np.ndarray:
    """The attention difference (images, scales, units), as the records keep it."""
    return (attention[..., 1] - attention[..., 0]).astype(np.float32).astype(np.float64)


def change_settings(folder: Path, **changes: object) -> None:
    file = folder / "run.json"
    settings = json.loads(file.read_text())
    for key, value in changes.items():
        settings[key] = {**settings[key], **value} if isinstance(value, dict) else value
    file.write_text(json.dumps(settings))


Made = tuple[Comparison, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two runs over seven classes; b has other scales, in another order, and fewer images."""
    folder = tmp_path_factory.mktemp("runs")
    a = make_run(folder / "a", UNITS, (1.0, 1.5, 2.0), classes=7, per_class=6)
    b = make_run(folder / "b", UNITS, (2.0, 0.5, 1.0), classes=7, per_class=6, seed=1, shards=2)
    # Shards of 16 images: b has the first 32, at 1.0 (third) and 2.0 (first).
    found = compare(folder / "a", folder / "b", resamples=200)
    return found, gap_of(a)[:32][:, [0, 2]], gap_of(b)[:32][:, [2, 0]]


def test_common_images_scales_and_units(made: Made) -> None:
    found, a, b = made
    assert (found.common.images, found.scales) == (32, (1.0, 2.0))
    np.testing.assert_array_equal(found.common.a, a)
    np.testing.assert_array_equal(found.common.b, b)
    assert found.common.notes == (
        "32 images are in both runs, of 42 in a and 32 in b",
        "only a has the scales 1.5",
        "run b is not complete: 1 of 3 shards are missing",
        "only b has the scales 0.5",
    )


def test_levels_and_shifts(made: Made) -> None:
    found, a, b = made
    assert len(found.levels) == 2 * len(UNITS)
    assert len(found.shifts) == len(UNITS)
    cases = [
        *((row, a[:, (1.0, 2.0).index(row.to_scale)], b[:, (1.0, 2.0).index(row.to_scale)])
          for row in found.levels.itertuples()),
        *((row, a[:, 1] - a[:, 0], b[:, 1] - b[:, 0]) for row in found.shifts.itertuples()),
    ]  # fmt: skip
    names = [unit.name for unit in UNITS]
    for row, all_a, all_b in cases:
        x, y = all_a[:, names.index(row.unit)], all_b[:, names.index(row.unit)]
        assert row.n == 32
        assert (row.a, row.b) == (pytest.approx(x.mean()), pytest.approx(y.mean()))
        assert row.difference == pytest.approx((y - x).mean())
        assert row.std == pytest.approx((y - x).std(ddof=1))
        assert row.dz == pytest.approx(stats.ttest_rel(y, x).statistic / np.sqrt(32))
        assert row.p == pytest.approx(stats.wilcoxon(y - x).pvalue)
        assert row.correlation == pytest.approx(stats.spearmanr(x, y).statistic)
        # A 3x3 and a 5x5 kernel: 4 plus the difference.
        start = 4 if row.what == "level" else 0
        assert row.kernel_a == pytest.approx(start + row.a, abs=1e-6)
        assert row.kernel_b == pytest.approx(start + row.b, abs=1e-6)
        assert row.note == ""


def test_intervals_draw_whole_classes(made: Made) -> None:
    found, a, b = made
    labels = np.repeat(np.arange(7), 6)[:32]
    change = (b[:, 1] - b[:, 0]) - (a[:, 1] - a[:, 0])
    expected = bootstrap_mean(change, labels, resamples=200)
    np.testing.assert_allclose(found.shifts["low"], expected.low)
    np.testing.assert_allclose(found.shifts["high"], expected.high)
    of_a = bootstrap_mean(a[:, 1] - a[:, 0], labels, resamples=200)
    np.testing.assert_allclose(found.shifts["a_low"], of_a.low)
    assert found.drawn == "class"


def test_holm_is_over_the_units_of_a_scale(made: Made) -> None:
    found, _, _ = made
    for _, part in found.levels.groupby("to_scale"):
        np.testing.assert_allclose(part["p_holm"], np.array(holm(list(part["p"])), float))


def test_accuracy_is_over_the_common_images(made: Made) -> None:
    found, _, _ = made
    # The writer says what is correct: (image + scale's place) % 3 > 0.
    images = np.arange(32)
    shares = [((images + place) % 3 > 0).mean() for place in (0, 2)]
    assert found.accuracy["a"] == pytest.approx(shares)
    assert found.accuracy["b"] == pytest.approx(shares[::-1])


def test_the_other_way_round_is_the_negative(made: Made, tmp_path: Path) -> None:
    make_run(tmp_path / "a", UNITS, classes=5, per_class=4)
    make_run(tmp_path / "b", UNITS, classes=5, per_class=4, seed=1)
    one = compare(tmp_path / "a", tmp_path / "b", resamples=50).shifts
    other = compare(tmp_path / "b", tmp_path / "a", resamples=50).shifts
    np.testing.assert_allclose(one["difference"], -other["difference"])
    np.testing.assert_allclose(one["low"], -other["high"])
    np.testing.assert_allclose(one["correlation"], other["correlation"])


def test_a_run_and_itself_do_not_differ(tmp_path: Path) -> None:
    make_run(tmp_path / "a", UNITS, classes=5, per_class=4)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    found = compare(tmp_path / "a", tmp_path / "b", resamples=50)
    assert found.common.notes == ()
    assert (found.table["difference"] == 0).all()
    assert found.table["p"].isna().all()
    np.testing.assert_allclose(found.table["correlation"], 1)
    assert all(sentence.endswith("no clear difference).") for sentence in found.sentences())


def test_documents_and_sentences(made: Made) -> None:
    found, _, _ = made
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["images"] == 32
    assert document["bootstrap"]["drawn"] == "class"
    assert document["levels"][0]["from_scale"] is None
    assert len(found.to_frame()) == len(document["levels"]) + len(document["shifts"])
    start = found.sentences()[0]
    assert start.startswith("SK_2_1: from 1.0x to 2.0x a shifts by +0.0")
    assert "b minus a is" in start
    plain = compare(found.common.about_a["run"], found.common.about_b["run"], resamples=0)
    assert plain.to_dict()["bootstrap"] is None
    assert plain.table["low"].isna().all()
    assert "interval" not in plain.sentences()[0]


def test_units_without_a_partner_are_listed_and_can_be_paired(tmp_path: Path) -> None:
    make_run(tmp_path / "a", stage_units((2, 1)), classes=5, per_class=3)
    make_run(tmp_path / "b", stage_units((1, 2), branches=3), classes=5, per_class=3)
    found = compare(tmp_path / "a", tmp_path / "b", resamples=0)
    assert [pair.label for pair in found.units] == ["2_1", "3_1"]
    assert (found.common.only_a, found.common.only_b) == (("SK_2_2",), ("SK_3_2",))
    assert set(found.table["note"]) == {"2 and 3 branches"}
    chosen = compare(tmp_path / "a", tmp_path / "b", pairs=[("2_2", "3_2")], resamples=0)
    assert [pair.label for pair in chosen.units] == ["2_2 / 3_2"]
    assert chosen.common.only_a == ("SK_2_1", "SK_3_1")
    assert chosen.sentences()[0].startswith("SK_2_2 and SK_3_2: ")


def test_kernels_that_differ_or_are_unknown_are_noted(tmp_path: Path) -> None:
    make_run(tmp_path / "a", stage_units((1,)), classes=5, per_class=3)
    make_run(tmp_path / "b", stage_units((1,), known=False), classes=5, per_class=3)
    found = compare(tmp_path / "a", tmp_path / "b", resamples=0)
    assert set(found.table["note"]) == {"kernels 3x3/5x5 and branch 0/branch 1"}
    assert found.table["kernel_b"].isna().all()
    assert found.table["kernel_a"].notna().all()


def test_what_differs_between_the_runs_is_said(tmp_path: Path) -> None:
    for name in "ab":
        make_run(tmp_path / name, UNITS, classes=5, per_class=3)
    changes = {"model": {"trained": False}, "dataset": {"digest": "1"}, "fill": "reflect"}
    classes = [f"class {k}" for k in (1, 0, 2, 3, 4)]
    changes["dataset"]["classes"] = classes  # type: ignore[index]
    change_settings(tmp_path / "b", **changes)
    notes = compare(tmp_path / "a", tmp_path / "b", resamples=0).common.notes
    assert notes == (
        "the data sets are not the same: images are paired by name alone",
        "the network of b is untrained",
        "the filling differs: mean and reflect",
        "6 images have another class in b: classes are those of a",
    )


def test_one_common_scale_gives_levels_only(tmp_path: Path) -> None:
    make_run(tmp_path / "a", UNITS, (1.0, 1.5), classes=5, per_class=3)
    make_run(tmp_path / "b", UNITS, (1.0, 2.0), classes=5, per_class=3)
    found = compare(tmp_path / "a", tmp_path / "b", resamples=20)
    assert (len(found.levels), len(found.shifts), found.sentences()) == (3, 0, [])


def test_without_labels_images_are_drawn(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        make_run(tmp_path / name, UNITS, classes=0, per_class=9, seed=seed)
    found = compare(tmp_path / "a", tmp_path / "b", resamples=20)
    assert found.drawn == "image"
    assert found.accuracy == {"a": [], "b": []}


def test_what_cannot_be_compared_is_explained(tmp_path: Path) -> None:
    make_run(tmp_path / "a", UNITS, classes=5, per_class=3)
    make_run(tmp_path / "scales", UNITS, (0.5, 3.0), classes=5, per_class=3)
    make_run(tmp_path / "units", stage_units((1,)), classes=5, per_class=3)
    change_settings(tmp_path / "units", units=[
        {**json.loads((tmp_path / "units" / "run.json").read_text())["units"][0], "name": "mine"}
    ])  # fmt: skip
    make_run(tmp_path / "empty", UNITS, classes=5, per_class=3, shards=0)
    a = tmp_path / "a"
    with pytest.raises(UsageError, match=r"a scale that both runs have, got 1, 1\.5, 2 in .*0\.5"):
        compare(a, tmp_path / "scales")
    with pytest.raises(UsageError, match=r"same name in both runs, got 2_1, 3_1, 4_1 .*2_1=mine"):
        compare(a, tmp_path / "units")
    with pytest.raises(UsageError, match=r"expected images in .*empty', there are none; finish"):
        compare(a, tmp_path / "empty")
    with pytest.raises(UsageError, match="at least one pair of units, got none"):
        compare(a, a, pairs=[])
    with pytest.raises(UnitError, match=r"name of one unit of '.*a', got 'all', which means 2_1"):
        compare(a, a, pairs=[("all", "2_1")])
    with pytest.raises(UsageError, match="the folder of a run"):
        compare(a, tmp_path / "nothing")


def test_other_images_are_refused(tmp_path: Path) -> None:
    """The writer names images by number: a run of the last shard has none of the first's."""
    for name, shard in (("a", 1), ("b", 0)):
        make_run(tmp_path / name, UNITS, classes=5, per_class=6, shard_size=15)
        for part in ("shards", "moments", "errors"):
            for file in (tmp_path / name / part).glob(f"{shard:05}*"):
                file.unlink()
    with pytest.raises(UsageError, match=r"no image of the same name .*analyze the same data set"):
        compare(tmp_path / "a", tmp_path / "b")


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[PaperComparison, np.ndarray]:
    folder = tmp_path_factory.mktemp("runs") / "run"
    attention = make_run(folder, SKNET50, classes=8, per_class=4)
    return compare_with_paper(folder, resamples=100), gap_of(attention)[:, :, [2, 6, 12, 15]]


# Figure 3 (c), right, from the paper.
FIGURE_3 = np.array([
    [-0.0731, -0.0522, 0.0276, 0.0694],
    [-0.0685, -0.0364, 0.0453, 0.0778],
    [-0.0628, -0.0226, 0.0482, 0.0768],
])  # fmt: skip


def test_steps_stand_beside_those_of_figure_3(paper: tuple[PaperComparison, np.ndarray]) -> None:
    found, gap = paper
    assert found.units == ("SK_2_3", "SK_3_4", "SK_4_6", "SK_5_3")
    assert found.missing == ()
    rows = found.steps.set_index(["unit", "from_scale", "to_scale"])
    scales = (1.0, 1.5, 2.0)
    for (u, unit), (low, high) in itertools.product(
        enumerate(found.units), itertools.combinations(range(3), 2)
    ):
        row = rows.loc[(unit, scales[low], scales[high])]
        here, there = (
            (gap[:, high, u] - gap[:, low, u]).mean(),
            FIGURE_3[high, u] - FIGURE_3[low, u],
        )
        assert row["here"] == pytest.approx(here)
        assert row["paper"] == pytest.approx(there)
        assert row["same_sign"] == (here * there > 0)
        assert row["clear"] == (row["low"] > 0 or row["high"] < 0)
    here, there = np.diff(gap.mean(axis=0), axis=0), np.diff(FIGURE_3, axis=0)
    assert len(found.successive) == 8
    expected = stats.spearmanr(here.T.ravel(), there.T.ravel()).statistic
    assert found.correlation == pytest.approx(expected)


def test_order_of_units(paper: tuple[PaperComparison, np.ndarray]) -> None:
    found, gap = paper
    for v, row in enumerate(found.order.itertuples()):
        here = gap[:, v].mean(axis=0)
        names = np.array(["2_3", "3_4", "4_6", "5_3"])
        assert row.here == " < ".join(names[np.argsort(here)])
        assert row.paper == "2_3 < 3_4 < 4_6 < 5_3"
        same = sum(here[i] < here[j] for i, j in itertools.combinations(range(4), 2))
        assert (row.pairs, row.same) == (6, same)


def test_share_of_rising_classes(paper: tuple[PaperComparison, np.ndarray]) -> None:
    found, gap = paper
    labels = np.repeat(np.arange(8), 4)
    table = found.classes.set_index("unit")
    assert list(table["paper_rising"]) == [98, 100, 34]
    assert (table["paper_points"] == 100).all()
    for unit, u in (("SK_2_3", 0), ("SK_3_4", 1), ("SK_5_3", 3)):
        change = gap[:, 1, u] - gap[:, 0, u]
        rising = sum(change[labels == k].mean() > 0 for k in range(8))
        row = table.loc[unit]
        assert (row["rising"], row["classes"]) == (rising, 8)
        # Clopper and Pearson's interval by beta quantiles.
        low = stats.beta.ppf(0.025, rising, 8 - rising + 1) if rising else 0
        high = stats.beta.ppf(0.975, rising + 1, 8 - rising) if rising < 8 else 1
        assert (row["low"], row["high"]) == (pytest.approx(low), pytest.approx(high))
    assert table.loc["SK_5_3", "paper_low"] == pytest.approx(stats.beta.ppf(0.025, 34, 67))


def test_paper_document_and_sentences(paper: tuple[PaperComparison, np.ndarray]) -> None:
    found, _ = paper
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert (document["images"], document["successive"], len(document["steps"])) == (32, 8, 12)
    said = found.sentences()
    assert f"{document['same_sign']} of 8 steps" in said[0]
    assert "(Spearman)" in said[1]
    assert "of 18 pairs of units, over 3 scales" in said[2]
    assert len(found.to_frame()) == 12


def test_paper_with_less_than_all(tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((3, 2)), (1.0, 2.0), classes=0, per_class=9)
    found = compare_with_paper(tmp_path / "run", resamples=0)
    assert (found.units, found.missing) == (("SK_2_3",), ("SK_3_4", "SK_4_6", "SK_5_3"))
    assert (len(found.steps), len(found.successive)) == (1, 1)
    assert (found.correlation, len(found.classes)) == (None, 0)
    assert found.sentences() == ["1 of 1 steps from a scale to the next have the paper's sign."]


def test_paper_needs_its_units_and_scales(tmp_path: Path) -> None:
    make_run(tmp_path / "units", stage_units((1, 1)), classes=5, per_class=2)
    with pytest.raises(UsageError, match=r"units named SK_2_3, .*got SK_2_1, SK_3_1; compare two"):
        compare_with_paper(tmp_path / "units")
    make_run(tmp_path / "scales", SKNET50, (1.0, 3.0), classes=5, per_class=2)
    with pytest.raises(UsageError, match=r"two of the paper's scales .*got 1, 3; analyze with"):
        compare_with_paper(tmp_path / "scales")
