"""The scaler: an object of radius r appears with radius s * r, in original pixels all the way."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image
from torch import nn

import skviz
from skviz.errors import ImageError, ScaleError, UsageError
from skviz.pictures.crops import FILLS, RESAMPLING
from skviz.pictures.images import read_image
from skviz.pictures.scaling import InputSpec, Views, enlarge
from skviz.scales import Scales, parse_scales, scale_label

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos_val"


def disc(width: int, height: int, radius: float, x: float, y: float) -> Image.Image:
    """A white antialiased disc on black; x and y in pixels from the upper left corner."""
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    cover = np.clip(radius - np.hypot(columns - x, rows - y) + 0.5, 0, 1)
    return Image.fromarray(np.rint(255 * cover).astype(np.uint8)).convert("RGB")


def smooth(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 30 + k) + np.cos(y / 20 - k) for k in range(3)]
    return Image.fromarray((np.stack(waves, axis=-1) * 60 + 127).astype(np.uint8))


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def measured(view: np.ndarray) -> tuple[float, float, float, float, float]:
    """Radius by area, by width and by height, and the centre of a disc in a view."""
    cover = view[..., 0] / 255
    rows, columns = np.mgrid[0 : cover.shape[0], 0 : cover.shape[1]] + 0.5
    area = cover.sum()
    x, y = (cover * columns).sum() / area, (cover * rows).sum() / area
    # A line through the centre: its covered length is the diameter.
    wide = max(cover[row].sum() for row in range(cover.shape[0])) / 2
    high = max(cover[:, column].sum() for column in range(cover.shape[1])) / 2
    return math.sqrt(area / math.pi), wide, high, x, y


# The disc


@pytest.mark.parametrize("resample", sorted(RESAMPLING))
@pytest.mark.parametrize(
    ("width", "height"), [(256, 256), (640, 427), (300, 900), (1500, 1000), (131, 97), (224, 225)]
)
def test_a_disc_of_radius_r_appears_with_radius_s_r(width: int, height: int, resample: str) -> None:
    shorter = min(width, height)
    for share in (0.05, 0.12, 0.2):
        radius = share * shorter
        image = disc(width, height, radius, width / 2, height / 2)
        scales = [s for s in (0.5, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0) if s * share < 0.42]
        views = enlarge(image, scales, resample=resample, fill="black")
        at_one = radius * 224 / (0.875 * shorter)
        for scale, view in zip(scales, views.pixels, strict=True):
            by_area, wide, high, x, y = measured(view)
            # A pixel of the view, or of the original where that is larger ("nearest" shows it).
            pixel = max(1.0, scale * 224 / (0.875 * shorter)) if resample == "nearest" else 1.0
            assert by_area == pytest.approx(scale * at_one, abs=0.5 * pixel)
            assert wide == pytest.approx(scale * at_one, abs=pixel)
            assert high == pytest.approx(scale * at_one, abs=pixel)
            assert (x, y) == pytest.approx((112, 112), abs=0.6 * pixel)


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(100, 700),
    height=st.integers(100, 700),
    scale=st.floats(0.4, 4),
    size=st.sampled_from([32, 224, 299]),
    crop=st.sampled_from([0.875, 1.0, 0.95]),
)
def test_a_disc_off_the_centre_moves_away_from_it(
    width: int, height: int, scale: float, size: int, crop: float
) -> None:
    side = crop * min(width, height) / scale
    zoom = size / side
    # Small enough to lie within the picture and within the view.
    unit = crop * min(width, height) / max(1, scale)
    radius, dx, dy = 0.15 * unit, 0.2 * unit, -0.13 * unit
    image = disc(width, height, radius, width / 2 + dx, height / 2 + dy)
    views = enlarge(image, [scale], InputSpec(size, crop), fill="black")
    by_area, wide, high, x, y = measured(views.pixels[0])
    assert (by_area, wide, high) == pytest.approx((radius * zoom,) * 3, abs=1)
    assert (x, y) == pytest.approx((size / 2 + dx * zoom, size / 2 + dy * zoom), abs=0.5)


# The crop at 1.0x


def evaluation_crop(image: Image.Image) -> np.ndarray:
    """The usual way, in two steps: shorter side to 256, then the central 224."""
    transforms = pytest.importorskip("torchvision.transforms")
    resized = transforms.Resize(256, transforms.InterpolationMode.BICUBIC)(image)
    return np.asarray(transforms.CenterCrop(224)(resized)).astype(float)


@pytest.mark.parametrize("size", [(512, 256), (256, 1024), (768, 768), (1536, 768), (128, 256)])
def test_one_is_the_evaluation_crop_of_the_network(size: tuple[int, int]) -> None:
    # Sizes at which the usual way comes out without rounding to whole pixels.
    image = smooth(*size)
    ours = enlarge(image, [1.0]).pixels[0].astype(float)
    assert np.abs(ours - evaluation_crop(image)).max() <= 2


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1000, 300), (500, 375)])
def test_one_is_within_half_a_pixel_of_the_rounded_evaluation_crop(size: tuple[int, int]) -> None:
    image = smooth(*size)
    ours = enlarge(image, [1.0]).pixels[0].astype(float)
    usual = evaluation_crop(image)
    apart = np.abs(ours - usual).mean()
    one_pixel = max(np.abs(np.diff(usual, axis=axis)).mean() for axis in (0, 1))
    assert apart < 0.6 * one_pixel + 0.3


def test_the_network_input_is_normalised_as_usual() -> None:
    torch = pytest.importorskip("torch")
    transforms = pytest.importorskip("torchvision.transforms")
    views = enlarge(noise(300, 200), [1.0, 2.0])
    usual = transforms.Compose(
        [
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    expected = torch.stack([usual(Image.fromarray(view)) for view in views.pixels])
    assert views.images.shape == (2, 3, 224, 224)
    assert views.images.dtype == torch.float32
    torch.testing.assert_close(views.images, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("resample", sorted(RESAMPLING))
def test_pixels_that_already_fit_are_not_touched(resample: str) -> None:
    image = noise(64, 64)
    same = enlarge(image, [1.0], InputSpec(64, 1.0), resample=resample)
    np.testing.assert_array_equal(same.pixels[0], np.asarray(image))
    # Also a part of the picture, and a picture with a border around it.
    inner = enlarge(image, [2.0], InputSpec(32, 1.0), resample=resample)
    np.testing.assert_array_equal(inner.pixels[0], np.asarray(image)[16:48, 16:48])
    outer = enlarge(image, [0.5], InputSpec(128, 1.0), resample=resample, fill="white")
    expected = np.full((128, 128, 3), 255, np.uint8)
    expected[32:96, 32:96] = np.asarray(image)
    np.testing.assert_array_equal(outer.pixels[0], expected)


def test_boxes_are_the_central_squares_in_original_pixels() -> None:
    views = enlarge(noise(640, 480), [1.0, 2.0, 0.5])
    assert views.boxes == (
        (110.0, 30.0, 530.0, 450.0),
        (215.0, 135.0, 425.0, 345.0),
        (-100.0, -180.0, 740.0, 660.0),
    )
    assert views.scales == (1.0, 2.0, 0.5)
    assert views.interpolated == (False, True, False)


def test_interpolated_says_where_the_original_has_fewer_pixels() -> None:
    views = enlarge(noise(512, 512), [1.0, 2.0, 2.001], InputSpec(224, 0.875))
    assert views.interpolated == (False, False, True)
    assert enlarge(noise(200, 300), [1.0, 0.5]).interpolated == (True, False)


def test_the_resampling_is_antialiased() -> None:
    # Stripes one pixel wide vanish into grey when nearly 4 pixels become one.
    stripes = np.zeros((1000, 1000, 3), np.uint8)
    stripes[:, ::2] = 255
    image = Image.fromarray(stripes)
    for resample in set(RESAMPLING) - {"nearest"}:
        view = enlarge(image, [1.0], resample=resample).pixels[0]
        assert view.std() < 20, resample
    assert enlarge(image, [1.0], resample="nearest").pixels.std() > 100


def test_each_view_is_made_from_the_original_pixels() -> None:
    image = noise(900, 600)
    views = enlarge(image, [1.0, 3.0])
    direct = image.resize((224, 224), Image.Resampling.BICUBIC, box=views.boxes[1])
    np.testing.assert_array_equal(views.pixels[1], np.asarray(direct))


@pytest.mark.parametrize("fill", ["edge", "reflect"])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (13, 200, 77)])
def test_a_flat_picture_stays_flat(fill: str, colour: tuple[int, int, int]) -> None:
    flat = Image.new("RGB", (333, 219), colour)
    for resample in RESAMPLING:
        views = enlarge(flat, [0.3, 0.9, 1.0, 1.7, 8.0], resample=resample, fill=fill)
        assert (views.pixels == np.array(colour)).all()


def test_a_quarter_turn_turns_the_views() -> None:
    image = smooth(300, 210)
    upright = enlarge(image, [0.6, 1.0, 2.0]).pixels
    turned = enlarge(image.transpose(Image.Transpose.ROTATE_90), [0.6, 1.0, 2.0]).pixels
    # Pillow filters rows first and rounds in between.
    expected = np.rot90(upright, axes=(1, 2)).astype(int)
    assert np.abs(expected - turned).max() <= 2


def test_the_exif_orientation_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    disc(400, 200, 15, 240, 100).save(file, "PNG", exif=exif)
    views = enlarge(file.getvalue(), [1.0])
    _, _, _, x, y = measured(views.pixels[0])
    zoom = 224 / 175
    assert (x, y) == pytest.approx((112, 112 + 40 * zoom), abs=0.6)


# Zooming out


def test_what_lies_outside_follows_the_fill() -> None:
    image = Image.new("RGB", (100, 100), (10, 20, 30))
    colours = {
        "mean": (124, 116, 104),
        "black": (0, 0, 0),
        "white": (255, 255, 255),
        "edge": (10, 20, 30),
        "reflect": (10, 20, 30),
    }
    assert set(colours) == set(FILLS)
    for fill, colour in colours.items():
        view = enlarge(image, [0.5], fill=fill).pixels[0]
        for corner in (view[0, 0], view[0, -1], view[-1, 0], view[-1, -1]):
            assert tuple(corner) == colour, fill
        assert tuple(view[112, 112]) == (10, 20, 30)


def test_the_mean_fill_is_about_zero_for_the_network() -> None:
    pytest.importorskip("torch")
    spec = InputSpec(32, 1.0, mean=(0.5, 0.1, 0.9), std=(0.2, 0.25, 0.3))
    corner = enlarge(noise(50, 50), [0.25], spec).images[0, :, 0, 0]
    assert corner.abs().max() <= 0.5 / 255 / 0.2 + 1e-6


@pytest.mark.parametrize(("fill", "numpy_mode"), [("edge", "edge"), ("reflect", "reflect")])
@pytest.mark.parametrize("size", [(20, 20), (2, 2), (7, 3), (1, 1)])
def test_edge_and_reflect_agree_with_numpy(
    fill: str, numpy_mode: str, size: tuple[int, int]
) -> None:
    image = noise(*size)
    # The canvas of the zoomed-out view, pixel for pixel.
    shorter = min(size)
    pad = 9 * shorter
    extra = [(max(0, pad + (shorter - n) // 2),) * 2 for n in (size[1], size[0])]
    padded = np.pad(np.asarray(image), [*extra, (0, 0)], mode=numpy_mode)
    side = 19 * shorter
    views = enlarge(image, [1 / 19], InputSpec(side, 1.0), fill=fill)
    np.testing.assert_array_equal(views.pixels[0], padded[:side, :side])


def test_only_the_side_that_is_too_short_is_filled() -> None:
    image = Image.new("RGB", (800, 200), (200, 0, 0))
    view = enlarge(image, [0.7], fill="white").pixels[0]
    assert (view[:, 0] == view[:, 112]).all()
    assert tuple(view[0, 0]) == (255, 255, 255)
    # Slightly below 1 the square still lies within the picture: nothing is filled.
    inside = enlarge(image, [0.88], fill="white").pixels[0]
    assert (inside == (200, 0, 0)).all()


# A box around an object


def test_a_box_becomes_the_centre() -> None:
    image = disc(900, 600, 40, 700, 150)
    views = enlarge(image, [0.8, 1.0, 2.0], box=(660, 120, 740, 180), fill="black")
    assert views.boxes[1] == pytest.approx((700 - 40 / 0.875, 150 - 40 / 0.875,
                                            700 + 40 / 0.875, 150 + 40 / 0.875))  # fmt: skip
    by_area, _, _, x, y = measured(views.pixels[0])
    assert by_area == pytest.approx(0.8 * 40 * 224 * 0.875 / 80, abs=1)
    assert (x, y) == pytest.approx((112, 112), abs=0.5)
    assert (views.pixels[2][112] == 255).all()


def test_a_box_at_the_border_is_filled() -> None:
    view = enlarge(Image.new("RGB", (100, 100)), [1.0], box=(0, 0, 50, 50), fill="white").pixels[0]
    assert tuple(view[0, 0]) == (255, 255, 255)
    assert tuple(view[112, 112]) == (0, 0, 0)


@pytest.mark.parametrize(
    "box",
    [(50, 0, 10, 40), (0, 0, 0, 10), (200, 0, 300, 50), (-20, 0, 0, 50), (0, -9, 9, 0),
     (0, 80, 9, 90), (float("nan"), 0, 9, 9), (0, 0, float("inf"), 9)],
)  # fmt: skip
def test_a_box_that_is_none(box: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"expected box as .* across a picture of 100 x 80 pixels"):
        enlarge(Image.new("RGB", (100, 80)), box=box)


@pytest.mark.parametrize("box", [(1, 2, 3), "abcd", 5, (1, 2, 3, None)])
def test_a_box_of_another_form(box: object) -> None:
    with pytest.raises(UsageError, match=r"expected box as \(left, top, right, bottom\), got"):
        enlarge(Image.new("RGB", (100, 80)), box=box)  # type: ignore[arg-type]


# Scales


def test_scales_are_parsed_in_order() -> None:
    assert parse_scales("1,1.5,2") == (1.0, 1.5, 2.0)
    assert parse_scales(" 2 , .5,1e0 ") == (2.0, 0.5, 1.0)


@pytest.mark.parametrize(
    ("text", "came"),
    [("0", "got 0"), ("-1", "got -1"), ("nan", "got nan"), ("1,inf", "got inf"),
     ("big", "got 'big' in 'big'"), ("", "got '' in ''"), ("1,,2", "got '' in '1,,2'"),
     ("1;2", "got '1;2'"), ("1,2,", "got ''"), ("1e999", "got inf")],
)  # fmt: skip
def test_text_that_is_no_list_of_scales(text: str, came: str) -> None:
    with pytest.raises(ScaleError, match=f"expected positive finite scales such as.*{came}"):
        parse_scales(text)


@pytest.mark.parametrize(
    "scales",
    [[0], [-0.0], [-1], [math.nan], [math.inf], ["1"], [True], [None], [1 + 2j], [10**400], [],
     "1,2", b"1", 2, None, [[1.0]], [np.bool_(True)]],
)  # fmt: skip
def test_values_that_are_no_scales(scales: object) -> None:
    with pytest.raises(ScaleError, match=r"expected positive finite scales such as 1,1\.5,2.*got "):
        Scales(scales)  # type: ignore[arg-type]
    with pytest.raises(ScaleError, match="expected positive finite scales"):
        enlarge(noise(50, 50), scales)  # type: ignore[arg-type]


def test_a_scale_that_comes_twice() -> None:
    with pytest.raises(ScaleError, match="expected each scale once, got 1 twice; leave one out"):
        parse_scales("1,2,1.0")


def test_numpy_numbers_and_any_iterable_are_scales() -> None:
    checked = Scales(iter(np.array([1, 2], dtype=np.int64)))
    assert checked == (1.0, 2.0)
    assert all(type(scale) is float for scale in checked)


@pytest.mark.parametrize("scale", [1e-3, 1e-9, 1e-300, 5e-324])
def test_a_scale_that_needs_a_giant_canvas(scale: float) -> None:
    expected = r"is too small for 'the image' \(100 x 60 pixels\): it needs a canvas of more than"
    with pytest.raises(ScaleError, match=expected):
        enlarge(noise(100, 60), [1.0, scale])


@pytest.mark.parametrize("scale", [53, 1e6, 1e300])
def test_a_scale_that_leaves_no_pixel(scale: float) -> None:
    expected = r"too large for .*\(100 x 60 pixels\): it leaves .* use scales up to 52\.5"
    with pytest.raises(ScaleError, match=expected):
        enlarge(noise(100, 60), [scale])
    assert len(enlarge(noise(100, 60), [52.5])) == 1


def test_the_error_names_the_file(tmp_path: Path) -> None:
    noise(100, 60).save(tmp_path / "small.png")
    with pytest.raises(ScaleError, match=r"scale 99 is too large for '.*small\.png'"):
        enlarge(tmp_path / "small.png", [99])
    with pytest.raises(ImageError, match=r"gone\.png': no such file"):
        enlarge(tmp_path / "gone.png")


# Options


def test_unknown_options_are_named() -> None:
    with pytest.raises(
        UsageError, match=r"resample to be one of nearest.* got 'bicubik'\. Did you"
    ):
        enlarge(noise(50, 50), resample="bicubik")
    with pytest.raises(
        UsageError, match=r"fill to be one of mean, .* got 'whit'\. Did you mean 'w"
    ):
        enlarge(noise(50, 50), fill="whit")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "expected an input size of 1 to 8192 pixels, got 0"),
        ({"size": 100_000_000}, "expected an input size of 1 to 8192 pixels, got 100000000"),
        ({"size": float("nan")}, "expected an input size of 1 to 8192 pixels, got nan"),
        ({"crop": 0}, "expected a crop fraction above 0 and up to 1, got 0"),
        ({"crop": 1.2}, "expected a crop fraction above 0 and up to 1, got 1.2"),
        ({"crop": math.nan}, "expected a crop fraction above 0 and up to 1, got nan"),
        ({"mean": (0.5, 0.5)}, "expected three finite numbers each for mean and std"),
        ({"std": (1, 1, math.inf)}, "expected three finite numbers each for mean and std"),
        ({"std": (1, 1, 0)}, r"expected standard deviations above 0, got \(1, 1, 0\)"),
    ],
)
def test_an_input_that_no_network_has(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        InputSpec(**options)  # type: ignore[arg-type]


# Views


def test_views_hold_what_they_say(tmp_path: Path) -> None:
    noise(120, 90).save(tmp_path / "photo.png")
    views = enlarge(tmp_path / "photo.png", (1, 1.5, 2.25), InputSpec(96))
    assert isinstance(views, Views)
    assert len(views) == 3
    assert views.pixels.shape == (3, 96, 96, 3)
    assert views.pixels.dtype == np.uint8
    assert views.labels == ("1.0x", "1.5x", "2.25x")
    assert views.source == str(tmp_path / "photo.png")
    assert views.spec == InputSpec(96)
    assert enlarge(noise(120, 90)).source is None
    with pytest.raises(ValueError, match="read-only"):
        views.pixels[0, 0, 0, 0] = 1


def test_labels() -> None:
    assert [scale_label(s) for s in (1, 0.5, 10.0, 1e-7)] == ["1.0x", "0.5x", "10.0x", "1e-07x"]


def test_photographs() -> None:
    photos = sorted(PHOTOS.glob("*/*.jpg"))[::97]
    if not photos:
        pytest.skip("the photographs of ../shared/data are not here")
    for photo in photos:
        image = read_image(photo)
        views = enlarge(photo, [0.7, 1.0, 1.5, 2.0])
        assert views.boxes[1][2] - views.boxes[1][0] == pytest.approx(0.875 * min(image.size))
        # 2.0x, shrunk to half, is the middle of 1.0x, and nothing a pixel away fits as well.
        shrunk = Image.fromarray(views.pixels[3]).resize((112, 112), Image.Resampling.BICUBIC)
        apart = {
            (dy, dx): np.abs(
                np.asarray(shrunk).astype(float) - views.pixels[1][56 + dy :, 56 + dx :][:112, :112]
            ).mean()
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
        }
        assert min(apart, key=lambda shift: apart[shift]) == (0, 0), photo


# Views made for a network


def test_enlarge_takes_the_network() -> None:
    network = skviz.load_model()
    expected = network.skviz.spec
    assert expected.size == 128
    for source in (network, nn.DataParallel(network), expected):
        views = enlarge(noise(200, 160), spec=source)
        assert views.spec == expected
        assert len(skviz.Probe(network)(views)["3_4"]) == 3
    assert enlarge(noise(200, 160), spec=nn.Identity()).spec == InputSpec()


@pytest.mark.parametrize("spec", [128, "sknet50_lite", None, (128, 0.875)])
def test_a_spec_that_is_none_is_refused(spec: object) -> None:
    with pytest.raises(UsageError, match="expected spec as a network or its InputSpec, got"):
        enlarge(noise(200, 160), spec=spec)  # type: ignore[arg-type]


def test_a_probe_refuses_views_made_for_another_input() -> None:
    network = skviz.load_model()
    probe = skviz.Probe(network, "3_4")
    other = replace(network.skviz.spec, crop=1.0)
    with pytest.raises(UsageError, match=r"\(size 128\), got others \(size 224\).*spec=model"):
        probe(enlarge(noise(200, 160)))
    with pytest.raises(UsageError, match=r"\(crop 0.875\), got others \(crop 1.0\)"):
        skviz.Probe(nn.DataParallel(network), "3_4")(enlarge(noise(200, 160), spec=other))
    # On purpose it goes, and a network that says nothing of its input takes any.
    assert probe(enlarge(noise(200, 160)).images)["3_4"].shape[0] == 3
    known, network.skviz = network.skviz, None
    assert skviz.Probe(network, "3_4")(enlarge(noise(200, 160), spec=other))["3_4"].shape[0] == 3
    network.skviz = known
