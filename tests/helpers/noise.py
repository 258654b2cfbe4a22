"""Pictures of noise, as a data set needs them where it does not matter what they show."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def noise_pictures(
    folder: Path, names: Iterable[str], size: tuple[int, int] = (20, 24), seed: int = 0
) -> Path:
    """Write a PNG of (height, width) pixels for every name ("ant/0"), and return the folder."""
    random = np.random.default_rng(seed)
    for name in names:
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)
    return folder


def in_classes(each: int, classes: Iterable[str] = ("ant", "bee")) -> list[str]:
    """Return names for so many pictures in each class."""
    return [f"{name}/{number}" for name in classes for number in range(each)]
