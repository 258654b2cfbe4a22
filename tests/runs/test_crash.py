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


def test_one_of_three_ranks_alone_does_the_work_of_all(
    start: Start, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    """The others may never come: nothing waits for them, and nothing is left."""
    out = tmp_path / "run"
    second = start(*arguments, "--out", out, RANK="1", WORLD_SIZE="3")
    second.join()
    assert second.exitcode == 0
    assert contents(out) == whole


def test_a_dead_owner_loses_its_claim(tmp_path: Path) -> None:
    from skviz.runs.storage.claims import Claims

    def done(shard: int) -> bool:
        return (tmp_path / f"done-{shard}").exists()

    code = (
        "import sys, time\nfrom pathlib import Path\nfrom skviz.runs.storage.claims import Claims\n"
        "claims = Claims(Path(sys.argv[1]), lambda shard: False)\n"
        "print(claims.take(3), flush=True)\ntime.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None and owner.stdout.readline() == "True\n"
    claims = Claims(tmp_path, done)
    assert claims.work and claims.take(2) and not claims.take(3)
    owner.kill()
    owner.wait()
    assert claims.take(3)
    other = Claims(tmp_path, done)
    assert not other.take(2)
    (tmp_path / "done-2").touch()
    claims.release(2)
    assert not other.take(2)
    claims.close()
    assert other.take(3)
    other.close()
    assert not (tmp_path / "claims").exists()


def test_the_claim_of_a_finished_shard_goes_with_the_next_process(tmp_path: Path) -> None:
    """Its owner was killed when its table was there and its claim not yet given back."""
    from skviz.runs.storage.claims import Claims

    (tmp_path / "claims").mkdir()
    (tmp_path / "claims" / "00009").touch()
    claims = Claims(tmp_path, lambda shard: shard == 9)
    assert not claims.take(9)
    assert claims.take(10)
    other = Claims(tmp_path, lambda shard: shard == 9)
    assert other.take(11)
    claims.close()
    assert [path.name for path in (tmp_path / "claims").iterdir()] == ["00011"]
    other.close()
    assert not (tmp_path / "claims").exists()


def test_readers_do_not_keep_the_claim_of_a_dead_owner(tmp_path: Path) -> None:
    """A forked process that outlives its parent holds none of its locks."""
    from skviz.runs.storage.claims import Claims

    code = (
        "import os, sys, time\nfrom pathlib import Path\n"
        "from skviz.runs.storage.claims import Claims\n"
        "claims = Claims(Path(sys.argv[1]), lambda shard: False)\n"
        "claims.take(3)\nchild = os.fork()\n"
        # By then the forked one has let go.
        "if not child:\n    print(os.getpid(), flush=True)\ntime.sleep(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    claims = Claims(tmp_path, lambda shard: False)
    assert not claims.take(3)
    owner.kill()
    owner.wait()
    try:
        os.kill(child, 0)  # It lives.
        assert claims.take(3)
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_slow_rank_does_not_hold_up_the_rest(tmp_path: Path) -> None:
    """Thirty-two shards, three ranks, of which one takes ten times as long for each."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom skviz.runs.storage.claims import Claims\n"
        "from skviz.data.loading import Plan\n"
        "run, seconds, rank = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])\n"
        "from skviz.runs.ranks import Ranks\n"
        "claims = Claims(run, lambda shard: (run / f'{shard}').exists())\n"
        "shards = Ranks(rank, 3).order(range(32))\n"
        "for chunk in Plan(shards, 32, 1, 1, claims.take):\n"
        "    time.sleep(seconds)\n    (run / f'{chunk.shard}').touch()\n"
        "    (run / f'by-{rank}-{chunk.shard}').touch()\n    claims.release(chunk.shard)\n"
    )
    ranks = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(seconds), str(rank)])
        for rank, seconds in enumerate((1.0, 0.1, 0.1))
    ]
    assert [rank.wait(60) for rank in ranks] == [0, 0, 0]
    by = [len(list(tmp_path.glob(f"by-{rank}-*"))) for rank in range(3)]
    assert sum(by) == 32
    assert by[0] <= 4 and min(by[1:]) >= 8


def test_the_same_command_twice_at_once(
    start: Start, arguments: list[str], whole: dict[str, bytes], tmp_path: Path
) -> None:
    """They share the work, and nothing is lost or mixed up."""
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


def test_ranks_begin_at_different_places() -> None:
    missing = [0, 1, 4, 5, 9, 12]
    orders = [Ranks(rank, 3).order(missing) for rank in range(3)]
    assert [order[0] for order in orders] == [0, 4, 9]
    assert all(sorted(order) == missing for order in orders)


def test_ranks_from_the_environment() -> None:
    assert Ranks.from_environment({}) == Ranks()
    found = Ranks.from_environment(
        {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    )
    assert found == Ranks(5, 8, 1, 4, launched=True)
    assert not found.first
    slurm = {
        "SLURM_PROCID": "5",
        "SLURM_NTASKS": "8",
        "SLURM_LOCALID": "1",
        "SLURM_STEP_TASKS_PER_NODE": "4(x2)",
    }
    assert Ranks.from_environment(slurm) == Ranks(5, 8, 1, 4, launched=True)
    both = {**slurm, "RANK": "0", "WORLD_SIZE": "2"}
    assert Ranks.from_environment(both).world == 2
    with pytest.raises(UsageError, match="expected RANK in the environment to be a number"):
        Ranks.from_environment({"RANK": "first"})
    with pytest.raises(UsageError, match="got RANK=2 and WORLD_SIZE=2"):
        Ranks.from_environment({"RANK": "2", "WORLD_SIZE": "2"})
