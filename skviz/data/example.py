"""A photograph, and a data set of drawn pictures, to try things with where none are at hand."""

from __future__ import annotations

import io
import math
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from skviz.errors import UsageError
from skviz.files import check_output, output_folder, write_bytes

# Name of the class, and corners of its shape (0: a disc).
SHAPES = {"disc": 0, "triangle": 3, "square": 4, "hexagon": 6}


def example_photo() -> Path:
    """Return the photograph that skviz ships: an okapi, in the middle of the picture.

    The bundled network knows its class and was not trained on it. Caltech-101, CC BY 4.0
    (F.-F. Li, M. Andreeto, M. Ranzato, P. Perona).

    Returns
    -------
    Path
        The file.

    Examples
    --------
    >>> example_photo().name
    'okapi.jpg'
    """
    return Path(str(files("skviz.assets").joinpath("example", "okapi.jpg")))


def example_images(
    folder: str | os.PathLike[str],
    *,
    classes: int = 3,
    per_class: int = 8,
    size: int = 160,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Write a small data set of drawn pictures, one sub-folder per class.

    Each picture has one object (disc, triangle, square, hexagon) in the middle of a mottled
    ground. The same arguments give the same pictures. They serve to try things: what a network
    for photographs makes of them says little about photographs.

    Parameters
    ----------
    folder
        Where the pictures go.
    classes
        Number of classes, 1 to 4.
    per_class
        Pictures of each, 1 or more.
    size
        The shorter side in pixels, 16 or more.
    seed
        That of the drawing.
    overwrite
        Whether files that are there are replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        For numbers that do not fit.
    OutputError
        Where files are there already.

    Examples
    --------
    >>> folder = skviz.example_images("drawn", classes=2, per_class=1, overwrite=True)
    >>> sorted(path.name for path in folder.iterdir())
    ['disc', 'triangle']
    """
    if not 1 <= classes <= len(SHAPES):
        raise UsageError(f"expected 1 to {len(SHAPES)} classes, got {classes}")
    if per_class < 1 or size < 16:
        raise UsageError(
            "expected one picture or more per class, of 16 pixels or more, got "
            f"per_class={per_class}, size={size}"
        )
    random = np.random.default_rng(seed)
    pictures = {
        Path(folder) / name / f"{name}_{number:03d}.png": _picture(corners, size, random)
        for name, corners in list(SHAPES.items())[:classes]
        for number in range(per_class)
    }
    for parent in {file.parent for file in pictures}:
        output_folder(parent)
    for file in pictures:
        check_output(file, overwrite)
    for file, data in pictures.items():
        write_bytes(file, data, overwrite=overwrite)
    return Path(folder)


def _picture(corners: int, size: int, random: np.random.Generator) -> bytes:
    """Draw one object on a ground, both with a texture, and return it as a PNG file."""
    ground, surface = _texture(size, random), _texture(size, random)
    mask = Image.new("L", (size, size))
    radius = size * random.uniform(0.2, 0.35)
    turn = random.uniform(0, 2 * math.pi)
    x, y = size * random.uniform(0.45, 0.55, 2)
    draw = ImageDraw.Draw(mask)
    if corners:
        angles = [turn + 2 * math.pi * corner / corners for corner in range(corners)]
        draw.polygon([(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles], 255)
    else:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), 255)
    picture = Image.composite(surface, ground, mask.filter(ImageFilter.GaussianBlur(0.7)))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _texture(size: int, random: np.random.Generator) -> Image.Image:
    """Return a colour with coarse and fine mottles."""
    pixels: NDArray[np.float64] = np.zeros((size, size, 3)) + random.uniform(40, 215, 3)
    for cells, strength in ((4, 40.0), (16, 25.0), (size // 2, 15.0)):
        noise = random.normal(0, strength, (cells, cells)).astype(np.float32)
        coarse = Image.fromarray(noise).resize((size, size), Image.Resampling.BICUBIC)
        pixels += np.asarray(coarse)[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
