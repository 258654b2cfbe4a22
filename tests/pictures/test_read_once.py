"""What was read carries no orientation: every way of reading shows one and the same picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from PIL import Image, ImageOps

import skviz
from skviz.data import open_dataset
from skviz.data.loading import Chunk, ChunkReader, ViewMaker
from skviz.data.vision import open_torchvision
from skviz.pictures.images import read_image, read_picture
from skviz.pictures.scaling import InputSpec, enlarge
from skviz.runs.forward import sample
from tests.helpers.icc import ADOBE_GAMMA, ADOBE_RGB, rgb_profile
from tests.pictures.test_images import picture

FORMATS = {
    "png": {},
    "tiff": {},
    "webp": {"lossless": True},
    "jpg": {"quality": 95, "subsampling": 0},
    "avif": {"quality": 90, "speed": 10},
}
LOSSLESS = ("png", "tiff", "webp")
ORIENTATIONS = range(1, 9)
SPEC = InputSpec(12)
MAKER = ViewMaker((1.0, 2.0), SPEC)


def store(image: Image.Image, path: Path, orientation: int, **options: object) -> Path:
    """Save a picture as a camera held that way does: turned, and EXIF says how to undo it."""
    turned = {
        1: image.copy,
        2: lambda: ImageOps.mirror(image),
        3: lambda: image.rotate(180),
        4: lambda: ImageOps.flip(image),
        5: lambda: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda: image.transpose(Image.Transpose.ROTATE_270),
    }[orientation]()
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned.save(path, exif=exif.tobytes(), **FORMATS[path.suffix[1:]], **options)
    return path


# How commands read: each takes a folder with one file in a class folder, returns (2, 12, 12, 3).


def by_attention(folder: Path) -> np.ndarray:
    (path,) = (folder / "a").iterdir()
    return enlarge(path, MAKER.scales, SPEC).pixels


def by_run(folder: Path) -> np.ndarray:
    """`analyze`, `controls`, `intervene` and `field`."""
    batch = ChunkReader(open_dataset(folder), MAKER)[Chunk(0, 0, 1, True)]
    assert batch.errors == ()
    return batch.pixels[0].numpy()


def by_sample(folder: Path) -> np.ndarray:
    """What rounding is measured on, and the statistics of random networks."""
    return sample(open_dataset(folder), MAKER, 2)[:2].numpy()


def by_read(folder: Path) -> np.ndarray:
    """A picture that is read, and given to what reads: the figure of control views."""
    return MAKER(open_dataset(folder).read(0), None)[0]


def by_torchvision(folder: Path) -> np.ndarray:
    images = open_torchvision("torchvision:ImageFolder", folder)
    return MAKER(images.picture(0), None)[0]


def by_others_loader(folder: Path) -> np.ndarray:
    """A data set that opens files itself, and keeps their EXIF data, as torchvision's do."""
    images = open_torchvision("torchvision:ImageFolder", folder)
    (dataset,) = images.reader.args  # type: ignore[union-attr]
    dataset.loader = torchvision.datasets.folder.pil_loader
    return MAKER(images.picture(0), None)[0]


WAYS = [by_attention, by_run, by_sample, by_read, by_torchvision, by_others_loader]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("form", FORMATS)
def test_every_orientation_is_the_same_picture(
    form: str, way: Callable[[Path], np.ndarray], tmp_path: Path
) -> None:
    if form == "avif" and way in (by_torchvision, by_others_loader):
        pytest.skip("torchvision's image folders have no AVIF")
    expected = enlarge(picture(), MAKER.scales, SPEC).pixels.astype(int)
    for orientation in ORIENTATIONS:
        folder = tmp_path / str(orientation)
        for name in ("a", "b"):  # Training wants two classes.
            (folder / name).mkdir(parents=True)
        store(picture(), folder / "a" / f"p.{form}", orientation)
        store(picture(), folder / "b" / f"q.{form}", orientation)
        found = way(folder).astype(int)
        tolerance = 0 if form in LOSSLESS else 12
        assert np.abs(found - expected).max() <= tolerance, orientation


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reading_what_was_read_changes_nothing(form: str, orientation: int, tmp_path: Path) -> None:
    profile = rgb_profile(ADOBE_RGB, ADOBE_GAMMA)
    path = store(picture(), tmp_path / f"p.{form}", orientation, icc_profile=profile)
    once = read_picture(path)
    assert read_picture(once) is once
    assert once.image.info == {}
    assert not once.image.getexif()
    for again in (read_image(once.image), read_image(read_image(once.image)), read_image(path)):
        np.testing.assert_array_equal(np.asarray(again), np.asarray(once.image))


def photographs(shared_data: Path, count: int) -> list[Path]:
    files = sorted((shared_data / "photos_val").glob("*/*.jpg"))
    return files[:: len(files) // count][:count]


@pytest.mark.slow
def test_photographs_in_eight_orientations_and_five_formats_are_one_run(
    shared_data: Path, tmp_path: Path
) -> None:
    files = photographs(shared_data, 6)
    network = skviz.load_model()
    torch.manual_seed(0)
    runs = {}
    for form in FORMATS:
        for orientation in ORIENTATIONS:
            folder = tmp_path / f"{form}-{orientation}"
            folder.mkdir()
            for number, file in enumerate(files):
                store(read_image(file), folder / f"{number}.{form}", orientation)
            run = skviz.analyze(
                folder, network, out=tmp_path / "runs" / folder.name, scales=(1.0, 2.0),
                units="paper", progress=False, predictions=False, workers=0, batch_size=12,
                tune=False,
            )  # fmt: skip
            runs[form, orientation] = run.records(["difference"]).difference.to_numpy()
    first = runs["png", 1]
    for (form, orientation), found in runs.items():
        if form in LOSSLESS:
            np.testing.assert_array_equal(found, first, err_msg=f"{form} {orientation}")
        else:
            # What compression changes is far below what a picture on its side does.
            assert np.abs(found - first).max() < 0.02, (form, orientation)
            assert abs(found - first).mean() < 0.003, (form, orientation)
