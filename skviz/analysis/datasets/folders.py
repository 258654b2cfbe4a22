"""A folder of images: with one sub-folder per class, or flat and without labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from skviz.analysis.datasets.imageset import ImageSet, Names, file_sizes, no_labels
from skviz.errors import UsageError
from skviz.images import is_image_name


def open_folder(root: Path) -> ImageSet:
    """Open a folder of images; sorted sub-folders are the classes.

    ImageNet in synset folders is such a folder: its classes count from 0 by sorted synset.
    Raises `UsageError` where there are no images, or images beside class folders.
    """
    loose, folders = _look(root)
    names: list[str] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        found = list_images(root, folder)
        names += found
        labels += [label] * len(found)
    if names and loose:
        raise UsageError(
            f"expected class sub-folders or images in '{root}', found both: {len(folders)} folders "
            f"and {len(loose)} images such as '{loose[0]}'; move the images, or list what you "
            "want in a manifest"
        )
    if loose:
        flat = Names(loose)
        return ImageSet("folder", root, flat, no_labels(len(flat)), sizes=file_sizes(root, flat))
    if not names:
        raise UsageError(f"expected images in '{root}', found none")
    compact = Names(names)
    return ImageSet(
        "class folders",
        root,
        compact,
        np.array(labels, np.int32),
        tuple(folders),
        sizes=file_sizes(root, compact),
    )


def list_images(root: Path, folder: str = "") -> list[str]:
    """Return the images below `root/folder`, relative to root, sorted, with "/" between."""
    found = []
    for where, folders, files in os.walk(root / folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        above = Path(where).relative_to(root)
        found += [(above / name).as_posix() for name in files if is_image_name(name)]
    return sorted(found)


def _look(root: Path) -> tuple[list[str], list[str]]:
    """Return the images and the folders directly in a folder, sorted."""
    try:
        with os.scandir(root) as entries:
            seen = [entry for entry in entries if not entry.name.startswith(".")]
            folders = sorted(entry.name for entry in seen if entry.is_dir())
            files = [entry.name for entry in seen if not entry.is_dir()]
    except OSError as error:
        raise UsageError(f"cannot list the folder '{root}': {error.strerror}") from error
    return sorted(name for name in files if is_image_name(name)), folders
