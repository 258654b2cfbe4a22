"""Enlarge the central object: one image to V views (paper, section 4.4).

"Objects at s x" are the central crop whose sides are 1/s of what the network sees at 1.0x,
resized back to the input size. Every view is resampled once, antialiased, straight from the
original pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError, did_you_mean
from skviz.frames import Overview, ShowsTable
from skviz.notes import Assumption
from skviz.pictures.crops import (
    FILLS,
    RESAMPLING,
    Box,
    around,
    check_crop,
    crop_box,
    render,
    square,
)
from skviz.pictures.images import ImageSource, read_picture
from skviz.scales import DEFAULT_SCALES, Scales

if TYPE_CHECKING:
    import torch
    from torch import nn


# Pixels; far above what any network sees, and what a damaged file can ask for.
LARGEST_INPUT = 8192


@dataclass(frozen=True)
class InputSpec:
    """What a network expects to see.

    Parameters
    ----------
    size
        Side of the square input in pixels, 1 or more.
    crop
        Share of the shorter side that the evaluation crop covers, in (0, 1]: 224 / 256 on
        ImageNet.
    mean, std
        The normalisation of RGB values in [0, 1].

    Raises
    ------
    UsageError
        For numbers out of range.

    Examples
    --------
    >>> skviz.InputSpec(96).crop
    0.875
    """

    size: int = 224
    crop: float = 0.875
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if not 1 <= self.size <= LARGEST_INPUT:  # nan fails here too
            raise UsageError(
                f"expected an input size of 1 to {LARGEST_INPUT} pixels, got {self.size}"
            )
        if not 0 < self.crop <= 1:
            raise UsageError(f"expected a crop fraction above 0 and up to 1, got {self.crop}")
        finite = all(math.isfinite(value) for value in (*self.mean, *self.std))
        if not (len(self.mean) == len(self.std) == 3 and finite):
            raise UsageError(
                "expected three finite numbers each for mean and std,"
                f" got mean {self.mean} and std {self.std}"
            )
        if min(self.std) <= 0:
            raise UsageError(f"expected standard deviations above 0, got {self.std}")


DEFAULT_SPEC = InputSpec()


def known_spec(network: object) -> InputSpec | None:
    """Return what a network of `load_model` expects to see, or None where it does not say.

    Wrappers that keep the network as their `module` (`nn.DataParallel`) are looked into.
    """
    while network is not None:
        spec = getattr(getattr(network, "skviz", None), "spec", None)
        if isinstance(spec, InputSpec):
            return spec
        network = getattr(network, "module", None)
    return None


@dataclass(frozen=True, eq=False, repr=False)
class Views(ShowsTable):
    """One image at V scales.

    Attributes
    ----------
    pixels
        uint8 of shape (V, size, size, 3), read-only.
    scales
        The V scales.
    boxes
        Per view the crop (left, top, right, bottom) in pixels of the original, which may reach
        beyond it at scales below 1.
    interpolated
        Per view whether the crop has fewer original pixels than the view, so that values had to
        be made up.
    source
        The file's name, or None.
    spec
        The input they are made for.
    notes
        What had to be assumed to read the image.
    size
        Width and height of the original, or None where they are not known.
    placed
        Whether a box or a centre says where the object is.

    Examples
    --------
    >>> views = skviz.enlarge(skviz.example_photo(), (1, 2), skviz.InputSpec(96))
    >>> views.pixels.shape, views.labels
    ((2, 96, 96, 3), ('1.0x', '2.0x'))
    """

    pixels: NDArray[np.uint8]
    scales: Scales
    boxes: tuple[Box, ...]
    interpolated: tuple[bool, ...]
    source: str | None = None
    spec: InputSpec = DEFAULT_SPEC
    notes: tuple[Assumption, ...] = ()
    size: tuple[int, int] | None = None
    placed: bool = False

    def __len__(self) -> int:
        return len(self.scales)

    def __repr__(self) -> str:
        size = f"{self.spec.size} x {self.spec.size} pixels"
        return f"Views({self.source or 'an image'!r}, {', '.join(self.labels)}, {size})"

    def overview(self) -> Overview:
        """Return the crop of every scale, in pixels of the original, as it is shown."""
        import pandas as pd

        rows = [
            (label, f"{right - left:.0f} x {bottom - top:.0f}", "yes" if made_up else "no")
            for label, (left, top, right, bottom), made_up in zip(
                self.labels, self.boxes, self.interpolated, strict=False
            )
        ]
        size = f"{self.spec.size} x {self.spec.size} pixels"
        title = f"{self.source or 'image'}: {len(self)} views of {size}"
        names = ["scale", "crop of the original (pixels)", "interpolated"]
        return Overview(title, pd.DataFrame(rows, columns=names))

    @property
    def labels(self) -> tuple[str, ...]:
        """The scales as the paper writes them: "1.0x", "1.5x"."""
        return self.scales.labels

    @property
    def interpolated_labels(self) -> tuple[str, ...]:
        """The scales at which values were made up between original pixels, as labels."""
        pairs = zip(self.labels, self.interpolated, strict=False)
        return tuple(label for label, made_up in pairs if made_up)

    @property
    def images(self) -> torch.Tensor:
        """The network's input: float32 of shape (V, 3, size, size), normalised, a new tensor."""
        import torch  # heavy, and not needed to draw a view

        mean = np.asarray(self.spec.mean, dtype=np.float32)
        std = np.asarray(self.spec.std, dtype=np.float32)
        normalised = (self.pixels.astype(np.float32) / 255 - mean) / std
        return torch.from_numpy(np.ascontiguousarray(normalised.transpose(0, 3, 1, 2)))


