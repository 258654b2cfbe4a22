"""Pictures in a .zip of class folders."""

from __future__ import annotations

import os
import zipfile
from pathlib import PurePosixPath
from typing import Any

from skviz.data.archives.storage import OpenFiles, expand, open_binary
from skviz.data.imageset import ImageSet
from skviz.data.samples import Samples
from skviz.errors import ImageError, UsageError
from skviz.names import escaped
from skviz.notes import Note
from skviz.pictures.image_folders import IMAGE_SUFFIXES

SUFFIXES = (".zip",)
# Of one picture, unpacked: more is a bomb.
_MOST_BYTES = 1 << 30
_ASIDE = ("__macosx", "@eadir")


def open_zip(name: str) -> ImageSet:
    """Open a .zip: the folders that hold pictures are the classes, sorted by name.

    Pictures directly in it, or in one folder alone, are without labels. Members whose path leaves
    the archive are unreadable pictures of the set. Raises `UsageError`.
    """
    files = expand(name)
    samples, left_out = Samples(), []
    found: list[tuple[str, int, zipfile.ZipInfo]] = []
    for number, file in enumerate(files):
        with open_binary(file) as opened:
            try:
                members = zipfile.ZipFile(opened).infolist()
            except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
                raise UsageError(f"cannot read '{file}' as a zip archive: {error}") from error
        for member in members:
            path = PurePosixPath(member.filename)
            hidden = any(part.startswith(".") or part.lower() in _ASIDE for part in path.parts)
            if path.is_absolute() or ".." in path.parts:
                samples.add(escaped(member.filename), "its path leaves the archive")
            elif member.is_dir() or hidden:
                continue
            elif path.suffix.lower() not in IMAGE_SUFFIXES:
                left_out.append(escaped(member.filename))
            else:
                found.append((str(path), number, member))
    found.sort(key=lambda one: (one[0], one[1]))
    root = os.path.commonpath([os.path.dirname(path) for path, *_ in found]) if found else ""
    for inside, number, member in found:
        label = os.path.dirname(inside)[len(root) :].strip("/") or None
        shown = escaped(inside[len(root) :].lstrip("/"))
        if len(files) > 1:
            shown = f"{PurePosixPath(files[number]).name}/{shown}"
        samples.add(shown, (number, member.filename), label, size=member.file_size)
    if left_out:
        samples.notes.append(Note.about("left out", "members that are not images", left_out))
    return samples.image_set("zip", name, _Zips(files).member)


class _Zips(OpenFiles):
    def open_one(self, name: str) -> Any:
        return zipfile.ZipFile(open_binary(name))

    def member(self, place: tuple[int, str]) -> bytes:
        number, name = place
        with self.lock:
            archive = self.opened(number)
            if archive.getinfo(name).file_size > _MOST_BYTES:
                raise ImageError(f"it claims more than {_MOST_BYTES} bytes")
            with archive.open(name) as member:
                data: bytes = member.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ImageError(f"it has more than {_MOST_BYTES} bytes")
        return data
