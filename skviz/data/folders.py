"""A folder of images: with one sub-folder per class, or flat and without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from skviz.data.imageset import ImageSet, Names, file_sizes, no_labels
from skviz.errors import UsageError
from skviz.names import escaped
from skviz.pictures.image_folders import list_images


def open_folder(root: Path) -> ImageSet:
    """Open a folder of images; sorted sub-folders are the classes.

    ImageNet in synset folders is such a folder: its classes count from 0 by sorted synset.
    Raises `UsageError` where there are no images, or images beside class folders.
    """
    found = list_images(root)
    names = [name for images in found.classes.values() for name in images]
    if names and found.loose:
        raise UsageError(
            f"expected class sub-folders or images in '{root}', found both: {len(found.classes)} "
            f"folders and {len(found.loose)} images such as '{escaped(found.loose[0])}'; move the "
            "images, or list what you want in a manifest"
        )
    if found.loose:
        flat = Names(found.loose)
        sizes = file_sizes(root, flat)
        return ImageSet("folder", root, flat, no_labels(len(flat)), sizes=sizes, notes=found.notes)
    if not names:
        left_out = "".join(f"; {note}" for note in found.notes)
        raise UsageError(f"expected images in '{root}', found none{left_out}")
    counts = [len(images) for images in found.classes.values()]
    compact = Names(names)
    return ImageSet(
        "class folders",
        root,
        compact,
        np.repeat(np.arange(len(counts), dtype=np.int32), counts),
        tuple(map(escaped, found.classes)),
        sizes=file_sizes(root, compact),
        notes=found.notes,
    )
