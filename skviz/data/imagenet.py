"""The ImageNet validation set as it is distributed: flat files, and a file of ground truth.

Labels count from 0 by sorted synset, as every published network has them. The development kit
counts otherwise: its ids 1 to 1000 are ILSVRC2012 ids, which meta.mat maps to synsets.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from skviz.data.imageset import ImageSet, Names, file_sizes
from skviz.errors import UsageError
from skviz.names import escaped
from skviz.notes import Note
from skviz.pictures.image_folders import is_image_name, starts_like_image

_VALIDATION = re.compile(r"^ILSVRC2012_val_\d{8}\.(?:jpe?g|png)$", re.IGNORECASE)
_TRUTH = "ILSVRC2012_validation_ground_truth.txt"
_SOLUTION = "LOC_val_solution.csv"
_MAPPING = "LOC_synset_mapping.txt"
# Where the ground truth lies in a folder, as it comes out of the archives.
_PLACES = (
    _TRUTH,
    f"data/{_TRUTH}",
    f"ILSVRC2012_devkit_t12/data/{_TRUTH}",
    f"devkit/data/{_TRUTH}",
    _SOLUTION,
)


def is_imagenet(root: Path) -> bool:
    """Whether a folder holds validation files directly."""
    return any(True for _ in _validation_files(root))


def _validation_files(root: Path) -> Iterator[str]:
    with os.scandir(root) as entries:
        for entry in entries:
            if _VALIDATION.match(entry.name):
                yield entry.name


def _other_images(root: Path) -> Iterator[str]:
    with os.scandir(root) as entries:
        for entry in entries:
            if _VALIDATION.match(entry.name) or entry.name.startswith("."):
                continue
            if is_image_name(entry.name) or starts_like_image(entry):
                yield entry.name


def open_imagenet(root: Path, labels: Path | None = None) -> ImageSet:
    """Open a flat folder of ILSVRC2012_val_*.JPEG.

    `labels` is the development kit (its folder, or its ground-truth file with meta.mat beside
    it) or Kaggle's LOC_val_solution.csv; without, both are looked for in the folder and beside
    it. Any part of the 50,000 files will do. Raises `UsageError`.
    """
    names = Names(sorted(_validation_files(root)))
    others = sorted(_other_images(root))
    if not len(names):
        raise UsageError(
            f"expected files such as ILSVRC2012_val_00000001.JPEG in '{root}', found none; ground "
            "truth goes with these files only"
        )
    truth = _find_truth(root, labels)
    by_name = _from_csv if truth.suffix.lower() == ".csv" else _from_devkit
    synsets, label_of = by_name(truth)
    text = "images that are not named like those of ImageNet's validation set"
    found = []
    for name in names:
        label = label_of.get(int(name[15:23]))
        if label is None:
            raise UsageError(f"expected a label for '{name}' in '{truth}', found none")
        found.append(label)
    return ImageSet(
        "imagenet",
        root,
        names,
        np.array(found, np.int32),
        synsets,
        sizes=file_sizes(root, names),
        notes=(Note.about("left out", text, map(escaped, others)),) if others else (),
    )


def _find_truth(root: Path, labels: Path | None) -> Path:
    if labels is not None and labels.is_file():
        return labels
    folders = [root, root.parent] if labels is None else [labels]
    for folder in folders:
        for place in _PLACES:
            if (folder / place).is_file():
                return folder / place
    where = " or ".join(f"'{folder}'" for folder in folders)
    raise UsageError(
        f"expected the ground truth of ImageNet ({_TRUTH} of the development kit, or {_SOLUTION}) "
        f"in {where}, found none; name it with --labels"
    )


def _from_devkit(truth: Path) -> tuple[tuple[str, ...], Mapping[int, int]]:
    """Read the ground truth: line i is the ILSVRC2012 id of validation image i."""
    synset_of = _read_meta(truth.parent / "meta.mat")
    synsets = tuple(sorted(synset_of.values()))
    index = {synset: label for label, synset in enumerate(synsets)}
    labels = {}
    for number, line in enumerate(_lines(truth), start=1):
        try:
            labels[number] = index[synset_of[int(line)]]
        except (ValueError, KeyError):
            raise UsageError(
                f"expected an ILSVRC2012 id from 1 to {len(synsets)} in line {number} of "
                f"'{truth}', got {line[:40]!r}"
            ) from None
    return synsets, labels


def _read_meta(path: Path) -> dict[int, str]:
    """Read which synset an ILSVRC2012 id means, from the leaves of meta.mat."""
    from scipy.io import loadmat

    try:
        with path.open("rb") as file:
            entries = loadmat(file, squeeze_me=True, variable_names=["synsets"])["synsets"]
        return {
            int(entry["ILSVRC2012_ID"]): str(entry["WNID"])
            for entry in np.atleast_1d(entries)
            if int(entry["num_children"]) == 0
        }
    except FileNotFoundError:
        raise UsageError(
            f"expected meta.mat of the development kit at '{path}', found none; its ids mean "
            "nothing without it"
        ) from None
    except Exception as error:  # A damaged file raises anything.
        raise UsageError(f"cannot read '{path}' as the meta.mat of ImageNet: {error}") from error


def _from_csv(truth: Path) -> tuple[tuple[str, ...], Mapping[int, int]]:
    """Read Kaggle's solution: "ILSVRC2012_val_00000001,n01440764 x1 y1 x2 y2 ..."."""
    synset_of: dict[int, str] = {}
    for row in csv.reader(_lines(truth)):
        match = re.fullmatch(r"ILSVRC2012_val_(\d{8})", row[0]) if len(row) > 1 else None
        synset = row[1].split()[:1] if len(row) > 1 else []
        if match and synset:
            synset_of[int(match[1])] = synset[0]
        elif row[:1] != ["ImageId"]:
            raise UsageError(
                f"expected rows such as 'ILSVRC2012_val_00000001,n01440764 ...' in '{truth}', got "
                f"{','.join(row)[:60]!r}"
            )
    mapping = truth.parent / _MAPPING
    lines = _lines(mapping) if mapping.is_file() else []
    named = {line.split()[0] for line in lines if line.strip()}
    synsets = tuple(sorted(named | set(synset_of.values())))
    index = {synset: label for label, synset in enumerate(synsets)}
    return synsets, {number: index[synset] for number, synset in synset_of.items()}


def _lines(path: Path) -> list[str]:
    try:
        # Windows writes a byte-order mark.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read '{path}': {error}") from error
