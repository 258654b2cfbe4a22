"""A tiny set of images, and a tiny network to train on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from skviz.models import Branch, SKNetConfig
from skviz.training import Recipe

CLASSES = ("ant", "bee", "cup")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny tensors gain nothing from threads, and other processes want the cores."""
    torch.set_num_threads(1)


def draw_images(folder: Path, each: int = 6, seed: int = 0) -> Path:
    """Write images of noise, each class without one of the three colours."""
    random = np.random.default_rng(seed)
    for channel, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
            pixels[..., channel] //= 4
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of 3 classes with 6 images each."""
    return draw_images(tmp_path / "images")


@pytest.fixture
def draw() -> Callable[..., Path]:
    """The function that draws such a folder."""
    return draw_images


@pytest.fixture(scope="session")
def tiny() -> SKNetConfig:
    """Two stages of one SK unit each."""
    return SKNetConfig(
        units=(1, 1),
        widths=(8, 16),
        outputs=(8, 16),
        branches=(Branch(3, 1, group_width=4), Branch(3, 2, group_width=4)),
        min_width=8,
        stem_width=8,
    )


@pytest.fixture(scope="session")
def short() -> Recipe:
    """Three epochs of 4 steps in float32, with everything random switched on."""
    return Recipe(
        epochs=3,
        batch_size=4,
        size=32,
        start_size=16,
        warmup_epochs=1,
        erase=0.3,
        mixup=0.2,
        ema_decay=0.9,
        precision="fp32",
    )
