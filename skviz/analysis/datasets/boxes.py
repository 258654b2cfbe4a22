"""ImageNet's bounding boxes: one XML file per image."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import numpy as np

from skviz.analysis.datasets.imageset import ImageSet
from skviz.errors import UsageError


def with_boxes(images: ImageSet, folder: Path) -> ImageSet:
    """Return the data set with the largest box of each image, from `folder/**/STEM.xml`.

    Images without a file, or without an object in it, keep the picture's centre; a note says
    how many. Raises `UsageError` for a folder without any fitting file, and for a damaged one.
    """
    files = _xml_files(folder)
    boxes = np.full((len(images), 4), np.nan)
    for index, name in enumerate(images.names):
        file = files.get(PurePosixPath(name).stem)
        if file is not None:
            boxes[index] = largest_box(file)
    found = int((~np.isnan(boxes).any(axis=1)).sum())
    if not found:
        raise UsageError(
            f"expected XML files named like the images in '{folder}', such as "
            f"'{PurePosixPath(images.names[0]).stem}.xml', found {len(files)} files and none fits"
        )
    notes = images.notes
    if found < len(images):
        notes = (*notes, f"{len(images) - found} of {len(images)} images have no box")
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
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise UsageError(f"cannot read the boxes in '{file}': {error}") from error
    sound = [box for box in boxes if box[0] < box[2] and box[1] < box[3]]
    if not sound:
        return (np.nan, np.nan, np.nan, np.nan)
    left, top, right, bottom = max(sound, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    return (left, top, right, bottom)


def _xml_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise UsageError(f"expected a folder of XML files with boxes, got '{folder}'")
    found = {}
    for where, _, files in os.walk(folder):
        for file in files:
            if file.lower().endswith(".xml"):
                found[Path(file).stem] = Path(where) / file
    return found
