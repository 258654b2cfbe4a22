"""A small data set in ImageNet's own shape: flat files, ground truth, synsets, XML boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from skviz.capture.probe import Probe
from skviz.data import DataSource, open_dataset
from skviz.errors import UsageError
from skviz.models import model_info
from skviz.pictures.scaling import enlarge
from skviz.studies.controls.change import analyze

# ILSVRC2012 ids are not in the order of synsets: id 1 is the last synset here.
SYNSETS = {1: "n03", 2: "n01", 3: "n02"}
# Ground truth of images 1 to 6 in ids, and what it means by sorted synset.
IDS = [2, 2, 3, 1, 3, 1]
LABELS = [0, 0, 1, 2, 1, 2]


def name(number: int, ending: str = "JPEG") -> str:
    return f"ILSVRC2012_val_{number:08d}.{ending}"


def write_devkit(folder: Path) -> Path:
    """Write the development kit: ground truth, and meta.mat with inner nodes beside leaves."""
    folder.mkdir(parents=True)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text(
        "".join(f"{number}\n" for number in IDS)
    )
    kinds = [("ILSVRC2012_ID", "f8"), ("WNID", "O"), ("words", "O"), ("gloss", "O")]
    kinds += [("num_children", "f8"), ("children", "O"), ("wordnet_height", "f8")]
    entries = [(n, synset, "word", "gloss", 0, np.zeros(0), 0) for n, synset in SYNSETS.items()]
    entries.append((4, "n00", "inner node", "gloss", 3, np.array([1.0, 2, 3]), 1))
    savemat(folder / "meta.mat", {"synsets": np.array(entries, dtype=kinds)[:, None]})
    return folder


@pytest.fixture
def flat(picture: Callable[..., Path], tmp_path: Path) -> Path:
    """Six validation files, flat in a folder."""
    folder = tmp_path / "val"
    for number in (3, 1, 6, 2, 5, 4):
        picture(folder / name(number), number, (60, 48))
    return folder


def check(folder: Path, labels: Path | None = None) -> None:
    images = open_dataset(DataSource(folder, labels=labels))
    assert images.kind == "imagenet"
    assert list(images.names) == [name(number) for number in range(1, 7)]
    assert images.labels.tolist() == LABELS
    assert images.classes == ("n01", "n02", "n03")


def test_development_kit(flat: Path, tmp_path: Path) -> None:
    kit = write_devkit(tmp_path / "ILSVRC2012_devkit_t12" / "data")
    check(flat)
    check(flat, kit)
    check(flat, kit.parent)
    check(flat, kit / "ILSVRC2012_validation_ground_truth.txt")


def test_part_of_the_files(flat: Path, tmp_path: Path) -> None:
    write_devkit(tmp_path / "devkit" / "data")
    (flat / name(1)).unlink()
    (flat / name(4)).unlink()
    images = open_dataset(flat)
    assert images.labels.tolist() == [LABELS[i] for i in (1, 2, 4, 5)]


def solution() -> str:
    rows = [f"{name(i + 1)[:-5]},{SYNSETS[IDS[i]]} 1 2 30 40 " for i in (4, 0, 5, 3, 2, 1)]
    return "ImageId,PredictionString\n" + "\n".join(rows) + "\n"


def test_kaggles_csv(flat: Path, tmp_path: Path) -> None:
    (tmp_path / "LOC_val_solution.csv").write_text(solution())
    check(flat)
    (tmp_path / "LOC_synset_mapping.txt").write_text("n01 ant\nn015 other, thing\nn02 b\nn03 c\n")
    images = open_dataset(flat)
    assert images.classes == ("n01", "n015", "n02", "n03")
    assert images.labels.tolist() == [0, 0, 2, 3, 2, 3]


def test_synset_folders(picture: Callable[..., Path], tmp_path: Path) -> None:
    for number, label in enumerate(LABELS, start=1):
        picture(tmp_path / f"n0{label + 1}" / name(number), number)
    images = open_dataset(tmp_path)
    assert images.classes == ("n01", "n02", "n03")
    assert {n.split("/")[1]: int(k) for n, k in zip(images.names, images.labels, strict=True)} == {
        name(number): label for number, label in enumerate(LABELS, start=1)
    }


def xml(*boxes: tuple[int, int, int, int]) -> str:
    objects = "".join(
        f"<object><name>n01</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax>"
        f"<ymax>{d}</ymax></bndbox></object>"
        for a, b, c, d in boxes
    )
    return f"<annotation><size><width>60</width></size>{objects}</annotation>"


def test_boxes_give_the_right_crops(flat: Path, tmp_path: Path, tiny: torch.nn.Module) -> None:
    write_devkit(tmp_path / "devkit" / "data")
    folder = tmp_path / "boxes" / "val"
    folder.mkdir(parents=True)
    (folder / name(1, "xml")).write_text(xml((1, 1, 9, 9), (20, 10, 50, 40)))
    (folder / name(4, "xml")).write_text(xml((5, 6, 31, 26)))
    (folder / name(5, "xml")).write_text(xml())
    source = DataSource(flat, boxes=tmp_path / "boxes")
    images = open_dataset(source)
    assert images.box(0) == (20, 10, 50, 40)
    assert images.box(3) == (5, 6, 31, 26)
    assert images.box(1) is images.box(4) is None
    (note,) = images.notes
    assert (note.kind, note.count) == ("assumed", 4)
    assert "images without a box" in note.text
    run = analyze(source, tiny, out=tmp_path / "run", workers=0, progress=False)
    table = run.records(["image", "unit", "label", "difference"])
    spec, probe = model_info(tiny).spec, Probe(tiny)
    for index in range(6):
        views = enlarge(flat / images.names[index], spec=spec, box=images.box(index))
        own = table[(table["image"] == images.names[index]) & (table["unit"] == "SK_2_1")]
        np.testing.assert_allclose(own["difference"], probe(views).difference("2_1"), atol=1e-6)
        assert set(own["label"]) == {LABELS[index]}


def test_what_is_wrong(flat: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the ground truth of ImageNet .* --labels"):
        open_dataset(flat)
    kit = write_devkit(tmp_path / "devkit" / "data")
    truth = kit / "ILSVRC2012_validation_ground_truth.txt"
    truth.write_text("2\n2\n")
    with pytest.raises(UsageError, match=r"expected a label for 'ILSVRC2012_val_00000003.JPEG'"):
        open_dataset(flat)
    truth.write_text("2\n9\n")
    with pytest.raises(UsageError, match=r"an ILSVRC2012 id from 1 to 3 in line 2 of .* got '9'"):
        open_dataset(flat)
    (kit / "meta.mat").write_bytes(b"damaged")
    with pytest.raises(UsageError, match=r"cannot read '.*meta.mat' as the meta.mat of ImageNet"):
        open_dataset(flat)
    (kit / "meta.mat").unlink()
    with pytest.raises(UsageError, match=r"expected meta.mat of the development kit at"):
        open_dataset(flat)
    table = tmp_path / "LOC_val_solution.csv"
    table.write_text("a,b\nc,d\n")
    with pytest.raises(UsageError, match=r"expected rows such as .* got 'a,b'"):
        open_dataset(DataSource(flat, labels=table))
    table.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(UsageError, match=r"cannot read '.*LOC_val_solution.csv'"):
        open_dataset(DataSource(flat, labels=table))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="ground truth goes with these files only"):
        open_dataset(DataSource(other, labels=truth))


def test_wrong_boxes(flat: Path, tmp_path: Path) -> None:
    write_devkit(tmp_path / "devkit" / "data")
    with pytest.raises(UsageError, match="expected a folder of XML files with boxes"):
        open_dataset(DataSource(flat, boxes=tmp_path / "nothing"))
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "other.xml").write_text(xml())
    with pytest.raises(UsageError, match=r"00000001.xml', found 1 files and none fits"):
        open_dataset(DataSource(flat, boxes=folder))
    (folder / name(1, "xml")).write_text("<annotation>")
    with pytest.raises(UsageError, match="cannot read the boxes in"):
        open_dataset(DataSource(flat, boxes=folder))
