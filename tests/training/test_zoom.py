"""Random object sizes: crops stay within the picture, larger windows show it whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from skviz.training import Recipe
from skviz.training.zoom import Window, draw_window, random_window

GREY, RED = (128, 128, 128), (255, 0, 0)


def picture(width: int = 120, height: int = 80) -> Image.Image:
    return Image.new("RGB", (width, height), RED)


def test_crops_lie_within_the_picture_and_keep_the_share_asked_for() -> None:
    torch.manual_seed(0)
    recipe = Recipe(zoom_out=0, crop_area=(0.1, 0.5))
    for _ in range(200):
        window = random_window(picture(), recipe)
        assert not window.reaches_beyond(picture())
        share = window.width * window.height / (120 * 80)
        assert 0.1 - 1e-9 <= share <= 0.5 + 1e-9
        assert 0.75 - 1e-9 <= window.width / window.height <= 4 / 3 + 1e-9


def test_a_crop_that_never_fits_becomes_the_central_square() -> None:
    torch.manual_seed(0)
    narrow = picture(300, 20)
    window = random_window(narrow, Recipe(zoom_out=0, crop_area=(0.9, 1.0)))
    assert window == Window(140, 0, 20, 20)


def test_larger_windows_show_as_much_of_the_picture_as_they_can() -> None:
    torch.manual_seed(0)
    recipe = Recipe(zoom_out=1.0, zoom_out_side=2.5)
    sides = []
    for _ in range(200):
        window = random_window(picture(), recipe)
        sides.append((window.width * window.height / (120 * 80)) ** 0.5)
        if window.width >= 120:
            assert window.left <= 0
            assert window.left + window.width >= 120
        if window.height >= 80:
            assert window.top <= 0
            assert window.top + window.height >= 80
    assert 1 <= min(sides) < 1.1
    assert 2.4 < max(sides) <= 2.5


@pytest.mark.parametrize("side", [1.5, 2.0, 2.5])
def test_what_surrounds_a_shrunken_picture_is_the_other_photograph(side: float) -> None:
    """The share of the view that the picture covers is that of its area in the window."""
    square = Image.new("RGB", (80, 80), RED)
    surround = Image.new("RGB", (50, 90), GREY)
    window = Window(-10, -20, 80 * side, 80 * side)
    view = np.asarray(draw_window(square, window, 100, surround))
    red = (view == RED).all(axis=2)
    assert red.mean() == pytest.approx(1 / side**2, abs=0.02)
    assert (view[~red] == GREY).all()


def test_a_crop_is_what_torchvision_makes_of_it() -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (80, 120, 3), np.uint8))
    ours = np.asarray(draw_window(noise, Window(10, 20, 60, 40), 32))
    theirs = v2.functional.resized_crop(noise, 20, 10, 40, 60, [32, 32])
    # Ours looks at the pixels outside the crop where the filter reaches over its edge.
    inner = np.abs(ours.astype(int) - np.asarray(theirs).astype(int))[2:-2, 2:-2]
    assert inner.max() <= 1
