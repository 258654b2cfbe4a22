"""Folders, manifests, torchvision's data sets, and parts of them."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skviz.data import DataSource, ImageSet, Subset, open_dataset
from skviz.data.folders import open_folder
from skviz.data.imageset import Names
from skviz.errors import ImageError, UsageError

Draw = Callable[..., Path]


def test_names_are_a_sequence() -> None:
    words = ["a.png", "", "ünï/côde.png", "bytes\udcff.png"]
    names = Names(words)
    assert list(names) == words
    assert names[-1] == words[-1]
    assert names[1:3] == words[1:3]
    assert list(pickle.loads(pickle.dumps(names))) == words
    with pytest.raises(IndexError, match="expected an index below 4, got 4"):
        names[4]


def test_class_folders(picture: Draw, tmp_path: Path) -> None:
    for name in ("b/2.png", "b/1.JPG", "a/deep/er.png", "c/3.png"):
        picture(tmp_path / name, 0)
    (tmp_path / "b" / "notes.txt").write_text("no image")
    (tmp_path / "b" / ".hidden.png").write_text("no image")
    images = open_dataset(tmp_path)
    assert list(images.names) == ["a/deep/er.png", "b/1.JPG", "b/2.png", "c/3.png"]
    assert images.labels.tolist() == [0, 1, 1, 2]
    assert images.classes == ("a", "b", "c")
    assert images.kind == "class folders"
    assert images.read(0).size == (30, 24)
    assert images.box(0) is None
    assert images.boxed == 0


def test_flat_folder(picture: Draw, tmp_path: Path) -> None:
    for name in ("2.png", "1.png"):
        picture(tmp_path / name, 0)
    images = open_dataset(str(tmp_path))
    assert list(images.names) == ["1.png", "2.png"]
    assert images.labels.tolist() == [-1, -1]
    assert images.classes == ()


def test_wrong_folders(picture: Draw, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"torchvision:NAME, got '.*nothing'; there is no such"):
        open_dataset(tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"expected images in .* found none"):
        open_dataset(tmp_path)
    picture(tmp_path / "a" / "1.png", 0)
    picture(tmp_path / "loose.png", 0)
    with pytest.raises(UsageError, match=r"found both: 1 folders and 1 images such as 'loose.png'"):
        open_dataset(tmp_path)
    (tmp_path / "text.txt").write_text("a")
    with pytest.raises(UsageError, match="it is no data set"):
        open_dataset(tmp_path / "text.txt")
    with pytest.raises(UsageError, match="'split' does not go with a folder of images"):
        open_dataset(DataSource(tmp_path, split="test"))
    with pytest.raises(UsageError, match="cannot list the folder"):
        open_folder(tmp_path / "nothing")


def test_what_a_folder_leaves_out_is_said(picture: Draw, tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png", "b/@eaDir/2.png", "b/.trash/2.png"):
        picture(tmp_path / name, 0)
    (tmp_path / "b" / "notes.txt").write_text("no image")
    images = open_dataset(tmp_path)
    assert list(images.names) == ["a/1.png", "b/2.png"]
    assert {note.names for note in images.notes} == {
        ("b/@eaDir",),
        ("b/.trash",),
        ("b/notes.txt",),
    }
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "list.txt").write_text("no image")
    with pytest.raises(UsageError, match=r"found none; left out: .* \(1: list.txt\)"):
        open_dataset(tmp_path / "c")


def xml(left: int) -> str:
    edges = zip(("xmin", "ymin", "xmax", "ymax"), (left, 2, 20, 21), strict=True)
    return f"<a><bndbox>{''.join(f'<{e}>{v}</{e}>' for e, v in edges)}</bndbox></a>"


def test_boxes_of_images_of_one_name(picture: Draw, tmp_path: Path) -> None:
    """Files at the same place belong together; a name alone must say whose a box is."""
    for name in ("cat/0.png", "cat/1.png", "dog/0.png"):
        picture(tmp_path / "set" / name, 0)
    boxes = tmp_path / "boxes"
    for left, name in enumerate(("cat/0.xml", "dog/0.xml", "far/1.xml", "__MACOSX/1.xml")):
        (boxes / name).parent.mkdir(parents=True, exist_ok=True)
        (boxes / name).write_text(xml(left))
    source = DataSource(tmp_path / "set", boxes=boxes)
    images = open_dataset(source)
    assert [images.boxes[i, 0] for i in range(3)] == [0, 2, 1]
    (boxes / "dog" / "0.xml").unlink()
    assert open_dataset(source).box(2) is None
    (boxes / "cat" / "0.xml").rename(boxes / "0.xml")
    with pytest.raises(UsageError, match=r"fits '0.xml', and so does that of 'cat/0.png'"):
        open_dataset(source)
    (boxes / "dog" / "sub").mkdir()
    (boxes / "dog" / "sub" / "0.xml").write_text(xml(3))
    with pytest.raises(UsageError, match=r"alone fits '.*0.xml' and '.*0.xml'; put the files"):
        open_dataset(source)


@pytest.fixture
def listed(picture: Draw, tmp_path: Path) -> Path:
    for name in ("1.png", "2.png", "sub/3.png"):
        picture(tmp_path / name, 0)
    return tmp_path / "list.csv"


def test_manifest_with_names_and_boxes(listed: Path) -> None:
    listed.write_text(
        "path,label,left,top,right,bottom,more\n"
        "sub/3.png,zebra,1,2,20,21.5,x\n1.png,ant,,,,,\n2.png,,1,1,5,5,\n"
    )
    images = open_dataset(listed)
    assert list(images.names) == ["sub/3.png", "1.png", "2.png"]
    assert images.classes == ("ant", "zebra")
    assert images.labels.tolist() == [1, 0, -1]
    assert images.box(0) == (1.0, 2.0, 20.0, 21.5)
    assert images.box(1) is None
    assert images.boxed == 2
    assert images.read(0).size == (30, 24)


def test_manifest_with_numbers_as_parquet(listed: Path, tmp_path: Path) -> None:
    frame = pd.DataFrame({"path": ["1.png", "2.png", "sub/3.png"], "label": [4, 0, None]})
    (tmp_path / "lists").mkdir()
    frame.to_parquet(tmp_path / "lists" / "list.parquet")
    images = open_dataset(DataSource(tmp_path / "lists" / "list.parquet", root=tmp_path))
    assert images.labels.tolist() == [4, 0, -1]
    assert images.classes == ("0", "1", "2", "3", "4")


def test_manifest_with_missing_files(listed: Path) -> None:
    listed.write_text("path\n1.png\nnothing.png\n")
    images = open_dataset(listed)
    assert [str(note) for note in images.notes] == [
        "left out: files listed in 'list.csv' that are missing (1: nothing.png)"
    ]
    with pytest.raises(ImageError, match="no such file"):
        images.read(1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,label\n1.png,a\n", "expected a column 'path' in .*found 'photo', 'label'"),
        ("path,label\n", "found a table without rows"),
        ("path,label\n,a\n", "row 1 has none"),
        ("path,label\n1.png,a\n1.png,b\n", "'1.png' is there twice"),
        ("path,label\n1.png,a\n./1.png,b\n", "'./1.png' is there twice"),
        ("path,label\nno.png,a\n", "not one of 1 is there, the first one 'no.png'"),
        ("path,left,top\n1.png,1,2\n", "found only left, top"),
        ("path,left,top,right,bottom\n1.png,1,2,x,4\n", "expected boxes of .* in numbers"),
        ("path,left,top,right,bottom\n1.png,5,2,3,4\n", "row 1 has .5.0, 2.0, 3.0, 4.0"),
        ("", "cannot read the manifest"),
    ],
)
def test_wrong_manifests(listed: Path, text: str, message: str) -> None:
    listed.write_text(text)
    with pytest.raises(UsageError, match=message):
        open_dataset(listed)


def write_mnist(root: Path, count: int) -> None:
    """Write MNIST's test part as its makers distribute it."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    for part in ("t10k", "train"):
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        head = struct.pack(">II", 0x801, count)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def test_torchvision(tmp_path: Path) -> None:
    write_mnist(tmp_path, 30)
    source = DataSource("torchvision:MNIST", root=tmp_path, subset=Subset(shuffle=1, limit=5))
    images = open_dataset(source)
    assert len(images) == 5
    assert images.classes[3] == "3 - three"
    image = images.read(0)
    assert (image.mode, image.size) == ("RGB", (28, 28))
    assert int(images.names[0]) % 10 == images.labels[0]
    again = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(np.asarray(again.read(0)), np.asarray(image))
    assert open_dataset(source).digest() == images.digest()


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("CIFAR11", None, r"got 'CIFAR11'. Did you mean 'CIFAR100?'"),
        ("CIFAR10", None, "cannot open CIFAR10 of torchvision .* skviz downloads nothing"),
        ("CIFAR10", "middle", "expected split 'train' or 'test', got 'middle'"),
        ("FakeData", "test", "this data set has no parts, got 'test'"),
    ],
)
def test_wrong_torchvision(tmp_path: Path, name: str, split: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_dataset(DataSource(f"torchvision:{name}", root=tmp_path, split=split))


def test_an_unreadable_entry_names_itself(tmp_path: Path) -> None:
    def fail(index: int) -> None:
        raise ValueError("broken")

    images = ImageSet("made", None, ["7"], np.array([0], np.int32), reader=fail)
    with pytest.raises(ImageError, match="cannot read image 7: ValueError: broken"):
        images.read(0)


def choose(images: ImageSet, **subset: object) -> list[str]:
    source = DataSource(images.root, subset=Subset(**subset))
    return list(open_dataset(source).names)


def test_subsets(pictures: Path) -> None:
    images = open_dataset(pictures)
    names = list(images.names)
    assert choose(images, limit=3) == names[:3]
    assert choose(images, classes=("cat", "0"), limit=31) == names[:30] + names[50:51]
    assert choose(images, per_class=2) == names[:2] + names[30:32] + names[50:52]
    shuffled = choose(images, shuffle=3)
    assert shuffled != names
    assert sorted(shuffled) == names
    assert choose(images, shuffle=3) == shuffled
    assert choose(images, shuffle=4) != shuffled
    three = open_dataset(DataSource(pictures, subset=Subset(shuffle=3, per_class=1)))
    assert sorted(three.labels.tolist()) == [0, 1, 2]
    assert [images.classes[label] for label in three.labels] == [
        Path(name).parts[0] for name in three.names
    ]
    assert three.classes == images.classes
    parts = [choose(images, shuffle=3, part=(i, 7)) for i in range(1, 8)]
    assert sorted(name for part in parts for name in part) == names
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    ("subset", "message"),
    [
        ({"limit": 0}, "expected limit of at least 1, got 0"),
        ({"per_class": 0}, "expected per_class of at least 1, got 0"),
        ({"shuffle": -1}, "expected a seed of 0 or more"),
        ({"part": (3, 2)}, "expected part i of n with i from 1 to n, got 3 of 2"),
        ({"classes": ("bea",)}, "unknown class 'bea'. Did you mean 'bee'?"),
        ({"limit": 1, "part": (2, 2)}, "none of 60 is left"),
    ],
)
def test_wrong_subsets(pictures: Path, subset: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_dataset(DataSource(pictures, subset=Subset(**subset)))


def test_classes_need_labels(picture: Draw, tmp_path: Path) -> None:
    picture(tmp_path / "1.png", 0)
    with pytest.raises(UsageError, match="this data set has none"):
        open_dataset(DataSource(tmp_path, subset=Subset(per_class=1)))


def test_the_digest_tells_data_sets_apart(picture: Draw, tmp_path: Path) -> None:
    picture(tmp_path / "a" / "1.png", 0)
    picture(tmp_path / "b" / "2.png", 1)
    before = open_dataset(tmp_path).digest()
    assert open_dataset(tmp_path).digest() == before
    picture(tmp_path / "b" / "2.png", 1, (60, 50))
    assert open_dataset(tmp_path).digest() != before
