"""Embedded profiles: sRGB as the formulas say, or a note that says why not."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from PIL import Image, ImageCms

from skviz.pictures.images import read_image, read_picture
from tests.helpers.icc import (
    ADOBE_GAMMA,
    ADOBE_RGB,
    DISPLAY_P3,
    SRGB,
    grey_profile,
    ink_profile,
    rgb_profile,
    srgb_values,
)

ADOBE = rgb_profile(ADOBE_RGB, ADOBE_GAMMA)


def colours(side: int = 40) -> Image.Image:
    """Colours that sRGB can show in any of the profiles: not too saturated."""
    values = np.random.default_rng(0).integers(70, 190, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(values)


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize(
    ("colorants", "gamma"), [(ADOBE_RGB, ADOBE_GAMMA), (DISPLAY_P3, None), (SRGB, 1.0)]
)
def test_colours_are_converted_as_the_formulas_say(
    form: str, colorants: tuple[tuple[float, ...], ...], gamma: float | None
) -> None:
    profile = rgb_profile(colorants, gamma)
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}, "AVIF": {"quality": 95}}
    data = encoded(colours(), form, icc_profile=profile, **lossless.get(form, {}))
    with Image.open(io.BytesIO(data)) as stored:
        expected = srgb_values(np.asarray(stored.convert("RGB")), colorants, gamma)
        assert np.abs(expected - np.asarray(stored.convert("RGB"))).max() > 5
    picture = read_picture(data)
    np.testing.assert_allclose(np.asarray(picture.image), expected, atol=1.5)
    assert picture.notes == ()
    # It is sRGB now, and read again it stays so.
    assert picture.image.info == {}
    np.testing.assert_array_equal(np.asarray(read_image(picture.image)), np.asarray(picture.image))


@pytest.mark.parametrize(
    "profile",
    [
        rgb_profile(SRGB, None),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
    ids=["made here", "LittleCMS"],
)
def test_an_srgb_profile_changes_nothing_and_costs_nothing(profile: bytes) -> None:
    image = colours(400)
    plain, tagged = (encoded(image, "TIFF", icc_profile=data) for data in (None, profile))
    picture = read_picture(tagged)
    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(image))
    assert picture.notes == ()

    def seconds(data: bytes) -> float:
        start = time.process_time()
        for _ in range(10):
            read_image(data)
        return time.process_time() - start

    # The profile is opened once: afterwards it costs less than converting, by far.
    spent = [(seconds(tagged), seconds(plain)) for _ in range(5)]
    assert min(a for a, _ in spent) < 1.5 * min(b for _, b in spent)


def test_greys() -> None:
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    of_adobe = srgb_values(np.repeat(np.arange(256)[:, None], 3, axis=1), ADOBE_RGB, ADOBE_GAMMA)
    for profile in (grey_profile(ADOBE_GAMMA), ADOBE):  # A profile of RGB holds for greys too.
        picture = read_picture(encoded(ramp, icc_profile=profile))
        np.testing.assert_allclose(np.asarray(picture.image)[0], of_adobe, atol=1.5)
        assert picture.notes == ()


def test_16_bits_are_reduced_before_they_are_converted() -> None:
    ramp = (np.arange(256, dtype=np.uint16) * 257)[None]
    deep = read_image(encoded(Image.fromarray(ramp), "TIFF", icc_profile=grey_profile(1.0)))
    flat = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    expected = read_image(encoded(flat, "TIFF", icc_profile=grey_profile(1.0)))
    np.testing.assert_array_equal(np.asarray(deep), np.asarray(expected))
    assert np.asarray(deep)[0, 55, 0] > 120  # Linear light, not 55.


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_stays_as_it_is(mode: str) -> None:
    image = Image.new("RGBA", (3, 1))
    image.putdata([(90, 150, 120, 255), (90, 150, 120, 128), (90, 150, 120, 0)])
    image = image.convert(mode) if mode != "P" else image.quantize()
    profile = grey_profile(ADOBE_GAMMA) if mode == "LA" else ADOBE
    plain = np.asarray(read_image(encoded(image)), float)[0]
    found = np.asarray(read_image(encoded(image, icc_profile=profile)), float)[0]
    colour = srgb_values(plain[:1], ADOBE_RGB, ADOBE_GAMMA)[0]
    np.testing.assert_allclose(found[0], colour, atol=1.5)
    np.testing.assert_allclose(found[1], (colour * 128 + 255 * 127) / 255, atol=2.5)
    np.testing.assert_array_equal(found[2], [255] * 3)


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_inks_are_converted_by_their_profile(form: str) -> None:
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    picture = read_picture(encoded(inks, form, icc_profile=ink_profile()))
    red, green, blue = np.asarray(picture.image)[8, 8].tolist()
    assert red > 220
    assert max(green, blue) < 60
    assert picture.notes == ()


def test_inks_without_a_profile_are_told() -> None:
    picture = read_picture(encoded(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "TIFF"))
    assert np.asarray(picture.image)[8, 8].tolist() == [0, 255, 255]
    (note,) = picture.notes
    assert "ideal inks were assumed" in str(note)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        (b"nonsense", "profile is damaged: colours are read as sRGB"),
        (ADOBE[:200], "profile is damaged"),
        (ADOBE[:36] + b"xxxx" + ADOBE[40:], "profile is damaged"),
        (ink_profile(), "profile is made for CMYK, the picture is RGB: colours are read as sRGB"),
        (grey_profile(2.0), "profile is made for GRAY, the picture is RGB"),
    ],
)
def test_a_profile_that_does_not_apply_is_ignored_with_a_line(profile: bytes, message: str) -> None:
    image = colours()
    picture = read_picture(encoded(image, icc_profile=profile))
    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(image))
    (note,) = picture.notes
    assert message in str(note)


def test_damaged_profile_bytes_never_stop_a_picture() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(ADOBE)
        for place in random.integers(0, len(damaged), 6):
            damaged[place] = random.integers(256)
        assert read_image(encoded(colours(8), icc_profile=bytes(damaged))).mode == "RGB"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_adobe_rgb_by_exif_alone_is_told(form: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    picture = read_picture(encoded(colours(), form, exif=exif.tobytes()))
    assert [str(note) for note in picture.notes] == [
        "EXIF says Adobe RGB, but there is no profile: colours are read as sRGB"
    ]
    exif.get_ifd(0x8769)[0xA005] = {1: "R98"}  # sRGB.
    assert read_picture(encoded(colours(), form, exif=exif.tobytes())).notes == ()
    converted = read_picture(encoded(colours(), form, exif=exif.tobytes(), icc_profile=ADOBE))
    assert converted.notes == ()
