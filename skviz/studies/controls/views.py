"""The views of controls: each loses one thing that enlarging loses too, or keeps it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from skviz.data.imageset import Box
from skviz.data.kept import Made
from skviz.data.loading import ViewMaker
from skviz.errors import ScaleError, UsageError
from skviz.pictures.crops import around, crop_box
from skviz.pictures.images import ImageSource, read_picture
from skviz.pictures.scaling import InputSpec, Views, enlarge, mean_colour
from skviz.studies.controls.control import VIEW_KINDS, Control

Pixels = NDArray[np.uint8]
# Deviation of the Gaussian of a blurred surround, as a share of the view: colours are left.
SURROUND_BLUR = 1 / 8


def control_views(control: Control | None, plain: ViewMaker) -> ViewMaker:
    """Return what makes the views of a control, given what makes those of the plain run.

    A control of the network leaves the views as they are. Raises `ScaleError` for scales below
    1 where a control has no views for them.
    """
    if control is None or control.on_network:
        return plain
    if control.kind == "zoom-out":
        scales = tuple(1 / scale for scale in plain.scales)
        return replace(plain, scales=scales, fill=str(control.word))
    if control.kind == "resample":
        return replace(plain, resample=str(control.word))
    if control.kind == "masked":
        return MaskedViews(**vars(plain), window=str(control.word))
    if min(plain.scales) < 1:
        raise ScaleError(
            f"expected scales of 1 and above for the control '{control.name}', got "
            f"{min(plain.scales):g}; leave it out"
        )
    if control.kind == "blur":
        return BlurredViews(**vars(plain))
    return ObjectViews(**vars(plain), surround=str(control.word))


def controlled(
    source: ImageSource,
    control: Control,
    scales: Iterable[float],
    spec: InputSpec,
    *,
    resample: str,
    fill: str,
    box: Sequence[float] | None,
    center: Sequence[float] | None,
) -> Views:
    """Return the views of one image in a control of the views; else as `enlarge`.

    Raises `UsageError` for a control of the network, and what `control_views` does.
    """
    if control.on_network:
        raise UsageError(
            f"expected a control of what the network sees, {', '.join(VIEW_KINDS)}, got "
            f"'{control.name}'; for an untrained network use --no-pretrained (pretrained=False)"
        )
    picture = read_picture(source)
    views = enlarge(picture, scales, spec, resample=resample, fill=fill, box=box, center=center)
    if center is not None:
        box = around(picture.size, spec.crop, center)
    maker = control_views(control, ViewMaker(views.scales, spec, resample, fill))
    given = None if box is None else (box[0], box[1], box[2], box[3])
    pixels, sides = maker(picture, given)
    left, top, right, bottom = views.boxes[0]
    centre = ((left + right) / 2, (top + bottom) / 2)
    return replace(
        views,
        pixels=pixels,
        boxes=tuple(crop_box(centre, side) for side in sides.tolist()),
        interpolated=tuple(side / picture.reduced < spec.size - 1e-6 for side in sides.tolist()),
    )


@dataclass(frozen=True)
class BlurredViews(ViewMaker):
    """The 1.0x view, reduced to 1/s and resized back: resolution without enlargement."""

    def __call__(self, image: ImageSource, box: Box | None) -> Made:
        """Blur the view; see `ViewMaker`."""
        view, side = self.at_one(image, box)
        pixels = [reduced_and_back(view, s, self.resample) for s in self.scales]
        return np.stack(pixels), np.full(len(self.scales), side, np.float32)


@dataclass(frozen=True)
class ObjectViews(ViewMaker):
    """What the s x view shows, at its size in the 1.0x view, without what is around it.

    The middle is the 1.0x view itself. The surround is the mean colour, or with `surround`
    "blurred" the 1.0x view after a Gaussian blur.
    """

    surround: str = "constant"

    def __call__(self, image: ImageSource, box: Box | None) -> Made:
        """Replace the surround; see `ViewMaker`."""
        view, side = self.at_one(image, box)
        size, ground = self.spec.size, _blank(self.spec)
        if self.surround == "blurred":
            blur = ImageFilter.GaussianBlur(SURROUND_BLUR * size)
            ground = np.asarray(Image.fromarray(view).filter(blur))
        pixels = [
            composite(view, ground, centred(size, size / scale, size / scale))
            for scale in self.scales
        ]
        return np.stack(pixels), np.full(len(self.scales), side, np.float32)


@dataclass(frozen=True)
class MaskedViews(ViewMaker):
    """The s x view without what is around the object: it grows on a blank ground.

    With `window` "centre" the object is what the largest scale shows of the 1.0x view; with
    "box" it is the data set's box.
    """

    window: str = "centre"

    def __call__(self, image: ImageSource, box: Box | None) -> Made:
        """Mask the surround; see `ViewMaker`. Raises `UsageError` without the box it needs."""
        if self.window == "box" and box is None:
            raise UsageError("expected a box for the control 'masked-box', this image has none")
        pixels, sides = super().__call__(image, box)
        ground = _blank(self.spec)
        masked = [
            composite(view, ground, centred(self.spec.size, *self._visible(scale, side, box)))
            for view, scale, side in zip(pixels, self.scales, sides.tolist(), strict=True)
        ]
        return np.stack(masked), sides

    def _visible(self, scale: float, side: float, box: Box | None) -> tuple[float, float]:
        """Width and height of the object in the view, in pixels of the view."""
        if self.window == "centre" or box is None:
            visible = self.spec.size * scale / max(self.scales)
            return visible, visible
        left, top, right, bottom = box
        pixel = self.spec.size / side
        return (right - left) * pixel, (bottom - top) * pixel


def example_views(
    image: ImageSource, box: Box | None, controls: Iterable[Control | None], plain: ViewMaker
) -> list[tuple[str, tuple[float, ...], Pixels]]:
    """Return, for a figure, what the controls of the views show of one image.

    Name, scales and views (V, size, size, 3) of each; the plain one is called "plain". Controls
    of the network are left out, and the one that needs a box where there is none.
    """
    rows = []
    for control in controls:
        if control is not None and control.on_network:
            continue
        if control == Control("masked", "box") and box is None:
            continue
        views = control_views(control, plain)
        name = "plain" if control is None else control.name
        rows.append((name, views.scales, views(image, box)[0]))
    return rows


def reduced_and_back(view: Pixels, scale: float, resample: str) -> Pixels:
    """Return a view reduced to 1/scale and resized back, (size, size, 3); as it is at 1.

    The reduced view has whole pixels, of exactly `scale` view pixels each: it covers a little
    more than the view (whose edge is repeated), and only the view's part is resized back.
    """
    size = len(view)
    small = math.ceil(size / scale - 1e-9)
    if small == size:
        return view
    # `enlarge` shows a square whose side is the picture's, divided by the scale it is given.
    spec = InputSpec(small, 1.0)
    covered = small * scale
    reduced = enlarge(
        Image.fromarray(view), (size / covered,), spec, resample=resample, fill="edge"
    )
    back = enlarge(
        Image.fromarray(reduced.pixels[0]),
        (covered / size,),
        InputSpec(size, 1.0),
        resample=resample,
        fill="edge",
    )
    pixels: Pixels = back.pixels[0]
    return pixels


def centred(size: int, width: float, height: float) -> NDArray[np.float64]:
    """Share of each pixel that a rectangle in the middle of the view covers, (size, size, 1)."""
    return (_covered(size, height)[:, None] * _covered(size, width))[..., None]


def composite(view: Pixels, ground: Pixels, share: NDArray[np.float64]) -> Pixels:
    """Mix a view into a ground by shares in [0, 1], of shape (size, size, 1)."""
    mixed = share * view.astype(np.float64) + (1 - share) * ground.astype(np.float64)
    return np.rint(mixed).astype(np.uint8)


def _covered(size: int, length: float) -> NDArray[np.float64]:
    edges = np.arange(size + 1) - size / 2
    inside: NDArray[np.float64] = np.diff(np.clip(edges, -length / 2, length / 2))
    return inside


def _blank(spec: InputSpec) -> Pixels:
    return np.full((spec.size, spec.size, 3), mean_colour(spec), np.uint8)
