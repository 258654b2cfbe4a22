"""Any image file to RGB; whatever is wrong with a file is an ImageError that names it."""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from skviz.errors import ImageError
from skviz.pictures.images import read_image, read_picture, source_name
from tests.helpers.permissions import permissions_hold

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and pipes")


def picture(width: int = 24, height: int = 16) -> Image.Image:
    """A picture in which every corner and both directions differ."""
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def values(image: Image.Image) -> np.ndarray:
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    picture().save(path)
    return path


# What can be read from


def test_every_kind_of_source_gives_the_same_picture(saved: Path) -> None:
    expected = values(picture())
    with open(saved, "rb") as file, Image.open(saved) as image:
        for source in (saved, str(saved), saved.read_bytes(), file, image, picture()):
            np.testing.assert_array_equal(values(read_image(source)), expected)
        assert not file.closed


def test_a_pillow_image_is_left_as_it_is() -> None:
    image = picture().convert("RGBA")
    before = image.tobytes()
    result = read_image(image)
    result.putpixel((0, 0), (9, 9, 9))
    plain = picture()
    read_image(plain).putpixel((0, 0), (9, 9, 9))
    assert image.mode == "RGBA"
    assert image.tobytes() == before
    assert plain.tobytes() == picture().tobytes()


def test_the_name_behind_a_source(saved: Path) -> None:
    with open(saved, "rb") as file, Image.open(saved) as image:
        for source in (saved, str(saved), file, image):
            assert source_name(source) == str(saved)
    assert source_name(picture()) is None
    assert source_name(b"bytes") is None


@pytest.mark.parametrize("source", [None, 3, ["a.png"], np.zeros((2, 2, 3), np.uint8)])
def test_other_kinds_of_source_are_refused(source: object) -> None:
    with pytest.raises(ImageError, match=r"expected a file name.*got .*PIL\.Image\.fromarray"):
        read_image(source)  # type: ignore[arg-type]


# Orientation


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_exif_orientation_is_undone(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"WEBP": {"lossless": True}}.get(form, {})
    data = encoded(picture(), form, exif=exif, **lossless)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(values(read_image(data)), values(expected))
    # And by hand: where the first row and column of the file belong (EXIF 2.3, 4.6.4).
    assert read_image(data).size == ((16, 24) if orientation > 4 else (24, 16))
    by_hand = {1: np.asarray, 3: lambda a: a[::-1, ::-1], 6: lambda a: np.rot90(a, -1),
               8: lambda a: np.rot90(a, 1)}  # fmt: skip
    if orientation in by_hand and form != "JPEG":
        hand = by_hand[orientation](np.asarray(picture()))
        np.testing.assert_array_equal(values(read_image(data)), hand)


@pytest.mark.parametrize("damaged", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_a_picture_with_damaged_exif_is_still_a_picture(damaged: bytes) -> None:
    data = encoded(picture(), "PNG", exif=damaged)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow says so itself, in some versions
        np.testing.assert_array_equal(values(read_image(data)), values(picture()))


def test_an_orientation_that_is_none_is_ignored() -> None:
    for nonsense in (0, 9, 200):
        exif = Image.Exif()
        exif[0x0112] = nonsense
        data = encoded(picture(), exif=exif)
        np.testing.assert_array_equal(values(read_image(data)), values(picture()))


# Modes


@pytest.mark.parametrize(
    ("mode", "form"),
    [("1", "PNG"), ("L", "PNG"), ("P", "PNG"), ("P", "GIF"), ("RGB", "BMP"), ("RGB", "PPM"),
     ("CMYK", "TIFF"), ("LAB", "TIFF"), ("RGB", "JPEG2000"), ("YCbCr", "TIFF")],
)  # fmt: skip
def test_opaque_modes_look_as_pillow_shows_them(mode: str, form: str) -> None:
    image = picture() if mode != "LAB" else Image.new("LAB", (24, 16), (128, 128, 128))
    image = image.convert(mode) if image.mode != mode else image
    result = values(read_image(encoded(image, form)))
    np.testing.assert_allclose(result, values(image.convert("RGB")), atol=3)


def test_colours_survive_cmyk_jpeg() -> None:
    flat = Image.new("RGB", (32, 32), (200, 60, 20)).convert("CMYK")
    result = values(read_image(encoded(flat, "JPEG", quality=95)))
    np.testing.assert_allclose(result, np.broadcast_to((200, 60, 20), result.shape), atol=4)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_16_bit_values_are_scaled_not_clipped(mode: str) -> None:
    stored = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    kind = {"I;16": "<u2", "I;16B": ">u2", "I": "<i4"}[mode]
    image = Image.frombytes(mode, (4, 1), stored.astype(kind).tobytes())
    assert values(read_image(image))[0, :, 0].tolist() == [0, 1, 128, 255]


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bit_files_are_scaled_not_clipped(form: str) -> None:
    stored = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    result = values(read_image(encoded(Image.fromarray(stored), form)))
    np.testing.assert_array_equal(result, np.broadcast_to([[0], [1], [128], [255]], (1, 4, 3)))


def test_16_bit_pgm() -> None:
    data = b"P5 3 1 65535\n" + struct.pack(">3H", 0, 32768, 65535)
    assert values(read_image(data))[0, :, 1].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),  # white is 1
        ([0.0, 100.0, 255.0], [0, 100, 255]),  # white is 255
        ([0.0, 257.0, 65535.0], [0, 1, 255]),  # white is 65535
        ([-1.0, 0.0, 1.0], [0, 128, 255]),  # none of them: stretched
        ([np.nan, 1e6, 2e6], [0, 0, 255]),
        ([np.inf, 0.0, -np.inf], [255, 0, 0]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([-1e12, -1e12, -1e12], [0, 0, 0]),
    ],
)
def test_floats(stored: list[float], expected: list[int]) -> None:
    image = Image.fromarray(np.array([stored], dtype=np.float32))
    assert image.mode == "F"
    assert values(read_image(image))[0, :, 0].tolist() == expected
    assert values(read_image(encoded(image, "TIFF")))[0, :, 0].tolist() == expected


