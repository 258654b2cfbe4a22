"""Image folders that are not what training needs, transforms and samplers."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from skviz.data import open_dataset
from skviz.errors import ImageError, UsageError
from skviz.pictures.scaling import InputSpec, enlarge
from skviz.training import Recipe, data
from skviz.training.data import (
    TrainingSet,
    balanced_sampler,
    drop_unreadable,
    evaluation_view,
    mixup,
    open_folder,
)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"one sub-folder per class, found none at .*nothing"):
        open_folder(tmp_path / "nothing", None)


def test_one_class(images: Path) -> None:
    for name in ("bee", "cup"):
        for file in (images / name).iterdir():
            file.unlink()
        (images / name).rmdir()
    with pytest.raises(UsageError, match=r"at least two class sub-folders in .*, found 1"):
        open_folder(images, None)


def test_empty_classes_are_named(images: Path) -> None:
    (images / "v1.0 empty").mkdir()
    (images / "zebra").mkdir()
    with pytest.raises(UsageError, match=r"found none for: v1\.0 empty, zebra; remove the empty"):
        open_folder(images, None)


def test_the_images_are_those_of_every_command(images: Path) -> None:
    (images / "ant" / "0.png").rename(images / "ant" / "0.png?w=100")
    (images / "ant" / "more").symlink_to("..")
    for name in ("@eaDir", ".hidden", "cup/__MACOSX"):
        (images / name).mkdir()
        (images / name / "thumb.png").write_bytes((images / "cup" / "0.png").read_bytes())
    (images / "loose.png").write_bytes((images / "cup" / "0.png").read_bytes())
    (images / "cup").rename(images / "\udcefcup")
    folder = open_folder(images, None)
    assert folder.classes == ["ant", "bee", r"\xefcup"]
    assert folder.targets == [0] * 6 + [1] * 6 + [2] * 6
    assert sorted(open_dataset(images / "ant").names) == sorted(
        Path(path).name for path, label in folder.samples if label == 0
    )
    assert not drop_unreadable(folder, 0)
    said = " ".join(map(str, folder.notes))
    for name in ("ant/more", "@eaDir", ".hidden", r"\xefcup/__MACOSX", "loose.png"):
        assert name in said


def test_training_and_validation_are_no_classes(images: Path, tmp_path: Path) -> None:
    for part in ("train", "val"):
        shutil.copytree(images, tmp_path / "set" / part)
    with pytest.raises(UsageError, match=r"name one of them, such as '.*/set/val'"):
        open_folder(tmp_path / "set", None)


@pytest.mark.parametrize("workers", [0, 1])
def test_unreadable_images_are_taken_out(images: Path, workers: int) -> None:
    (images / "ant" / "empty.jpg").touch()
    (images / "cup" / "text.png").write_text("no picture")
    folder = open_folder(images, None)
    broken = drop_unreadable(folder, workers)
    assert [(Path(image.path).name, image.reason.split("': ")[1]) for image in broken] == [
        ("empty.jpg", "the file is empty"),
        ("text.png", "not an image that Pillow knows, or damaged at its start"),
    ]
    assert len(folder) == len(folder.targets) == 18
    assert Counter(folder.targets) == {0: 6, 1: 6, 2: 6}


def test_a_class_without_a_readable_image(images: Path) -> None:
    for file in (images / "bee").iterdir():
        file.write_text("no picture")
    with pytest.raises(UsageError, match="a readable image in class 'bee', but every image of it"):
        drop_unreadable(open_folder(images, None), 0)


def test_validation_sees_what_every_command_sees(images: Path) -> None:
    spec = InputSpec(size=16)
    with Image.open(images / "ant" / "0.png") as picture:
        seen = evaluation_view(spec, picture)
        assert torch.equal(seen, enlarge(picture, [1.0], spec).images[0])


def test_training_pictures_have_the_size_asked_for(images: Path) -> None:
    recipe = Recipe(size=32, erase=1.0, zoom_out=1.0)
    views = TrainingSet(open_folder(images, None), recipe, InputSpec(size=32), 24)
    torch.manual_seed(0)
    (first, label), (second, _) = views[0], views[0]
    assert first.shape == (3, 24, 24)
    assert first.dtype is torch.float32
    assert label == 0
    assert not torch.equal(first, second)


def test_pictures_that_are_kept_are_not_sent_to_other_processes(images: Path) -> None:
    folder = open_folder(images, None)
    drop_unreadable(folder, 0)
    sent = pickle.dumps(folder.loader)
    assert len(sent) < 200
    path = folder.samples[0][0]
    there = pickle.loads(sent)
    assert np.array_equal(np.asarray(there(path)), np.asarray(folder.loader(path)))


def test_a_picture_is_read_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder(images, None)
    drop_unreadable(folder, 0)
    path = folder.samples[0][0]
    first = np.asarray(folder.loader(path))
    Path(path).unlink()
    assert np.array_equal(np.asarray(folder.loader(path)), first)
    monkeypatch.setattr(data, "MEMORY", 0)
    limited = open_folder(images, None)
    drop_unreadable(limited, 0)
    Path(limited.samples[0][0]).unlink()
    with pytest.raises(ImageError):
        limited.loader(limited.samples[0][0])


@pytest.mark.parametrize(("power", "share"), [(0.0, 0.9), (1.0, 0.5), (0.5, 0.75)])
def test_balance_evens_classes_out(power: float, share: float) -> None:
    """900 images against 100: nine to one, even, and three to one."""
    labels = [0] * 900 + [1] * 100
    drawn = Counter(
        labels[index]
        for seed in range(20)
        for index in balanced_sampler(labels, power, torch.Generator().manual_seed(seed))
    )
    assert drawn[0] / drawn.total() == pytest.approx(share, abs=0.01)


def test_mixup_blends_images_and_labels_alike() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 1, 2, 3])
    images = labels.float()[:, None, None, None].expand(4, 3, 2, 2)
    blended, shares = mixup(images, labels, 4, 0.5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(4))
    expected = shares @ torch.arange(4.0)
    torch.testing.assert_close(blended[:, 0, 0, 0], expected)
    assert (shares.max(dim=1).values < 1).any()
