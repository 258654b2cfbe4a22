"""Reader processes that are killed, and memory or descriptors that are short."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from skviz.errors import SkvizError, asked_for, out_of_memory
from skviz.runs.records import Run
from skviz.studies.controls.change import analyze
from tests.helpers.tiny_runs import CONFIG, TINY


def children() -> list[int]:
    folder = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    found = [int(pid) for pid in folder.read_text().split()]
    return [pid for pid in found if b"resource_tracker" not in _line(pid)]


def _line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"


@pytest.fixture
def killer() -> Iterator[threading.Thread]:
    """Kills a child that the test starts, a moment after it is there."""
    before = set(children())

    def kill() -> None:
        for _ in range(1000):
            time.sleep(0.01)
            new = set(children()) - before
            if new:
                time.sleep(0.05)
                os.kill(new.pop(), signal.SIGKILL)
                return

    thread = threading.Thread(target=kill)
    thread.start()
    yield thread
    thread.join()


class Slow(nn.Module):
    """Gives the killer time, in a place where a signal's handler would raise."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.2)
        return x


@pytest.mark.slow
def test_a_killed_reader_is_named(
    pictures: Path, tiny: nn.Module, tmp_path: Path, killer: threading.Thread
) -> None:
    slow = nn.Sequential(Slow(), tiny)
    how = {"shard_size": 8, "batch_size": 4, "progress": False, "workers": 2}
    with pytest.raises(SkvizError, match=r"a process that reads images died .*--workers"):
        analyze(pictures, slow, out=tmp_path / "run", **how)
    killer.join()
    assert analyze(pictures, slow, out=tmp_path / "run", **{**how, "workers": 0}).complete
    assert signal.getsignal(signal.SIGCHLD) != signal.SIG_DFL  # PyTorch's own is back


@pytest.mark.slow
def test_too_few_descriptors(pictures: Path, tiny_weights: Path, tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    line = [sys.executable, str(TINY), "analyze", str(pictures), "--model", "tiny"]
    line += ["--weights", str(tiny_weights), "--shard-size", "8"]
    line += ["--out", str(tmp_path / "run"), "--workers", "2", "--quiet"]
    done = subprocess.run(line, capture_output=True, text=True, preexec_fn=few, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 1
    assert "Error: " in done.stderr and "ulimit -n" in done.stderr


def test_numpys_pytorchs_and_arrows_errors_are_known() -> None:
    import pyarrow as pa

    with pytest.raises(MemoryError) as numpys:
        np.empty(1 << 60, np.uint8)
    with pytest.raises(RuntimeError) as pytorchs:
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(MemoryError) as arrows:
        pa.allocate_buffer(1 << 60)
    for error in (numpys.value, pytorchs.value, arrows.value):
        assert out_of_memory(error)
        assert asked_for(error) == "1 EiB", error
    card = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has")
    assert out_of_memory(card) and asked_for(card) == "20 GiB"
    assert not out_of_memory(RuntimeError("shapes do not match"))


def test_a_full_memory_is_a_sentence(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from skviz.cli.main import cli
    from skviz.models.registry import CONFIGS
    from skviz.runs import loop

    def full(*args: object, **options: object) -> None:
        torch.empty(1 << 60, dtype=torch.uint8)

    monkeypatch.setattr(loop, "measure", full)
    monkeypatch.setitem(CONFIGS, "tiny", CONFIG)
    line = ["analyze", str(pictures), "--model", "tiny", "--out", str(tmp_path / "run"), "--quiet"]
    done = CliRunner().invoke(cli, line)
    assert done.exit_code == 1
    assert "the memory of this machine is full: 1 EiB could not be allocated" in done.output
    assert "lower --batch-size or --workers" in done.output


def test_a_lack_of_memory_does_not_blame_a_shard(
    pictures: Path, tiny: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    run = analyze(pictures, tiny, out=tmp_path / "run", progress=False, workers=0)

    def full(*args: object, **options: object) -> None:
        raise MemoryError("malloc of size 64 failed")

    monkeypatch.setattr(pq, "ParquetFile", full)
    with pytest.raises(MemoryError):
        Run(run.path).records()
