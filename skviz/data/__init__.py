"""Data sets of images: folders, ImageNet as it is distributed, manifests, torchvision."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from skviz.data import hub
from skviz.data.archives import tars, zips
from skviz.data.archives.storage import is_address, suffix_of
from skviz.data.boxes import with_boxes
from skviz.data.columns import has_pictures, open_columns
from skviz.data.example import example_images, example_photo
from skviz.data.folders import open_folder
from skviz.data.imagenet import is_imagenet, open_imagenet
from skviz.data.imageset import ImageSet
from skviz.data.manifest import is_manifest, open_manifest
from skviz.data.subset import Subset, take
from skviz.data.vision import PREFIX, open_torchvision
from skviz.errors import UsageError
from skviz.pictures.large import MOST_OF_A_DATA_SET

__all__ = [
    "DataSource",
    "ImageSet",
    "Subset",
    "example_images",
    "example_photo",
    "open_dataset",
]


_ALL = Subset()


@dataclass(frozen=True)
class DataSource:
    """Where a data set lies, and what of it is used.

    Parameters
    ----------
    dataset
        A folder, a manifest (.csv, .parquet), tar archives ("val-{000..049}.tar"), a .zip, Parquet
        files with pictures in them, a folder of `save_to_disk`, "hf:NAME@SPLIT" or
        "torchvision:NAME". Archives and Parquet files may be addresses ("s3://bucket/val.tar").
    labels
        ImageNet's ground truth (found by itself beside the pictures).
    boxes
        A folder of ImageNet's XML files.
    root
        The folder that a manifest's paths or a torchvision set lie in.
    split
        The part of a set of torchvision or Hugging Face.
    subset
        What is taken of it all.
    max_pixels
        Pictures of more pixels are not read, but listed as unreadable. Large JPEGs are decoded
        at a part of their size instead.

    Examples
    --------
    >>> source = skviz.DataSource("images", subset=skviz.Subset(limit=2))
    >>> len(skviz.open_dataset(source))
    2
    """

    dataset: str | os.PathLike[str]
    labels: str | os.PathLike[str] | None = None
    boxes: str | os.PathLike[str] | None = None
    root: str | os.PathLike[str] | None = None
    split: str | None = None
    subset: Subset = _ALL
    max_pixels: int = MOST_OF_A_DATA_SET


def open_dataset(source: DataSource | str | os.PathLike[str], kept: Path | None = None) -> ImageSet:
    """Open a data set by its kind, which its name and files tell.

    Parameters
    ----------
    source
        A `DataSource`, or what its `dataset` may be.
    kept
        The folder of a run, which may have an index of the archives.

    Returns
    -------
    ImageSet
        The images in a fixed order; none is read yet.

    Raises
    ------
    UsageError
        Saying what was expected and what to do.

    Examples
    --------
    >>> images = skviz.open_dataset("images")
    >>> len(images), images.classes
    (6, ('disc', 'square', 'triangle'))
    """
    if not isinstance(source, DataSource):
        source = DataSource(source)
    images = _open(source, kept)
    if source.boxes is not None:
        images = with_boxes(images, Path(source.boxes))
    if source.max_pixels < 1:
        raise UsageError(f"expected max_pixels of at least 1, got {source.max_pixels}")
    return take(replace(images, max_pixels=source.max_pixels), source.subset)


def _open(source: DataSource, kept: Path | None) -> ImageSet:
    name = os.fspath(source.dataset)
    root = None if source.root is None else Path(source.root)
    if name.startswith(PREFIX):
        _unused(source, ["labels"], "a torchvision data set")
        return open_torchvision(name, root, source.split)
    ending, path = suffix_of(name), Path(name)
    if name.startswith(hub.PREFIX) or (path.is_dir() and hub.is_saved(path)):
        _unused(source, ["labels", "root"], "a data set of Hugging Face")
        return hub.open_hub(name, source.split)
    if ending in (*tars.SUFFIXES, *zips.SUFFIXES) and not path.is_dir():
        _unused(source, ["labels", "root", "split"], "an archive")
        return tars.open_tars(name, kept) if ending in tars.SUFFIXES else zips.open_zip(name)
    pattern = is_address(name) or (any(mark in name for mark in "*?{") and not path.exists())
    table = path.is_dir() or (is_manifest(path) and ending == ".parquet")
    if (pattern and ending == ".parquet") or (table and has_pictures(path)):
        _unused(source, ["labels", "root", "split"], "Parquet files with pictures")
        return open_columns(name)
    if path.is_dir():
        _unused(source, ["root", "split"], "a folder of images")
        if source.labels is not None or is_imagenet(path):
            return open_imagenet(path, None if source.labels is None else Path(source.labels))
        return open_folder(path)
    if is_manifest(path):
        _unused(source, ["labels", "split"], "a manifest")
        return open_manifest(path, root)
    what = "it is no data set" if path.exists() else "there is no such file or folder"
    raise UsageError(
        "expected a folder of images, a manifest (.csv or .parquet), a .tar or .zip of pictures, "
        f"hf:NAME or torchvision:NAME, got '{name}'; {what}"
    )


def _unused(source: DataSource, names: Sequence[str], kind: str) -> None:
    for name in names:
        if getattr(source, name) is not None:
            raise UsageError(f"'{name}' does not go with {kind} such as '{source.dataset}'")
