"""Pictures in tar archives, by WebDataset's convention: key.jpg, key.cls, key.json."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from skviz.data.archives.storage import OpenFiles, expand, open_binary
from skviz.data.archives.tar_index import identity, load, save
from skviz.data.imageset import ImageSet
from skviz.data.samples import Samples
from skviz.errors import UsageError
from skviz.names import escaped
from skviz.notes import Note
from skviz.pictures.image_folders import IMAGE_SUFFIXES

SUFFIXES = (".tar",)
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
# Of a label or a description of one picture.
_MOST_TEXT = 1_000_000
_LABELS = ("label", "class", "cls", "class_name", "classname", "category")
_BOXES = ("bbox", "box")


@dataclass
class _Sample:
    """What an archive has of one key: the place of its picture, its label and box."""

    place: Any = None
    name: str = ""
    size: int = -1
    label: str | None = None
    box: tuple[float, ...] | None = None
    others: list[str] = field(default_factory=list)


def open_tars(name: str, kept: Path | None = None) -> ImageSet:
    """Open one archive, or those that a pattern stands for ("val-{000..049}.tar").

    Going through archives takes as long as they are large; `kept` is the folder of a run that
    may have the index of them, which `ImageSet.keep` wrote there.

    Where no sample has a label of its own (`.cls`, or "label" in `.json`), the folders inside
    are the classes. Members without a picture, and those whose path leaves the archive, are
    unreadable pictures of the set; so is the end of an archive that is cut. Raises `UsageError`.
    """
    files = expand(name)
    same = identity(files)
    samples = None if kept is None else load(kept, same)
    if samples is None:
        samples = _samples(files)
    images = samples.image_set("tar", name, OpenFiles(files).part)
    return replace(images, index=partial(save, samples=samples, same=same))


def _samples(files: Sequence[str]) -> Samples:
    samples, found = Samples(), dict[tuple[int, str], _Sample]()
    for number, file in enumerate(files):
        _index(file, number, found, samples)
    labelled = any(sample.label is not None for sample in found.values())
    without = 0
    for (number, key), sample in found.items():
        label = sample.label
        if not labelled and "/" in key:
            label = PurePosixPath(key).parent.name
        shown = sample.name or key
        if len(files) > 1:
            shown = f"{PurePosixPath(files[number]).name}/{shown}"
        place = sample.place
        if place is None:
            place = f"no picture beside {', '.join(sample.others)}"
        elif label is None:
            without += 1
        samples.add(shown, place, label, sample.box, sample.size)
    if labelled and without:
        samples.notes.append(Note("assumed", f"{without} samples have no label"))
    return samples


def _index(file: str, number: int, found: dict[tuple[int, str], _Sample], samples: Samples) -> None:
    with open_binary(file) as opened:
        if opened.read(8).startswith(_COMPRESSED):
            raise UsageError(
                f"'{file}' is compressed: pictures in it cannot be read in any order; unpack it "
                "to a .tar (pictures are compressed already)"
            )
        opened.seek(0)
        shown = PurePosixPath(file).name
        try:
            archive = tarfile.open(fileobj=opened, mode="r:")  # noqa: SIM115
        except tarfile.TarError as error:
            raise UsageError(f"cannot read '{file}' as a tar archive: {error}") from error
        read = 0
        try:
            for member in archive:
                read += 1
                if member.isfile():
                    _member(archive, member, number, found, samples)
                archive.members = []  # type: ignore[attr-defined]  # It keeps all of them.
            opened.seek(archive.offset)
            if not opened.read(1):
                raise tarfile.ReadError("its end mark is missing")
        except (tarfile.TarError, OSError, ValueError) as error:
            samples.add(f"{shown}:end", f"the archive ends early, after {read} members: {error}")


def _member(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    number: int,
    found: dict[tuple[int, str], _Sample],
    samples: Samples,
) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        samples.add(escaped(member.name), "its path leaves the archive")
        return
    base, _, ending = path.name.partition(".")
    if not base or not ending:
        return  # Hidden files, and what archive programs add.
    sample = found.setdefault((number, str(path.with_name(base)).removeprefix("./")), _Sample())
    ending = ending.lower()
    if f".{ending.rpartition('.')[2]}" in IMAGE_SUFFIXES:
        if sample.place is None:
            sample.place = (number, member.offset_data, member.size)
            sample.name, sample.size = escaped(str(path).removeprefix("./")), member.size
        return
    sample.others.append(escaped(path.name))
    if ending not in ("cls", "txt", "json") or member.size > _MOST_TEXT:
        return
    content = archive.extractfile(member)
    text = b"" if content is None else content.read()
    if ending == "cls":
        sample.label = text.decode("utf-8", "replace").strip() or None
    elif ending == "json":
        _describe(sample, text)


def _describe(sample: _Sample, text: bytes) -> None:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(entry, dict):
        return
    known = [entry[name] for name in _LABELS if isinstance(entry.get(name), str | int)]
    if known and sample.label is None:
        sample.label = str(known[0])
    for name in _BOXES:
        box = entry.get(name)
        if isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) for v in box):
            sample.box = tuple(float(value) for value in box)
