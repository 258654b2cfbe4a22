"""Large pictures: the same values in little memory, or a sentence."""

from __future__ import annotations

import subprocess
import sys
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skviz.data import DataSource, example_photo, open_dataset
from skviz.errors import ImageError, UsageError
from skviz.pictures import large
from skviz.pictures.images import Picture, read_image, read_picture
from skviz.pictures.scaling import InputSpec, enlarge

MODES = ["RGB", "RGBA", "L", "LA", "1", "P", "PA", "CMYK", "YCbCr", "I;16"]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("mode", MODES)
def test_strips_give_the_same_picture(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 255, (61, 47, 4), np.uint8)
    image = Image.fromarray(values, "RGBA")
    if mode == "I;16":
        image = Image.fromarray(values[..., 0].astype(np.uint16) * 200)
    else:
        image = (image if mode in ("RGBA", "LA", "PA") else image.convert("RGB")).convert(mode)
    data = saved(image, "TIFF" if mode in ("CMYK", "YCbCr", "PA", "LA") else "PNG")
    expected = np.asarray(read_image(data))
    monkeypatch.setattr(large, "_LARGE", 100)
    monkeypatch.setattr(large, "_STRIP", 47 * 7)
    np.testing.assert_array_equal(np.asarray(read_image(data)), expected)


def test_a_large_jpeg_is_reduced_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = read_image(example_photo()).resize((1201, 903), Image.Resampling.BICUBIC)
    data = saved(photo, "JPEG", quality=95)
    plain = enlarge(data, (1, 2), InputSpec(64))
    boxed = enlarge(data, (1,), InputSpec(64), box=(300, 300, 800, 700))
    monkeypatch.setattr(large, "WHOLE", 1201 * 903 // 3)
    reduced = enlarge(data, (1, 2), InputSpec(64))
    np.testing.assert_allclose(reduced.boxes, plain.boxes, atol=2)
    assert abs(reduced.pixels.astype(float) - plain.pixels).mean() < 2
    again = enlarge(data, (1,), InputSpec(64), box=(300, 300, 800, 700))
    assert again.boxes == boxed.boxes
    assert abs(again.pixels.astype(float) - boxed.pixels).mean() < 2
    (note,) = reduced.notes
    assert str(note) == ("a large JPEG was decoded at reduced size (1/2 of 1201 x 903 pixels)")
    assert read_image(data).size == (1201, 903)  # who asks for the picture gets all of it
    opened = Image.open(BytesIO(data))
    read_picture(opened)
    assert opened.size == (1201, 903)


def test_turned_pictures_are_reduced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = read_image(example_photo()).resize((640, 480))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(photo, "JPEG", exif=exif, quality=95)
    monkeypatch.setattr(large, "WHOLE", 640 * 480 // 9)
    picture = read_picture(data)
    assert (picture.reduced, picture.image.size, picture.size) == (4, (120, 160), (480, 640))


def test_pictures_above_the_bound_are_refused(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "large.png")
    Image.new("RGB", (30, 30)).save(tmp_path / "small.png")
    images = open_dataset(DataSource(tmp_path, max_pixels=1000))
    said = r"large.png': it has 40 x 30 pixels, more than 1000 \(--max-pixels"
    with pytest.raises(ImageError, match=said):
        images.read(0)
    assert images.read(1).size == (30, 30)
    with pytest.raises(UsageError, match="max_pixels of at least 1, got 0"):
        open_dataset(DataSource(tmp_path, max_pixels=0))


def test_pillows_warnings_name_the_picture() -> None:
    image = Image.new("P", (8, 8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    data = saved(image, "PNG", transparency=bytes([0, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_picture(data)
    assert isinstance(picture, Picture)
    size = int(Image.MAX_IMAGE_PIXELS or 0)
    wide = saved(Image.new("1", (size // 1000 + 1, 1001)), "PNG")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(wide).notes == ()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "kind", "options"),
    [
        ("RGB", "JPEG", {}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGBA", "PNG", {"compress_level": 1}),
        ("LA", "PNG", {"compress_level": 1}),
        ("L", "PNG", {}),
    ],
)
def test_no_picture_takes_two_gibibytes(
    mode: str, kind: str, options: dict[str, object], tmp_path: Path
) -> None:
    """Just below the size at which Pillow refuses a picture."""
    Image.new(mode, (16_000, 11_000), 200).save(tmp_path / "large", kind, **options)
    # Not ru_maxrss: it begins with the memory of the process that started this one.
    code = (
        "import sys\nfrom skviz.pictures.scaling import enlarge\nenlarge(sys.argv[1])\n"
        "print(*(int(line.split()[1]) << 10 for line in open('/proc/self/status')"
        " if line.startswith('VmHWM')))"
    )
    line = [sys.executable, "-c", code, str(tmp_path / "large")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2 << 30