def test_integers() -> None:
    for stored, expected in [([0, 100, 255], [0, 100, 255]), ([-100, 0, 100], [0, 128, 255])]:
        image = Image.fromarray(np.array([stored], dtype=np.int32))
        assert values(read_image(image))[0, :, 2].tolist() == expected


def ramp(kind: str = "float32", top: float = 1.0) -> np.ndarray:
    """Grey from 0 to `top`, 100 x 100."""
    return (np.linspace(0, 1, 10000).reshape(100, 100) * top).astype(kind)


def tiff(stored: np.ndarray, **tags: int) -> bytes:
    """A TIFF of one grey channel as other programs write it, without Pillow: any kind of number."""
    kind = {"u": 1, "i": 2, "f": 3}[stored.dtype.kind]
    height, width = stored.shape
    data = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    entries = {256: width, 257: height, 258: 8 * stored.dtype.itemsize, 259: 1, 262: 1, 273: 8,
               277: 1, 278: height, 279: len(data), 339: kind}  # fmt: skip
    entries |= {int(number.removeprefix("t")): value for number, value in tags.items()}
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    table = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    return head + data + struct.pack("<H", len(entries)) + table + b"\0" * 4


@pytest.mark.parametrize("outlier", [1.0001, 1.5, 1e6, -0.2, np.nan, np.inf])
def test_one_float_does_not_say_what_is_white(outlier: float) -> None:
    stored = ramp()
    expected = values(read_image(tiff(stored)))
    assert expected.max() == 255
    stored[3, 4] = outlier
    picture = read_picture(tiff(stored))
    found = values(picture.image)
    found[3, 4] = expected[3, 4]
    np.testing.assert_array_equal(found, expected)
    assert "32-bit floats do not define white: 1 was taken as white" in str(picture.notes[0])
    assert "1 of 10,000" in " ".join(map(str, picture.notes))


@pytest.mark.parametrize("kind", ["int32", "uint32", "int16"])
@pytest.mark.parametrize("outlier", [256, 30000])
def test_one_integer_does_not_say_what_is_white(kind: str, outlier: int) -> None:
    stored = ramp(kind, 255)
    stored[3, 4] = outlier
    picture = read_picture(tiff(stored))
    found = values(picture.image)[..., 0]
    assert found[3, 4] == 255
    stored[3, 4] = 255
    np.testing.assert_array_equal(found, stored)
    assert "255 was taken as white" in str(picture.notes[0])


def test_unsigned_integers_of_32_bits_do_not_wrap() -> None:
    stored = ramp("float64", 1000).astype(np.uint32) + np.uint32(2**32 - 1001)
    picture = read_picture(tiff(stored))
    found = values(picture.image)[..., 0].ravel()
    assert (found[0], found[5000], found[-1]) == (0, 128, 255)
    assert (np.diff(found) >= 0).all()
    assert "were stretched" in str(picture.notes[0])
    assert "4.29497e+09 as white" in str(picture.notes[0])


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_white_is_zero_at_every_depth(kind: str) -> None:
    stored = ramp(kind, {"uint8": 255, "uint16": 65535, "float32": 1}[kind])
    upright = values(read_image(tiff(stored)))
    np.testing.assert_array_equal(values(read_image(tiff(stored, t262=0))), 255 - upright)


def test_a_range_that_the_format_says_is_no_assumption() -> None:
    dark = ramp("uint16", 200)
    for data in (tiff(dark), encoded(Image.fromarray(dark)), b"P5 100 100 65535\n"
                 + dark.byteswap().tobytes()):  # fmt: skip
        picture = read_picture(data)
        assert values(picture.image).max() == 1  # Of 65535, not of 255.
        assert picture.notes == ()


def test_12_bits_fill_the_range() -> None:
    low, high = 0x000, 0xFFF
    packed = bytes([low >> 4, (low & 15) << 4 | high >> 8, high & 255]) * 2
    head = struct.pack("<2sHI", b"II", 42, 8 + 6)
    entries = {256: 2, 257: 2, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 2, 279: 6, 339: 1}
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
    data = head + packed + struct.pack("<H", len(entries)) + table + b"\0" * 4
    picture = read_picture(data)
    assert values(picture.image)[..., 0].tolist() == [[0, 255], [0, 255]]
    assert picture.notes == ()


