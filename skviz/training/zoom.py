"""Random object sizes: a picture is cropped, or shrunk onto another photograph.

Without a wide range of object sizes there is nothing to select kernels for. A plain canvas
around a shrunken picture would be a cue of its own, so the surround is a photograph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from PIL import Image

from skviz.training.recipe import Recipe

_ASPECT = (3 / 4, 4 / 3)
_TRIES = 10
_BILINEAR = Image.Resampling.BILINEAR


@dataclass(frozen=True)
class Window:
    """What a view shows, in pixels of the picture; it may reach beyond the picture's edges."""

    left: float
    top: float
    width: float
    height: float

    def reaches_beyond(self, picture: Image.Image) -> bool:
        """Tell whether the window shows more than the picture."""
        right, bottom = self.left + self.width, self.top + self.height
        return self.left < 0 or self.top < 0 or right > picture.width or bottom > picture.height


def random_window(picture: Image.Image, recipe: Recipe) -> Window:
    """Draw a window: a crop, or with the probability `recipe.zoom_out` a larger one.

    A crop keeps a share of the picture's area drawn from `recipe.crop_area`. A larger window
    has the area of a picture whose sides are multiplied by a factor drawn from 1 to
    `recipe.zoom_out_side`. Aspect ratios are drawn from 3:4 to 4:3.
    """
    if _uniform(0, 1) < recipe.zoom_out:
        return _window(picture, _uniform(1, recipe.zoom_out_side) ** 2)
    for _ in range(_TRIES):
        window = _window(picture, _uniform(*recipe.crop_area))
        if not window.reaches_beyond(picture):
            return window
    side = min(picture.size)
    return Window((picture.width - side) / 2, (picture.height - side) / 2, side, side)


def draw_window(
    picture: Image.Image, window: Window, size: int, surround: Image.Image | None = None
) -> Image.Image:
    """Draw what a window shows, `size` pixels square, `surround` where the picture ends.

    Of `surround` the window's share around its centre is shown, as large as fits.
    """
    if not window.reaches_beyond(picture):
        box = (window.left, window.top, window.left + window.width, window.top + window.height)
        return picture.resize((size, size), _BILINEAR, box)
    if surround is None:
        view = Image.new("RGB", (size, size))
    else:
        view = surround.resize((size, size), _BILINEAR, _central(surround, window))
    left, top = max(window.left, 0.0), max(window.top, 0.0)
    right = min(window.left + window.width, picture.width)
    bottom = min(window.top + window.height, picture.height)
    across, down = size / window.width, size / window.height
    # Whole pixels of the view, at least one, so that the picture is never lost.
    x, y = round((left - window.left) * across), round((top - window.top) * down)
    width = max(1, round((right - left) * across))
    height = max(1, round((bottom - top) * down))
    view.paste(picture.resize((width, height), _BILINEAR, (left, top, right, bottom)), (x, y))
    return view


def _window(picture: Image.Image, share: float) -> Window:
    area = picture.width * picture.height * share
    aspect = math.exp(_uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1])))
    width, height = math.sqrt(area * aspect), math.sqrt(area / aspect)
    # A smaller window lies within the picture, a larger one has the picture within it.
    left = _uniform(0, picture.width - width)
    top = _uniform(0, picture.height - height)
    return Window(left, top, width, height)


def _central(surround: Image.Image, window: Window) -> tuple[float, float, float, float]:
    width = min(surround.width, surround.height * window.width / window.height)
    height = min(surround.height, width * window.height / window.width)
    left, top = (surround.width - width) / 2, (surround.height - height) / 2
    return left, top, left + width, top + height


def _uniform(low: float, high: float) -> float:
    """Draw from PyTorch's generator: every worker process of a loader has its own seed."""
    return low + (high - low) * float(torch.rand(()))
