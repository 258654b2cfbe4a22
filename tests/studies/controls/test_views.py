"""The geometry of the controls' views, against plain Pillow and the plain views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skviz.data.loading import ViewMaker
from skviz.errors import ScaleError, UsageError
from skviz.pictures.scaling import InputSpec, mean_colour
from skviz.studies.controls.control import Control, parse_control
from skviz.studies.controls.views import (
    centred,
    composite,
    control_views,
    example_views,
    reduced_and_back,
)

SPEC = InputSpec(size=48, crop=0.8)
SCALES = (1.0, 1.5, 2.0, 3.0)
PLAIN = ViewMaker(SCALES, SPEC)
VIEWS = ("blur", "object-constant", "object-blurred", "masked")


@pytest.fixture
def image() -> Image.Image:
    """Coarse noise, so that every place looks different; its crop has 96 pixels."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 15, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((150, 120), Image.Resampling.BICUBIC)


def views_of(name: str, image: Image.Image, box=None, plain: ViewMaker = PLAIN) -> np.ndarray:
    return control_views(parse_control(name), plain)(image, box)[0].astype(int)


@pytest.mark.parametrize("name", ["blur", "object-constant", "object-blurred"])
@pytest.mark.parametrize("box", [None, (10, 20, 70, 90)])
def test_at_one_nothing_is_different(name: str, box, image: Image.Image) -> None:
    plain, sides = PLAIN(image, box)
    made, crops = control_views(parse_control(name), PLAIN)(image, box)
    np.testing.assert_array_equal(made[0], plain[0])
    assert made.shape == plain.shape
    # Nothing is enlarged: every view spans what is seen at 1.0x.
    np.testing.assert_array_equal(crops, np.full(4, sides[0]))


