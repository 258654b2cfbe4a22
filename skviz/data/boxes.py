"""ImageNet's bounding boxes: one XML file per image."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np

from skviz.data.imageset import ImageSet
from skviz.errors import UsageError
from skviz.names import escaped
from skviz.notes import Note
from skviz.pictures.image_folders import is_data_folder


def with_boxes(images: ImageSet, folder: Path) -> ImageSet:
    """Return the data set with the largest box of each image, from its XML file.

    That is the file at the same place in `folder` as the image in its own (`cat/0.xml` for
    `cat/0.jpg`), or else the only one of its name anywhere below. Images without a file, or
    without an object in it, keep the picture's centre; a note says which. Raises `UsageError`
    for a folder without any fitting file, for a damaged one, and where a file's name alone does
    not say whose it is.
    """
    files = _xml_files(folder)
    by_stem: dict[str, list[PurePosixPath]] = {}
    for place in files:
        by_stem.setdefault(place.name, []).append(place)
    boxes = np.full((len(images), 4), np.nan)
    places = [PurePosixPath(name).with_suffix("") for name in images.names]
    taken = {place for place in places if place in files}
    owner: dict[PurePosixPath, int] = {}
    for index, place in enumerate(places):
        elsewhere = [other for other in by_stem.get(place.name, []) if other not in taken]
        named = [place] if place in taken else elsewhere
        if not named:
            continue
        if len(named) > 1 or owner.setdefault(named[0], index) != index:
            fits = " and ".join(f"'{escaped(str(place))}.xml'" for place in named[:2])
            if len(named) == 1:
                fits += f", and so does that of '{images.shown_name(owner[named[0]])}'"
            raise UsageError(
                f"expected one XML file in '{folder}' for '{images.shown_name(index)}', its name "
                f"alone fits {fits}; put the files into the same sub-folders as the images"
            )
        boxes[index] = largest_box(files[named[0]])
    without = np.flatnonzero(np.isnan(boxes).any(axis=1))
    if len(without) == len(images):
        stem = escaped(PurePosixPath(images.names[0]).stem)
        raise UsageError(
            f"expected XML files named like the images in '{folder}', such as '{stem}.xml', found "
            f"{len(files)} files and none fits"
        )
    notes = images.notes
    if len(without):
        text = "images without a box in the XML files: the centre of the picture is enlarged"
        note = Note.about("assumed", text, [images.shown_name(i) for i in without.tolist()])
        notes = (*notes, note)
    return replace(images, boxes=boxes, notes=notes)


def largest_box(file: Path) -> tuple[float, float, float, float]:
    """Return (left, top, right, bottom) of the largest object in an XML file; nan if none."""
    try:
        # The parser of the standard library fetches nothing, and expat limits what entities do.
        tree = ElementTree.parse(file)
        boxes = [
            tuple(float(box.findtext(edge, "")) for edge in ("xmin", "ymin", "xmax", "ymax"))
            for box in tree.iter("bndbox")
        ]
    # LookupError: an encoding that Python does not know.
    except (ElementTree.ParseError, ValueError, LookupError, OSError) as error:
        raise UsageError(f"cannot read the boxes in '{file}': {error}") from error
    sound = [box for box in boxes if box[0] < box[2] and box[1] < box[3]]
    if not sound:
        return (np.nan, np.nan, np.nan, np.nan)
    left, top, right, bottom = max(sound, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    return (left, top, right, bottom)


def _xml_files(folder: Path) -> dict[PurePosixPath, Path]:
    """Return the XML files below a folder, by their place in it without the ending."""
    if not folder.is_dir():
        raise UsageError(f"expected a folder of XML files with boxes, got '{folder}'")
    found = {}
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if is_data_folder(name)]
        for file in files:
            if file.lower().endswith(".xml") and not file.startswith("."):
                path = Path(where) / file
                found[PurePosixPath(path.relative_to(folder).with_suffix(""))] = path
    return found
