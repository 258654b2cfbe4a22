"""What the reports' tests need: a run with hard names, and the result of an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skviz.capture.attention import Attention
from skviz.models import ModelInfo
from skviz.pictures.scaling import InputSpec, enlarge
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult
from skviz.studies.unit_choice import choose_units
from skviz.units import Unit
from tests.helpers.synthetic import make_run, stage_units

HARD_NAMES = (
    "狗 与 猫",
    "قطة",
    "🐕 dog",
    r"100 % \alpha_{2} & $x^2$ #1 ~",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(2)>",
    "a & b \u2028 'quoted' \"twice\"",
    "long " * 40,
)
SPEC = InputSpec(size=32, crop=0.875)


def described(shape: Any) -> str:
    """The alternative text of a shape on a slide."""
    return str(shape._element.xpath(".//p:cNvPr")[0].get("descr", ""))


@pytest.fixture(scope="session")
def hard_names() -> tuple[str, ...]:
    """Class names that break careless writers."""
    return HARD_NAMES


@pytest.fixture(scope="session")
def hard_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose classes have hard names."""
    folder = tmp_path_factory.mktemp("runs") / "hard"
    units = stage_units((1, 1, 1, 1), channels=16)
    make_run(folder, units, classes=HARD_NAMES, per_class=4)
    return Run(folder)


def make_result(
    image: Path, scales: Sequence[float] = (1.0, 1.5, 2.0), names: Sequence[str] = HARD_NAMES
) -> ImageResult:
    """The result of an image: views of the file, and attention that rises with the scale."""
    pixels = np.random.default_rng(0).integers(0, 255, (80, 90, 3), np.uint8)
    Image.fromarray(pixels).save(image)
    units: tuple[Unit, ...] = stage_units((1, 2, 1, 1), channels=16)
    random = np.random.default_rng(1)
    arrays = {}
    for unit in units:
        logit = random.normal(0, 0.2, unit.channels) + 0.3 * np.array(scales)[:, None]
        large = 1 / (1 + np.exp(-logit))
        arrays[unit.name] = np.stack([1 - large, large], axis=1).astype(np.float32)
    logits = random.normal(0, 1, (len(scales), len(names))).astype(np.float32)
    model = ModelInfo("made up", "none", None, True, SPEC, tuple(names))
    attention = Attention(units, arrays, tuple(scales), logits)
    return ImageResult(enlarge(image, scales, SPEC), attention, choose_units(units), model)


@pytest.fixture(scope="session")
def image_result(tmp_path_factory: pytest.TempPathFactory) -> ImageResult:
    """An image at three scales."""
    return make_result(tmp_path_factory.mktemp("image") / "photo.png")


@pytest.fixture(scope="session")
def many_scales(tmp_path_factory: pytest.TempPathFactory) -> ImageResult:
    """An image at 1.0, 1.1, ..., 2.0."""
    return make_result(
        tmp_path_factory.mktemp("image") / "photo.png", [round(1 + i / 10, 1) for i in range(11)]
    )