def test_blur_is_reducing_and_resizing_back(image: Image.Image) -> None:
    plain, made = PLAIN(image, None)[0], views_of("blur", image)
    for number, side in ((2, 24), (3, 16)):
        small = Image.fromarray(plain[0]).resize((side, side), Image.Resampling.BICUBIC)
        back = small.resize((48, 48), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(made[number], np.asarray(back))


@pytest.mark.parametrize("scale", [1.1, 1.3, 1.5, 1.7, 2.3])
def test_blur_moves_nothing_at_scales_that_do_not_divide_the_view(scale: float) -> None:
    """A slope stays the same slope: positions are kept to a fraction of a pixel."""
    size = 50
    slope = np.round(np.linspace(20, 230, size)).astype(np.uint8)
    view = np.repeat(np.broadcast_to(slope, (size, size))[..., None], 3, axis=2)
    made = reduced_and_back(view, scale, "bicubic").astype(float)
    inner = slice(8, -8)
    assert np.abs(made[inner, inner] - view[inner, inner]).max() <= 1.5
    # The middle stays the middle: a mirrored picture gives the mirrored view.
    spot = np.zeros((size, size, 3), np.uint8)
    spot[22:28, 22:28] = 255
    blurred = reduced_and_back(spot, scale, "bicubic").astype(int)
    assert np.abs(blurred - blurred[::-1, ::-1]).max() <= 1


def test_object_shows_what_the_enlarged_view_shows_at_its_size_at_one(image: Image.Image) -> None:
    enlarged, made = PLAIN(image, None)[0], views_of("object-constant", image)
    for number, side in ((2, 24), (3, 16)):
        reduced = Image.fromarray(enlarged[number]).resize((side, side), Image.Resampling.BICUBIC)
        first = (48 - side) // 2
        middle = made[number, first : first + side, first : first + side]
        inner = slice(2, -2)  # the reduced view does not know what is beyond its edge
        assert np.abs(middle - np.asarray(reduced).astype(int))[inner, inner].mean() < 1.5
        np.testing.assert_array_equal(middle, enlarged[0][first : first + side, first:][:, :side])
        outside = np.delete(made[number], slice(first, first + side), axis=0)
        assert (outside == mean_colour(SPEC)).all()


def test_the_surround_is_blurred_without_an_edge_of_its_own(image: Image.Image) -> None:
    plain, made = PLAIN(image, None)[0], views_of("object-blurred", image)
    np.testing.assert_array_equal(made[2, 12:36, 12:36], plain[0, 12:36, 12:36])
    ground = made[2].copy()
    assert np.abs(np.diff(ground[:12], axis=1)).max() < np.abs(np.diff(plain[0], axis=1)).max() / 4
    # The colours stay on average.
    assert np.abs(ground[:12].mean((0, 1)) - plain[0][:12].mean((0, 1))).max() < 25


def test_masked_side_grows_with_the_scale_up_to_the_plain_view(image: Image.Image) -> None:
    plain, sides = PLAIN(image, None)
    made, crops = control_views(parse_control("masked"), PLAIN)(image, None)
    np.testing.assert_array_equal(crops, sides)
    np.testing.assert_array_equal(made[3], plain[3])
    for number, side in ((0, 16), (1, 24), (2, 32)):
        first = (48 - side) // 2
        inside = (slice(first, first + side),) * 2
        np.testing.assert_array_equal(made[number][inside], plain[number][inside])
        visible = (made[number] != mean_colour(SPEC)).any(axis=2)
        assert visible.sum() == pytest.approx(side**2, rel=0.02)
        assert not visible[:first].any()


def test_masked_box_shows_the_box_and_nothing_else(image: Image.Image) -> None:
    box = (30.0, 20.0, 78.0, 44.0)  # 48 x 24 pixels; at 1.0x the view spans 60
    plain = ViewMaker((1.0, 1.25, 2.5), SPEC)
    made = views_of("masked-box", image, box, plain)
    visible = (made != mean_colour(SPEC)).any(axis=3)
    # 48 / 60 of 48 pixels, which are 38.4 and touch 40; 5 / 4 and 5 / 2 of that further on.
    assert visible[0].sum(axis=1).max() == 40
    assert visible[0].sum(axis=0).max() == 20
    assert visible[1].sum(axis=1).max() == 48
    assert visible[1].sum(axis=0).max() == 24
    assert visible[2].all()
    with pytest.raises(UsageError, match="a box for the control 'masked-box', this image has none"):
        views_of("masked-box", image)


def test_a_window_between_pixels_is_mixed_by_what_it_covers() -> None:
    share = centred(9, 6.0, 4.5)
    np.testing.assert_allclose(share[4, :, 0], [0, 0.5, 1, 1, 1, 1, 1, 0.5, 0])
    np.testing.assert_allclose(share[:, 4, 0], [0, 0, 0.75, 1, 1, 1, 0.75, 0, 0])
    assert share.sum() == pytest.approx(6.0 * 4.5)
    white, black = np.full((9, 9, 3), 255, np.uint8), np.zeros((9, 9, 3), np.uint8)
    assert composite(white, black, share)[4, 1].tolist() == [128, 128, 128]


def test_zoom_out_and_resample_are_ordinary_views(image: Image.Image) -> None:
    zoomed = control_views(parse_control("zoom-out-reflect"), PLAIN)
    assert zoomed == ViewMaker((1.0, 1 / 1.5, 0.5, 1 / 3), SPEC, "bicubic", "reflect")
    other = control_views(parse_control("resample-lanczos"), PLAIN)
    assert other == ViewMaker(SCALES, SPEC, "lanczos", "mean")
    assert control_views(Control("random"), PLAIN) is PLAIN
    assert control_views(None, PLAIN) is PLAIN


@pytest.mark.parametrize("name", ["blur", "object-constant", "object-blurred"])
def test_scales_below_one_have_no_such_view(name: str) -> None:
    with pytest.raises(ScaleError, match=f"1 and above for the control '{name}', got 0.5"):
        control_views(parse_control(name), ViewMaker((0.5, 1.0), SPEC))


def test_crops_are_those_of_the_picture(tmp_path: Path, image: Image.Image) -> None:
    _, sides = PLAIN(image, None)
    np.testing.assert_allclose(sides, np.float32(96) / np.float32(SCALES))
    zoomed = control_views(parse_control("zoom-out-mean"), PLAIN)(image, None)[1]
    np.testing.assert_allclose(zoomed, np.float32(96) * np.float32(SCALES), rtol=1e-6)


def test_example_views_are_the_rows_of_a_figure(image: Image.Image) -> None:
    controls = [None, *map(parse_control, (*VIEWS, "masked-box", "random:1"))]
    rows = example_views(image, None, controls, PLAIN)
    assert [name for name, _, _ in rows] == ["plain", *VIEWS]
    np.testing.assert_array_equal(rows[1][2], views_of("blur", image))
    assert len(example_views(image, (10, 10, 50, 50), controls, PLAIN)) == 6
