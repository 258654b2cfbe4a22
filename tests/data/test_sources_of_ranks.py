"""Photographs of every kind of source, at one to three ranks of which one is killed: one run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

from skviz.runs.records import Run
from tests.helpers.kinds_of_sources import KINDS, Files

pytestmark = pytest.mark.slow
PHOTOGRAPHS = 300
SHARD = 8


@pytest.fixture(scope="module")
def photographs(shared_data: Path) -> Files:
    found = sorted((shared_data / "photos_val").glob("*/*.jpg"))[::2][:PHOTOGRAPHS]
    if len(found) < PHOTOGRAPHS:
        pytest.skip("needs photographs in ../shared/data/photos_val")
    # Numbered, so that every kind has them in the same order.
    files = [(f"{n:03d}", path.parent.name, path.read_bytes()) for n, path in enumerate(found)]
    return sorted(files, key=lambda one: (one[1], one[0]))


Start = Callable[..., BaseProcess]


def arguments(source: str, weights: Path, out: Path) -> list[object]:
    options = ("--shard-size", SHARD, "--workers", 0, "--scales", "1,2", "--quiet")
    return ["analyze", source, "--model", "tiny", "--weights", weights, "--out", out, *options]


@pytest.fixture(scope="module")
def alone(
    photographs: Files, start: Start, tiny_weights: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """The run of the folder, by one process that nobody disturbs."""
    path = tmp_path_factory.mktemp("alone")
    process = start(
        *arguments(KINDS["folder"](photographs, path / "val"), tiny_weights, path / "run")
    )
    process.join(120)
    return Run(path / "run")


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("kind", list(KINDS))
def test_the_same_run_in_spite_of_kills(
    kind: str,
    world: int,
    photographs: Files,
    alone: Run,
    start: Start,
    tiny_weights: Path,
    tmp_path: Path,
) -> None:
    words = arguments(KINDS[kind](photographs, tmp_path / "val"), tiny_weights, tmp_path / "run")

    def launch() -> list[BaseProcess]:
        return [
            start(*words, RANK=str(rank), WORLD_SIZE=str(world), LOCAL_WORLD_SIZE=str(world))
            for rank in range(world)
        ]

    shards = -(-len(photographs) // SHARD)
    killed = 0
    for done in (1, shards // 3):  # Killed at its first shard, and again on the way.
        ranks = launch()
        until = time.monotonic() + 60
        while len(list((tmp_path / "run").glob("shards/*.parquet"))) < done:
            assert time.monotonic() < until
            time.sleep(0.005)
        if ranks[-1].is_alive():
            os.kill(ranks[-1].pid or 0, signal.SIGKILL)
            killed += 1
        if world > 1 and done > 1:
            break  # The others take over what it had.
        for rank in ranks:
            rank.kill()
            rank.join(60)
    else:
        ranks = launch()
    for rank in ranks:
        rank.join(120)
    assert killed
    run = Run(tmp_path / "run")
    assert run.complete and run.images == PHOTOGRAPHS and run.check() == []
    for name in ("label", "difference", "predicted", "crop"):
        want, got = alone.records()[name].to_numpy(), run.records()[name].to_numpy()
        np.testing.assert_array_equal(got, want, err_msg=name)
