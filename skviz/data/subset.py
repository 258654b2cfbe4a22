"""Part of a data set: classes, a shuffle, so many per class, so many in all, one of N parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skviz.data.imageset import ImageSet
from skviz.errors import UsageError, did_you_mean
from skviz.names import escaped
from skviz.numbers import first_of


@dataclass(frozen=True)
class Subset:
    """What is taken of a data set, in this order.

    Parameters
    ----------
    classes
        Keeps the images of these classes (names, or labels as numbers; labels stay as they are).
    shuffle
        The seed of a random order.
    per_class
        Keeps the first so many of each class.
    limit
        Keeps the first so many in all.
    part
        (i, n): the i-th of n equal parts, counted from 1: every n-th image, for runs made apart
        and merged.

    Raises
    ------
    UsageError
        For numbers that make no sense.

    Examples
    --------
    >>> source = skviz.DataSource("images", subset=skviz.Subset(classes=("disc",), limit=1))
    >>> skviz.open_dataset(source).labels.tolist()
    [0]
    """

    classes: tuple[str, ...] = ()
    shuffle: int | None = None
    per_class: int | None = None
    limit: int | None = None
    part: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("per_class", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"expected {name} of at least 1, got {value}")
        if self.shuffle is not None and self.shuffle < 0:
            raise UsageError(f"expected a seed of 0 or more for shuffle, got {self.shuffle}")
        if self.part is not None and not 1 <= self.part[0] <= self.part[1]:
            i, n = self.part
            raise UsageError(f"expected part i of n with i from 1 to n, got {i} of {n}")


def take(images: ImageSet, subset: Subset) -> ImageSet:
    """Return the part of a data set; raises `UsageError` where nothing is left."""
    if subset == Subset():
        return images
    labels = images.labels
    index = np.arange(len(images), dtype=np.int64)
    if (subset.classes or subset.per_class) and not images.classes:
        raise UsageError("expected labels to choose by class, this data set has none")
    if subset.classes:
        index = index[np.isin(labels, _labels(subset.classes, images.classes))]
    if subset.shuffle is not None:
        index = np.random.default_rng(subset.shuffle).permutation(index)
    if subset.per_class is not None:
        import pandas as pd

        kept = pd.Series(labels[index])
        index = index[kept.groupby(kept).cumcount() < subset.per_class]
    index = index[: subset.limit]
    if subset.part is not None:
        index = index[subset.part[0] - 1 :: subset.part[1]]
    if not len(index):
        raise UsageError(f"expected images, none of {len(images)} is left of what was asked for")
    return images.select(index)


def _labels(wanted: tuple[str, ...], classes: tuple[str, ...]) -> list[int]:
    index = {name: label for label, name in enumerate(classes)}
    found = []
    for given in wanted:
        name = given if given in index else escaped(given)
        if name in index:
            found.append(index[name])
        elif name.isdecimal() and int(name) < len(classes):
            found.append(int(name))
        else:
            hint = did_you_mean(name, classes)
            shown = first_of(classes, 8)
            raise UsageError(f"unknown class '{name}'.{hint} This data set has {shown}")
    return found