def mean_colour(spec: InputSpec) -> tuple[int, int, int]:
    """Return the normalisation's mean as RGB in 0 to 255: the network sees it as about zero."""
    red, green, blue = (min(255, max(0, round(255 * value))) for value in spec.mean)
    return red, green, blue


def enlarge(
    source: ImageSource,
    scales: Iterable[float] = DEFAULT_SCALES,
    spec: InputSpec | nn.Module = DEFAULT_SPEC,
    *,
    resample: str = "bicubic",
    fill: str = "mean",
    box: Sequence[float] | None = None,
    center: Sequence[float] | None = None,
) -> Views:
    """Return views of one image in which the central object is s times as large (section 4.4).

    At 1.0x a view shows the network's evaluation crop: a centred square with sides of `spec.crop`
    times the shorter side of the picture. At scale s it shows the central 1/s of that square,
    resized to `spec.size`. Every view is resampled once from the original pixels.

    Parameters
    ----------
    source
        Anything that `read_image` takes.
    scales
        Positive and finite, each once; below 1 zooms out.
    spec
        What the network expects to see: the network itself (`spec=model`), or its `InputSpec`; a
        network that says nothing of it, and the default, mean ImageNet's 224 pixels.
    resample
        A filter of `RESAMPLING`, all of them antialiased but "nearest".
    fill
        What is where a square reaches beyond the picture (scales below 1, or a box): "mean" (the
        normalisation's mean colour, which the network sees as about zero), "black", "white",
        "edge" (the nearest pixel of the picture) or "reflect" (the picture mirrored at its border
        pixels, as often as needed).
    box
        (left, top, right, bottom) in pixels of the original: the square is centred on it instead,
        and its side is the longer side of the box divided by `spec.crop`.
    center
        (x, y) in pixels of the original: the square is as large as without it, but centred there.

    Returns
    -------
    Views
        One view per scale, in the given order.

    Raises
    ------
    ImageError
        When the image cannot be read.
    ScaleError
        For a bad scale, or one that leaves less than one original pixel or needs more than
        `MAX_CANVAS_PIXELS`.
    UsageError
        For a bad `spec`, `resample`, `fill`, `box` or `center`, and for both of the last two.

    Examples
    --------
    >>> views = skviz.enlarge(skviz.example_photo(), scales=(1, 1.5, 2))
    >>> len(views), views.images.shape
    (3, torch.Size([3, 3, 224, 224]))
    """
    checked = Scales(scales)
    _check_choice("resample", resample, RESAMPLING)
    _check_choice("fill", fill, FILLS)
    spec = _spec_of(spec)
    picture = read_picture(source)
    image, name, reduced = picture.image, picture.name, picture.reduced
    if center is not None:
        if box is not None:
            raise UsageError("expected a box or a center, got both; leave one out")
        box = around(picture.size, spec.crop, center)
    centre, side = square(picture.size, spec.crop, box)
    boxes = tuple(crop_box(centre, side / scale) for scale in checked)
    for scale, crop in zip(checked, boxes, strict=True):
        check_crop(scale, side / scale, crop, picture.size, name or "the image")
    pixels = np.stack(
        [
            render(image, _divided(crop, reduced), spec.size, resample, fill, mean_colour(spec))
            for crop in boxes
        ]
    )
    pixels.setflags(write=False)
    return Views(
        pixels=pixels,
        scales=checked,
        boxes=boxes,
        interpolated=tuple(side / scale / reduced < spec.size - 1e-6 for scale in checked),
        source=name,
        spec=spec,
        notes=picture.notes,
        size=picture.size,
        placed=box is not None,
    )


def _divided(box: Box, by: int) -> Box:
    left, top, right, bottom = box
    return left / by, top / by, right / by, bottom / by


def _spec_of(given: object) -> InputSpec:
    if isinstance(given, InputSpec):
        return given
    from torch import nn  # Whoever passes a network has loaded it already.

    if not isinstance(given, nn.Module):
        raise UsageError(
            f"expected spec as a network or its InputSpec, got {type(given).__name__}; "
            "pass what load_model returned, or InputSpec(224)"
        )
    return known_spec(given) or DEFAULT_SPEC


def _check_choice(option: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        hint = did_you_mean(str(value), known)
        raise UsageError(f"expected {option} to be one of {', '.join(known)}, got {value!r}.{hint}")
