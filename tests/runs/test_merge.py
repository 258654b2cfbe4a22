"""Runs made apart and merged equal one run over everything."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from skviz.errors import OutputError, RunError, UsageError
from skviz.runs.analyze import prepare
from skviz.runs.merge import merge_runs
from skviz.runs.records import Run
from skviz.runs.storage.checksums import shard_file
from skviz.runs.storage.shards import table_file
from skviz.statistics.moments import compute
from tests.helpers.tiny_runs import analyzed


@pytest.fixture
def parts(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> list[Run]:
    """Three runs of 20 pictures each, one of them in other shards."""
    return [
        analyzed(pictures, tiny, tmp_path / f"part{i}", part=(i, 3), shard_size=6 + i % 2)
        for i in (1, 2, 3)
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_merged_equals_one_run(
    pictures: Path,
    tiny: torch.nn.Module,
    parts: list[Run],
    order: tuple[int, ...],
    tmp_path: Path,
) -> None:
    whole = analyzed(pictures, tiny, tmp_path / "whole")
    merged = merge_runs([parts[i].path for i in order], tmp_path / "merged")
    assert merged.complete
    assert merged.images == 60
    assert merged.settings["dataset"]["images"] == 60
    assert [part["run"] for part in merged.settings["merged_from"]] == [
        f"part{i + 1}" for i in order
    ]
    keys = ["image", "scale", "unit"]
    one, other = (
        run.records().astype({"image": str, "unit": str}).sort_values(keys, ignore_index=True)
        for run in (whole, merged)
    )
    assert (one[keys] == other[keys]).all().all()
    np.testing.assert_allclose(one["difference"], other["difference"], atol=1e-6)
    for name, moments in merged.moments().items():
        expected = compute(whole.moments()[name])
        np.testing.assert_allclose(compute(moments).mean, expected.mean, atol=1e-6)
        np.testing.assert_allclose(compute(moments).std, expected.std, atol=1e-6)
    mine, theirs = merged.class_moments(), whole.class_moments()
    np.testing.assert_array_equal(mine.labels, theirs.labels)
    np.testing.assert_array_equal(mine.attention.count, theirs.attention.count)
    np.testing.assert_allclose(mine.difference.m2, theirs.difference.m2, atol=1e-6)
    assert merged.channels("3_1").shape == (60, 3, 2, 16)


def test_shards_in_random_order(parts: list[Run], tmp_path: Path) -> None:
    """Moments do not depend on the order that shards are merged in."""
    merged = merge_runs([part.path for part in parts], tmp_path / "merged")
    before = merged.moments()["SK_3_1"], merged.class_moments().attention
    order = np.random.default_rng(0).permutation(merged.settings["shards"])
    shutil.rmtree(merged.path / "checksums")  # which would tell
    for kind in ("moments", "shards"):
        for number in order:
            aside = shard_file(merged.path, kind, 1000 + int(number))
            shard_file(merged.path, kind, number).rename(aside)
        for place, number in enumerate(order):
            aside = shard_file(merged.path, kind, 1000 + int(number))
            aside.rename(shard_file(merged.path, kind, place))
    after = merged.moments()["SK_3_1"], merged.class_moments().attention
    for old, new in zip(before, after, strict=True):
        np.testing.assert_allclose(new.mean, old.mean, rtol=1e-12)
        np.testing.assert_allclose(compute(new).std, compute(old).std, rtol=1e-12)


def test_an_interrupted_merge_goes_on(parts: list[Run], tmp_path: Path) -> None:
    paths = [part.path for part in parts]
    merged = merge_runs(paths, tmp_path / "merged")
    before = {file: file.read_bytes() for file in merged.path.rglob("0*")}
    for number in (2, 5):
        table_file(merged.path, number).unlink()
        shard_file(merged.path, "moments", number).unlink()
    merge_runs(paths, tmp_path / "merged")
    assert {file: file.read_bytes() for file in merged.path.rglob("0*")} == before


def test_what_does_not_merge(
    parts: list[Run], pictures: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    out = tmp_path / "merged"
    with pytest.raises(UsageError, match="expected the folders of the runs to merge, got none"):
        merge_runs([], out)
    with pytest.raises(UsageError, match=r"every image in one run only, '.*png' is in '.*part1'"):
        merge_runs([parts[0].path, parts[1].path, parts[0].path], out)
    other = analyzed(pictures, tiny, tmp_path / "other", scales=(1.0, 2.0))
    with pytest.raises(UsageError, match=r"(?s)made with the same settings.*scales: "):
        merge_runs([parts[0].path, other.path], out)
    with pytest.raises(UsageError, match="expected the folder of a run"):
        merge_runs([parts[0].path, pictures], out)
    with pytest.raises(OutputError, match="holds other things"):
        merge_runs([parts[0].path], pictures)
    shard_file(parts[2].path, "moments", 0).unlink()
    with pytest.raises(RunError, match=r"cannot read '.*part3/moments/00000.npz': it is missing"):
        merge_runs([part.path for part in parts], out)
    unfinished = prepare(pictures, tiny, out=tmp_path / "unfinished").run
    with pytest.raises(UsageError, match=r"expected finished runs, .* lacks 2 of 2 shards"):
        merge_runs([parts[0].path, unfinished.path], out)
