"""A run that is killed, interrupted, or spread over processes ends as the uninterrupted one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from skviz.errors import UsageError
from skviz.runs.ranks import Ranks
from skviz.runs.records import Run

ROOT = Path(__file__).resolve().parent.parent.parent
Start = Callable[..., BaseProcess]
# SKVIZ_KILLS=20 asks for more.
KILLS = int(os.environ.get("SKVIZ_KILLS", "5"))
# More shards than kills, so that every kill strikes a run that has got on.
SHARD_SIZE = 5 if KILLS < 12 else 2
SHARDS = 60 // SHARD_SIZE


@pytest.fixture(scope="session")
def arguments(pictures: Path, tiny_weights: Path) -> list[str]:
    """A command that writes many small shards."""
    text = f"analyze {pictures} --model tiny --weights {tiny_weights} --shard-size {SHARD_SIZE}"
    return f"{text} --shuffle 1 --device cpu --workers 0 --quiet".split()


@pytest.fixture(scope="session")
def whole(
    start: Start, arguments: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The files of the uninterrupted run."""
    out = tmp_path_factory.mktemp("whole") / "run"
    process = start(*arguments, "--out", out)
    process.join()
    assert process.exitcode == 0
    return contents(out)


def contents(run: Path) -> dict[str, bytes]:
    """What a run consists of, but for `run.json`, which holds the time, and what was left over."""
    files = [file for file in run.rglob("0*") if file.is_file()]
    return {str(file.relative_to(run)): file.read_bytes() for file in files}


def wait_for_shards(run: Path, count: int, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while len(list((run / "shards").glob("*.parquet"))) < count:
        assert time.monotonic() < end, "the run does not get on"
        time.sleep(0.001)


def test_killed_at_random_moments(
    start: Start, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    rng = random.Random(0)
    for number in range(KILLS):
        process = start(*arguments, "--out", out)
        # Somewhere within one of the shards that remain, a file or two further on.
        wait_for_shards(out, number * SHARDS // (KILLS + 1) + 1)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert not Run(out).complete
    process = start(*arguments, "--out", out)
    process.join()
    assert process.exitcode == 0
    assert contents(out) == whole
    names = Run(out).table(["image"])["image"].to_pylist()[::6]
    assert len(names) == len(set(names)) == 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    start: Start,
    arguments: list[str],
    whole: dict[str, bytes],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    out = tmp_path / "run"
    process = start(*arguments, "--out", out)
    wait_for_shards(out, 3)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == 130
    assert 3 <= len(Run(out).done) < SHARDS
    assert list(out.rglob(".skviz*")) == []
    process = start(*arguments, "--out", out)
    process.join()
    assert process.exitcode == 0
    assert contents(out) == whole


def torchrun(ranks: int, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [
        f"--nproc-per-node={ranks}",
        str(ROOT / "tests" / "helpers" / "tiny.py"),
        *map(str, arguments),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=300
    )


@pytest.mark.parametrize("ranks", [2, 3])
def test_torchrun(
    ranks: int, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    done = torchrun(ranks, *arguments, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "run") == whole


def test_resumed_with_another_number_of_ranks(
    start: Start, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    second = start(*arguments, "--out", out, RANK="1", WORLD_SIZE="3")
    second.join()
    assert Run(out).done == list(range(1, SHARDS, 3))
    process = start(*arguments, "--out", out)
    process.join()
    assert contents(out) == whole


def test_the_same_command_twice_at_once(
    start: Start, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    """Work is done twice then, but nothing is lost or mixed up."""
    out = tmp_path / "run"
    both = [start(*arguments, "--out", out) for _ in range(2)]
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert contents(out) == whole


def test_ranks_at_once_begin_one_run(
    start: Start, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    ranks = [start(*arguments, "--out", out, RANK=str(i), WORLD_SIZE="4") for i in range(4)]
    for rank in ranks:
        rank.join()
    assert [rank.exitcode for rank in ranks] == [0, 0, 0, 0]
    assert contents(out) == whole


def test_shares_are_disjoint_and_complete() -> None:
    missing = [0, 1, 4, 5, 9, 12]
    for world in (1, 2, 3, 7):
        shares = [Ranks(rank, world).share(missing) for rank in range(world)]
        assert sorted(n for share in shares for n in share) == missing


def test_ranks_from_the_environment() -> None:
    assert Ranks.from_environment({}) == Ranks()
    found = Ranks.from_environment(
        {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    )
    assert found == Ranks(5, 8, 1, 4, launched=True)
    assert not found.first
    with pytest.raises(UsageError, match="expected RANK in the environment to be a number"):
        Ranks.from_environment({"RANK": "first"})
    with pytest.raises(UsageError, match="got RANK=2 and WORLD_SIZE=2"):
        Ranks.from_environment({"RANK": "2", "WORLD_SIZE": "2"})
