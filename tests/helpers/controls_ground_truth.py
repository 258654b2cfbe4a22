"""Networks whose attention depends on one known thing, and pictures that have these things.

Each picture has an object (a red disc) on a near ground (green) in the middle of a far ground
(blue); everything has the same fine texture. At 1.0x one pixel of the file is one of the view,
object and near ground lie within the central half. So enlarging 2x lets the object grow, loses
resolution, and removes the far ground, all at once. Every network looks at one of these only,
and `EXPECTED` says which controls must show its effect.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from skviz.models import ModelInfo
from skviz.pictures.scaling import InputSpec

SPEC = InputSpec(size=64, crop=0.8)
SIDE = 80  # of the pictures: their evaluation crop has exactly 64 pixels
SCALES = (1.0, 1.5, 2.0)
CHANNELS = 16
RED, GREEN, BLUE = (200, 60, 60), (60, 200, 60), (60, 60, 200)  # equally bright
# What the networks measure, and how much each looks at it. Enlarging moves the attention of the
# first three to the larger kernel. All of them vary with the object's shade, which no control
# changes, so that images differ.
FEATURES = ("size", "sharpness", "background", "shade")
WEIGHTS = {
    "size": (50.0, 0.0, 0.0, 0.5),
    "blur": (0.0, -75.0, 0.0, 0.5),
    "background": (0.0, 0.0, -75.0, 0.5),
    "nothing": (0.0, 0.0, 0.0, 0.5),
}
# Per network: the controls that must show the shift of the plain run, and those that must not.
EXPECTED: dict[str, tuple[set[str], set[str]]] = {
    "size": ({"masked"}, {"blur", "object-constant", "object-blurred"}),
    "blur": ({"blur", "masked"}, {"object-constant", "object-blurred"}),
    # It knows the far ground by its colour, which a blurred surround keeps.
    "background": ({"object-constant"}, {"blur", "object-blurred", "masked"}),
}
# In units of the attention difference: all shifts of the network that looks at nothing are less.
SILENT = 0.03


class Select(nn.Module):
    """Two branches, 3x3 and 5x5; the attention is a layer on four measurements of the picture."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        super().__init__()
        self.small = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.large = nn.Conv2d(3, CHANNELS, 5, padding=2)
        self.logits = nn.Linear(len(FEATURES), 2 * CHANNELS)
        # Channels follow the picture unequally; on average the gain is 1.
        gain = torch.linspace(0.5, 1.5, CHANNELS)[:, None] * torch.tensor(weights)
        with torch.no_grad():
            self.logits.weight.copy_(torch.cat([-gain / 2, gain / 2]))
            self.logits.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        features = torch.stack([self.small(x), self.large(x)], dim=1)
        attention = self.logits(measure(x)).view(-1, 2, CHANNELS, 1, 1).softmax(dim=1)
        return (features * attention).sum(dim=1)


class Network(nn.Module):
    """`Select` and a classifier of three classes."""

    def __init__(self, looks_at: str, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.select = Select(WEIGHTS[looks_at])
            self.head = nn.Linear(CHANNELS, 3)
        self.skviz = ModelInfo(f"looks at {looks_at}", "by hand", None, True, SPEC)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.select(x).relu().mean(dim=(2, 3)))


def measure(x: Tensor) -> Tensor:
    """Size, sharpness, background and shade of normalised pictures, (B, 4).

    A tenth of the share of red pixels; 0.02 for fine texture in the middle of the view and 0 for
    none; 0.02 for a far ground that is large and 0 for none; the hue of the red pixels, whatever
    their number. Enlarging changes the first three by about 0.02 each, and images differ much
    more in the last: with random weights a picture's shade matters more than its enlargement.
    """
    mean = x.new_tensor(SPEC.mean)[:, None, None]
    std = x.new_tensor(SPEC.std)[:, None, None]
    red, green, blue = (x * std + mean).unbind(dim=1)
    is_red = torch.sigmoid(40 * (red - torch.maximum(green, blue) - 0.2))
    is_blue = torch.sigmoid(40 * (blue - torch.maximum(red, green) - 0.2))
    size = 0.1 * is_red.mean(dim=(1, 2))
    background = 0.02 * torch.sigmoid(10 * (is_blue.mean(dim=(1, 2)) - 0.45))
    hue = (green - blue) / (red + green + blue).clamp(min=0.05)
    shade = 10 * (is_red * hue).sum(dim=(1, 2)) / is_red.sum(dim=(1, 2)).clamp(min=1e-3)
    return torch.stack([size, _sharpness(red + green + blue), background, shade], dim=1)


def _sharpness(bright: Tensor) -> Tensor:
    """Laplacian energy over variance, of the central 3/8: within what every control keeps."""
    height, width = bright.shape[1:]
    top, left = height * 5 // 16, width * 5 // 16
    middle = bright[:, None, top : height - top, left : width - left]
    kernel = bright.new_tensor([[0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    energy = F.conv2d(middle, kernel).square().mean(dim=(1, 2, 3))
    ratio = energy / middle.var(dim=(1, 2, 3)).clamp(min=1e-6)
    # 20 for white noise, 3 where nothing is left of the upper half of the frequencies.
    return 0.02 * torch.sigmoid(ratio - 8)


def draw_pictures(folder: Path, count: int = 24, seed: int = 0) -> Path:
    """Write `count` pictures, in three classes by turns; sizes, places and shades vary."""
    random = np.random.default_rng(seed)
    for number in range(count):
        path = folder / ("ant", "bee", "cat")[number % 3] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_picture(random)).save(path)
    return folder


def _picture(random: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5 - SIDE / 2
    radius = random.uniform(0.10, 0.18) * SPEC.size
    dx, dy = random.uniform(-0.04, 0.04, 2) * SPEC.size
    near = random.uniform(0.21, 0.24) * SPEC.size
    disc = np.hypot(x - dx, y - dy) < radius
    ground = np.maximum(np.abs(x), np.abs(y)) < near
    shade = random.uniform(-25, 25)
    red = np.array(RED) + np.array([0, shade, -shade])
    colours = np.where(ground[..., None], np.array(GREEN), np.array(BLUE)).astype(float)
    colours = np.where(disc[..., None], red, colours)
    texture = random.uniform(0.6, 1.2, (SIDE, SIDE, 1))
    return np.clip(colours * texture, 0, 255).round().astype(np.uint8)
