"""What of a folder is an image, what is left out, and that it is said."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from skviz.errors import ImageError, UsageError
from skviz.pictures.image_folders import (
    Listing,
    is_data_folder,
    is_image_name,
    list_images,
    starts_like_image,
)
from skviz.pictures.images import read_image
from tests.helpers.permissions import permissions_hold

FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "JPEG2000", "PCX", "MPO")
# Name: what a file holds that is no picture, and may begin like one.
OTHERS = {
    "notes.txt": b"Python is a snake",  # P and y are the first letters of a PyCMYK picture
    "table.csv": b"path,label\n",
    "header.h": b"#define WIDTH 3\nint main;\n",
    "BM": b"BMW and others",
    "empty": b"",
    "one": b"\n",
    "ten": b"\n\x05 a text after a line feed",
    "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n",
    "film.mpg": b"\x00\x00\x01\xb3\x01\x00\x10\x13" + bytes(99),
    "data.h5": b"\x89HDF\r\n\x1a\n" + bytes(99),
    "random": bytes(range(255, 0, -1)),
}


def encoded(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, kind)
    return file.getvalue()


def left_out(listing: Listing) -> dict[str, list[str]]:
    """By the first word of the reason."""
    return {reason.split()[0]: sorted(names) for reason, names in listing.left_out.items()}


@pytest.mark.parametrize("kind", FORMATS)
def test_any_name_will_do_for_an_image(kind: str, tmp_path: Path) -> None:
    data = encoded(kind)
    names = sorted(["a.bin", "b.jpg?w=100", "c", "d.jpeg_large", f"e.{kind.lower()}", "f.txt"])
    for name in names:
        (tmp_path / name).write_bytes(data)
        assert read_image(tmp_path / name).size == (32, 32)
    listing = list_images(tmp_path)
    assert listing.loose == names
    assert listing.notes == ()


def test_what_is_no_image_is_left_out_and_named(tmp_path: Path) -> None:
    for name, data in OTHERS.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    listing = list_images(tmp_path)
    assert listing.loose == ["a.png"]
    (note,) = listing.notes
    assert (note.kind, note.count, set(note.names)) == ("left out", len(OTHERS), set(OTHERS))


def test_a_damaged_image_is_no_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    (tmp_path / "b.png").symlink_to("nowhere.png")
    assert list_images(tmp_path).loose == ["a.jpg", "b.png"]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    listing = list_images(tmp_path)
    assert listing.loose == ["a.png"]
    assert left_out(listing) == {"neither": ["gone", "link", "loop", "pipe"]}
    assert not starts_like_image(tmp_path / "pipe")
    assert not starts_like_image(tmp_path)


def test_a_bomb_without_suffix_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb").write_bytes(encoded("PNG"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 32)
    assert list_images(tmp_path).loose == ["bomb"]


EXTRAS = ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "lost+found", "System Volume Information")


@pytest.mark.parametrize("where", ["", "cat/", "cat/deep/"])
def test_folders_of_systems_are_no_data(where: str, tmp_path: Path) -> None:
    for name in ("cat/0.png", "dog/0.png", "cat/deep/1.png", f"{where}.hidden/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded("PNG"))
    (tmp_path / where / "._0.png").write_bytes(encoded("PNG"))
    for name in EXTRAS:
        (tmp_path / where / name).mkdir()
        shutil.copy(tmp_path / "cat" / "0.png", tmp_path / where / name / "thumb.png")
    listing = list_images(tmp_path)
    assert listing.classes == {"cat": ["cat/0.png", "cat/deep/1.png"], "dog": ["dog/0.png"]}
    assert left_out(listing) == {
        "folders": sorted(f"{where}{name}" for name in EXTRAS),
        "hidden": [f"{where}._0.png", f"{where}.hidden"],
    }
    assert not is_data_folder("@EADIR")


def test_links_that_lead_back_up(tmp_path: Path) -> None:
    for name in ("set/cat/0.png", "set/dog/0.png", "far/more/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded("PNG"))
    up = {"cat/self": ".", "cat/all": "..", "dog/out": "../..", "dog/whole": str(tmp_path)}
    for name, target in up.items():
        (tmp_path / "set" / name).symlink_to(target)
    (tmp_path / "set" / "cat" / "far").symlink_to("../../far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "set" / "cat")
    listing = list_images(tmp_path / "set")
    assert listing.classes == {"cat": ["cat/0.png", "cat/far/more/1.png"], "dog": ["dog/0.png"]}
    assert left_out(listing) == {"links": sorted([*up, "cat/far/back"])}


@pytest.mark.parametrize(
    "parts",
    [
        ("train", "val"),
        ("Training", "Test"),
        ("train2017", "val2017"),
        ("valid_1", "dev"),
        ("val",),
    ],
)
def test_parts_of_a_data_set_are_no_classes(parts: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    for part in parts:
        (tmp_path / part / "cat").mkdir(parents=True)
        (tmp_path / part / "cat" / "0.png").write_bytes(encoded("PNG"))
    with pytest.raises(
        UsageError, match=rf"parts of a data set; name one of them, such as '.*/{max(parts)}'"
    ):
        list_images(tmp_path)


def test_classes_that_are_called_like_parts(tmp_path: Path) -> None:
    for name in ("train/0.png", "bus/0.png", "test tube/0.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(encoded("PNG"))
    assert list(list_images(tmp_path).classes) == ["bus", "test tube", "train"]


def test_classes_keep_their_order(tmp_path: Path) -> None:
    """Sorted by the name of the folder, as "a b" stands before "a/" among the paths."""
    for name in ("a/z.png", "a/b/y.png", "a b/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded("PNG"))
    assert list(list_images(tmp_path).classes.items()) == [
        ("a", ["a/b/y.png", "a/z.png"]),
        ("a b", ["a b/x.png"]),
    ]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot list the folder '.*gone': No such file"):
        list_images(tmp_path / "gone")


@pytest.mark.parametrize("mode", [0, 0o111, 0o222])
def test_a_folder_that_may_not_be_listed_stands_for_its_images(tmp_path: Path, mode: int) -> None:
    for name in ("ant/1.png", "bee/deep/2.png", "bee/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(encoded("PNG"))
    for closed in ("ant", "bee/deep"):
        (tmp_path / closed).chmod(mode)
    with permissions_hold():
        listing = list_images(tmp_path)
        assert listing.classes == {"ant": ["ant/"], "bee": ["bee/3.png", "bee/deep/"]}
        assert not listing.left_out
        with pytest.raises(ImageError, match=r"a folder that may not be listed"):
            read_image(tmp_path / "ant/")
    for closed in ("ant", "bee/deep"):
        (tmp_path / closed).chmod(0o755)


def test_names_of_images() -> None:
    assert is_image_name("a/photo.JPG")
    assert is_image_name(Path("scan.tiff"))
    for name in ("notes.txt", "photo", "._photo.jpg", ".jpg", "photo.jpg.part"):
        assert not is_image_name(name)


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)


def test_heic_without_a_reader(tmp_path: Path) -> None:
    (tmp_path / "phone.heic").write_bytes(HEIC)
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    # None in sys.modules is how Python marks what cannot be imported.
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from skviz.pictures.image_folders import list_images\n"
        f"print(*list_images({str(tmp_path)!r}).notes)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = "HEIC images, which `pip install 'skviz[heic]'` makes readable (1: phone.heic)"
    assert expected in done.stdout


@pytest.mark.skipif(find_spec("pillow_heif") is None, reason="pillow-heif is not installed")
def test_heic_with_a_reader(tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "phone.heic", "HEIF")
    (tmp_path / "broken.heic").write_bytes(HEIC)
    listing = list_images(tmp_path)
    assert listing.loose == ["phone.heic"]
    assert left_out(listing) == {"files": ["broken.heic"]}
    assert read_image(tmp_path / "phone.heic").size == (64, 48)
