"""A tiny network, tiny pictures, and processes that start fast."""

from __future__ import annotations

import multiprocessing
import os
import runpy
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from skviz.data import DataSource, Subset
from skviz.models import load_model
from skviz.models.registry import CONFIGS
from skviz.models.sknet import SKNet
from skviz.runs.records import Run
from skviz.studies.controls.change import analyze
from tests.helpers.tiny import CONFIG

TINY = Path(__file__).resolve().parent / "tiny.py"
PRELOAD = [
    "skviz.models",
    "skviz.runs.loop",
    "skviz.runs.analyze",
    "skviz.capture.probe",
    "pandas",
    "pyarrow.parquet",
    "safetensors.torch",
]
CLASSES = ("ant", "bee", "cat")


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the tiny network whose attention spreads over all of [0, 1]."""
    torch.manual_seed(0)
    network = SKNet(CONFIG)
    for name, parameter in network.named_parameters():
        if name.endswith("fc2.weight"):
            parameter.data *= 2000
        if name.startswith("fc.weight"):
            parameter.data *= 100
    # Random networks prefer one class for everything: start all of them equal.
    with torch.no_grad():
        network.fc.bias -= network.eval()(torch.randn(64, 3, 16, 16)).mean(dim=0)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_file(network.state_dict(), path)
    return path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tiny_weights: Path) -> torch.nn.Module:
    """The tiny network; its name "tiny" is known while the test runs."""
    monkeypatch.setitem(CONFIGS, "tiny", CONFIG)
    return load_model("tiny", tiny_weights)


def draw(path: Path, seed: int, size: tuple[int, int] = (30, 24)) -> Path:
    """Write a small picture of coarse noise."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse.resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="session")
def picture() -> Callable[..., Path]:
    """Writes a small picture: `picture(path, seed)`."""
    return draw


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 60 pictures in three classes of 30, 20 and 10."""
    root = tmp_path_factory.mktemp("pictures") / "val"
    for label, (name, count) in enumerate(zip(CLASSES, (30, 20, 10), strict=True)):
        for number in range(count):
            draw(root / name / f"{number:03d}.png", 1000 * label + number)
    return root


@pytest.fixture(scope="session")
def start() -> Callable[..., BaseProcess]:
    """Start `skviz` with the tiny network in a process of its own: `start("analyze", ...)`.

    The process is forked from one that has loaded PyTorch already.
    """
    old = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)

    def run(*arguments: object, **environment: str) -> BaseProcess:
        given = {
            "ARGUMENTS": [str(word) for word in arguments],
            "ENVIRONMENT": {"OMP_NUM_THREADS": "1", **environment},
        }
        process = context.Process(target=runpy.run_path, args=(str(TINY), given, "__main__"))
        process.start()
        return process

    if old is None:
        del os.environ["OMP_NUM_THREADS"]
    return run


def analyzed(pictures: Path, model: torch.nn.Module, out: Path, **options: object) -> Run:
    """A run of the pictures, or a part of them, in shards of 8."""
    subset = Subset(shuffle=2, part=options.pop("part", None))  # type: ignore[arg-type]
    source = DataSource(pictures, subset=subset)
    options = {"shard_size": 8, "batch_size": 12, "workers": 0, **options}
    return analyze(source, model, out=out, progress=False, channels="3_1", **options)