# Transparency


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "La"])
def test_alpha_is_laid_over_white(mode: str) -> None:
    # Black: opaque, half transparent, transparent.
    rgba = Image.fromarray(
        np.array([[[0, 0, 0, 255], [0, 0, 0, 127], [0, 0, 0, 0]]], dtype=np.uint8)
    )
    if mode == "PA":
        image = Image.new("PA", (3, 1))
        image.putpalette([0, 0, 0])
        image.putalpha(rgba.getchannel("A"))
    else:
        image = rgba.convert("LA").convert("La") if mode == "La" else rgba.convert(mode)
    assert image.mode == mode
    assert values(read_image(image)).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]


def test_transparent_colours_are_white() -> None:
    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    expected = [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]
    assert values(read_image(encoded(palette, "PNG", transparency=1))).tolist() == expected
    assert values(read_image(encoded(palette, "GIF", transparency=1))).tolist() == expected
    some = encoded(palette, "PNG", transparency=bytes([255, 0, 255]))
    assert values(read_image(some)).tolist() == expected
    rgb = palette.convert("RGB")
    keyed = encoded(rgb, "PNG", transparency=(0, 255, 0))
    assert values(read_image(keyed)).tolist() == expected


def test_transparent_grey_is_white() -> None:
    grey = Image.fromarray(np.array([[0, 100, 200]], dtype=np.uint8))
    result = values(read_image(encoded(grey, "PNG", transparency=100)))
    assert result[0, :, 0].tolist() == [0, 255, 200]
    deep = Image.fromarray(np.array([[0, 25700, 51400]], dtype=np.uint16))
    result = values(read_image(encoded(deep, "PNG", transparency=25700)))
    assert result[0, :, 0].tolist() == [0, 255, 200]


# Animations


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation(form: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3
        image.seek(1)
        assert values(read_image(image))[4, 4].tolist() == [0, 0, 255]
    assert values(read_image(data))[4, 4].tolist() == [255, 0, 0]


# Errors


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read '.*gone\.jpg': no such file"):
        read_image(tmp_path / "gone.jpg")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="it is a folder, expected an image file"):
        read_image(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png': the file is empty"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(ImageError, match="cannot read the image: there are no bytes"):
        read_image(b"")


@posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="it is a device or pipe, expected a file"):
        read_image(tmp_path / "pipe.png")


@posix
def test_a_file_that_may_not_be_read(saved: Path) -> None:
    saved.chmod(0)
    with permissions_hold(), pytest.raises(ImageError, match=r"photo\.png': permission denied"):
        read_image(saved)


@pytest.mark.parametrize("name", ["a\0b.png", "n" * 300 + ".png"])
def test_a_name_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImageError, match=r"cannot read '.*': .*(null|too long)"):
        read_image(tmp_path / name)


@pytest.mark.parametrize("content", [b"hello, I am text\n" * 10, b"\x89PNG", b"%PDF-1.4\n%%EOF"])
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"notes\.jpg': not an image that Pillow knows"):
        read_image(path)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
def test_a_truncated_file(tmp_path: Path, form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), form)
    path = tmp_path / f"half.{form.lower()}"
    path.write_bytes(data[: len(data) // 2])
    expected = r"half\.\w+': (the file is truncated or damaged|not an image that Pillow knows)"
    with pytest.raises(ImageError, match=expected):
        read_image(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA"])
def test_random_damage_is_an_image_or_an_image_error(form: str) -> None:
    data = encoded(picture(), form)
    dice = random.Random(form)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            assert read_image(bytes(damaged)).mode == "RGB"
        except ImageError as error:
            assert "cannot read 'the image': " in str(error)


def bomb(width: int, height: int) -> bytes:
    """A PNG that promises many pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_decompression_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(30_000, 30_000))
    with pytest.raises(ImageError, match=r"bomb\.png': too large, perhaps a decompression bomb"):
        read_image(path)


def test_a_large_picture_below_the_limit_is_read_without_pillows_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = encoded(picture(), "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 16 - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(data).size == (24, 16)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 16 // 2 - 1)
    with pytest.raises(ImageError, match="too large, perhaps a decompression bomb"):
        read_image(data)


@posix
def test_a_picture_that_does_not_fit_into_memory() -> None:
    import subprocess

    program = """
import resource
from PIL import Image
from skviz.errors import ImageError
from skviz.pictures.images import read_image
image = Image.new("L", (9000, 9000))
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, -1))
try:
    read_image(image)
except ImageError as error:
    print(error)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("needs /proc to know the memory in use")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "too large for the memory of this machine" in done.stdout


def test_eps_is_not_run() -> None:
    data = encoded(picture(), "EPS")
    with pytest.raises(ImageError, match="EPS is a program that would have to run"):
        read_image(data)


def test_an_image_without_pixels() -> None:
    with pytest.raises(ImageError, match="the image has no pixels"):
        read_image(Image.new("RGB", (0, 5)))
