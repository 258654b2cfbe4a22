"""torchvision's data sets, where they lie on disk already: "torchvision:CIFAR10"."""

from __future__ import annotations

import inspect
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.data.imageset import ImageSet, Names, no_labels
from skviz.errors import UsageError, did_you_mean, first_line
from skviz.pictures.images import Picture, read_picture

PREFIX = "torchvision:"
DEFAULT_ROOT = Path("data")
# Where torchvision's classes keep their labels, by the name of the attribute.
_LABELS = ("targets", "labels", "_labels")


def open_torchvision(name: str, root: Path | None = None, split: str | None = None) -> ImageSet:
    """Open a data set of torchvision by its name; nothing is downloaded.

    `root` is the folder it lies in ("data" by default), `split` "train", "test" or what the
    data set calls its parts; by default the test or validation part. Raises `UsageError`.
    """
    from torchvision import datasets

    short = name.removeprefix(PREFIX)
    kind = getattr(datasets, short, None)
    if not (inspect.isclass(kind) and issubclass(kind, datasets.VisionDataset)):
        hint = did_you_mean(short, datasets.__all__)
        raise UsageError(f"expected the name of a data set of torchvision, got '{short}'.{hint}")
    root = DEFAULT_ROOT if root is None else root
    parameters = inspect.signature(kind).parameters
    options: dict[str, Any] = {"root": str(root)} if "root" in parameters else {}
    if "download" in parameters:
        options["download"] = False
    dataset = _construct(kind, options, _splits(parameters, split), root)
    if hasattr(dataset, "loader"):
        # torchvision's own loader cuts deep values off and knows no colour profiles.
        dataset.loader = read_picture
    labels = _labels(dataset)
    names = getattr(dataset, "classes", None)
    if names is None or labels.max(initial=-1) >= len(names):
        names = range(int(labels.max(initial=-1)) + 1)
    return ImageSet(
        name,
        None,
        Names(f"{index:07d}" for index in range(len(dataset))),
        labels,
        tuple(", ".join(one) if isinstance(one, list | tuple) else str(one) for one in names),
        reader=partial(_read, dataset),
    )


def _read(dataset: Any, index: int) -> Image.Image | Picture:
    image = dataset[index][0]
    if not isinstance(image, Image.Image | Picture):
        raise TypeError(f"expected a picture, got {type(image).__name__}")
    return image


def _splits(parameters: Any, split: str | None) -> list[dict[str, Any]]:
    """Return the arguments to try, one after the other."""
    if "train" in parameters:
        if split not in (None, "train", "test", "val"):
            raise UsageError(f"expected split 'train' or 'test', got '{split}'")
        return [{"train": split == "train"}]
    for word in ("split", "image_set"):
        if word in parameters:
            return [{word: part} for part in ([split] if split else ["test", "val"])]
    if split is not None:
        raise UsageError(f"expected no split, this data set has no parts, got '{split}'")
    return [{}]


def _construct(kind: Any, options: dict[str, Any], tries: list[dict[str, Any]], root: Path) -> Any:
    reasons = []
    for part in tries:
        try:
            return kind(**options, **part)
        except Exception as error:  # Missing files, other values of split: anything.
            reasons.append(first_line(error))
    raise UsageError(
        f"cannot open {kind.__name__} of torchvision in '{root}': {reasons[-1]}; skviz downloads "
        "nothing: put the data set there, or name its folder with --root"
    )


def _labels(dataset: Any) -> NDArray[np.int32]:
    lists = (getattr(dataset, attribute, None) for attribute in _LABELS)
    values = next((v for v in lists if v is not None and len(v) == len(dataset)), None)
    if values is None:
        # No list of labels: every entry says its own, which reads every picture once.
        values = [dataset[index][1] for index in range(len(dataset))]
    labels = np.asarray(values)
    whole = labels.shape == (len(dataset),) and np.issubdtype(labels.dtype, np.integer)
    return labels.astype(np.int32) if whole else no_labels(len(dataset))
