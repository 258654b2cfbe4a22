"""Manifests as people and other programs write them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from skviz.data import open_dataset
from skviz.data.manifest_table import BOX_COLUMNS, SYNONYMS
from skviz.errors import UsageError


@pytest.fixture
def listed(picture: Callable[..., Path], tmp_path: Path) -> Path:
    for name in ("1.png", "2.png", "sub/3.png"):
        picture(tmp_path / name, 0)
    return tmp_path / "list.csv"


def notes_of(path: Path) -> list[str]:
    return [str(note) for note in open_dataset(path).notes]


HEADS = {
    "spaces": "path, label, left, top, right, bottom",
    "capitals": "Path,LABEL,Left,Top,Right,Bottom",
    "VOC": "filename,class,xmin,ymin,xmax,ymax",
    "quotes": '"path"," label ","left ",top,"Right",bottom',
    "words": "File Path,Class Name,x min,y min,x max,y max",
    "corners": "image,category,x1,y1,x2,y2",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_heads_mean_what_they_say(listed: Path, head: str) -> None:
    listed.write_text(f"{head}\n1.png,cat,1,2,20,21.5\n2.png,,,,,\n")
    images = open_dataset(listed)
    assert list(images.names) == ["1.png", "2.png"]
    assert images.classes == ("cat",)
    assert images.box(0) == (1, 2, 20, 21.5)
    assert images.notes == ()


@pytest.mark.parametrize("meant", SYNONYMS)
def test_every_synonym_is_read(listed: Path, meant: str) -> None:
    values = dict(
        zip(("path", "label", *BOX_COLUMNS), ["1.png", "cat", "1", "2", "20", "21"], strict=True)
    )
    for word in SYNONYMS[meant]:
        heads = [word.upper() if name == meant else name for name in values]
        listed.write_text(f"{','.join(heads)}\n{','.join(values.values())}\n")
        images = open_dataset(listed)
        assert (images.classes, images.box(0), images.notes) == (("cat",), (1, 2, 20, 21), ())


def test_unused_columns_are_named(listed: Path) -> None:
    listed.write_text("path,label,lable,Width,file,\n1.png,cat,dog,3,x,\n")
    assert open_dataset(listed).classes == ("cat",)
    assert notes_of(listed) == [
        "left out: columns of 'list.csv' that are not used (4: lable, Width, file, ...)"
    ]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("path,Path", "one column for 'path' in .*, found 'path' and 'Path'"),
        ("path,class,category", "one column for 'label' in .*, found 'class' and 'category'"),
        ("path;label", "found 'path;label'. Separate the columns with commas"),
        ("path\tlabel", r"found 'path\\u0009label'. Separate the columns with commas"),
        ("pth,label", "found 'pth', 'label'. Did you mean 'pth'"),
    ],
)
def test_heads_that_are_refused(listed: Path, head: str, message: str) -> None:
    listed.write_text(f"{head}\n1.png\n")
    with pytest.raises(UsageError, match=message):
        open_dataset(listed)


@pytest.mark.parametrize(
    ("labels", "classes", "numbers", "noted"),
    [
        (["4", "0", ""], tuple("01234"), [4, 0, -1], ""),
        (["001", "002", "001"], ("001", "002"), [0, 1, 0], "'001'"),
        (["12345678", "7", "7"], ("12345678", "7"), [0, 1, 1], "'12345678'"),
        (["-1", "0", "1"], ("-1", "0", "1"), [0, 1, 2], "'-1'"),
        (["1.5", "1", "1"], ("1", "1.5"), [1, 0, 0], "'1.5'"),
        (["NA", "nan", "None"], ("NA", "None", "nan"), [0, 2, 1], ""),
        (["two words", " two words ", "süß"], ("süß", "two words"), [1, 1, 0], ""),
        (["tab\\n", "true", "1"], ("1", r"tab\\n", "true"), [1, 2, 0], ""),
        (["\u0661", "0", "1"], ("0", "1", "\u0661"), [2, 0, 1], ""),
    ],
)
def test_any_string_is_a_label(
    listed: Path, labels: list[str], classes: tuple[str, ...], numbers: list[int], noted: str
) -> None:
    rows = zip(("1.png", "2.png", "sub/3.png"), labels, strict=True)
    listed.write_text("path,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    images = open_dataset(listed)
    assert images.classes == classes
    assert images.labels.tolist() == numbers
    assert [noted in str(note) for note in images.notes] == ([True] if noted else [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le with mark"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends(
    listed: Path, picture: Callable[..., Path], encoding: str, end: str
) -> None:
    picture(listed.parent / "süß.png", 0)
    text = end.join(["path,label", "1.png,größer", "süß.png,klein", ""])
    mark = "\ufeff" if "mark" in encoding else ""
    listed.write_bytes((mark + text).encode(encoding.split()[0]))
    images = open_dataset(listed)
    assert list(images.names) == ["1.png", "süß.png"]
    assert images.classes == ("größer", "klein")
    assert images.notes == ()


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("1.png,größer", "cp1252", r"the label 'gr\\xf6\\xdfer' is in another encoding, perhaps"),
        ("süß.png,a\n1.png,b", "latin-1", r"the path 's\\xfc\\xdf.png' is in another encoding"),
        ("1.png,犬", "shift-jis", "is in another encoding, .* save the file as UTF-8"),
        ("1.png,a", "utf-16-le", "zero bytes, as UTF-16 without a mark does; save it as UTF-8"),
    ],
)
def test_code_pages_are_refused(listed: Path, text: str, encoding: str, message: str) -> None:
    listed.write_bytes(f"path,label\n{text}\n".encode(encoding))
    with pytest.raises(UsageError, match=message):
        open_dataset(listed)


def test_a_list_of_names_that_are_no_text(listed: Path, picture: Callable[..., Path]) -> None:
    """What `ls` writes: the bytes of the names, in no encoding."""
    name = b"na\xefve.png"
    os.rename(listed.parent / "1.png", os.fsencode(listed.parent) + b"/" + name)
    listed.write_bytes(b"path\n" + name + b"\n")
    images = open_dataset(listed)
    assert images.read(0).size == (30, 24)
    assert images.shown_name(0) == r"na\xefve.png"


def test_paths_of_windows_and_spaces(listed: Path) -> None:
    listed.write_text("path, label\nsub\\3.png, cat\n 1.png , dog\n2.png,cat\n")
    images = open_dataset(listed)
    assert list(images.names) == ["sub/3.png", "1.png", "2.png"]
    assert images.classes == ("cat", "dog")
    (note,) = images.notes
    assert (note.kind, note.count) == ("changed", 2)
    listed.write_text("path\nsub\\3.png\nsub/3.png\n")
    with pytest.raises(UsageError, match=r"'sub/3.png' is there twice"):
        open_dataset(listed)


def test_rows_of_another_length(listed: Path) -> None:
    """None of them shifts the columns: pandas alone takes the first one for an index."""
    listed.write_text("path,label\n1.png,cat,\n2.png,dog,\n")
    assert open_dataset(listed).classes == ("cat", "dog")
    listed.write_text("path,label\n1.png,cat, the large one\n2.png,dog,\n")
    with pytest.raises(UsageError, match="rows have more fields than the head line; put fields"):
        open_dataset(listed)
