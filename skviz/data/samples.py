"""Pictures that are no files of their own: a list of samples becomes an image set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from skviz.data.imageset import ImageSet, Names
from skviz.data.manifest import labels_of
from skviz.errors import ImageError, UsageError
from skviz.notes import Note


@dataclass
class Samples:
    """Samples as they are found: parallel lists, and where the bytes of each picture are.

    `places` are what `read` gets; a place that is a text says why there is no picture. `labels`
    are texts or None, `boxes` four numbers or None.
    """

    names: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    boxes: list[tuple[float, ...] | None] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    places: list[Any] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(
        self,
        name: str,
        place: Any,
        label: object = None,
        box: tuple[float, ...] | None = None,
        size: int = -1,
        classes: Sequence[str] | None = None,
    ) -> None:
        """Add a sample; `classes` name labels that are numbers, and one below 0 is none."""
        if isinstance(label, int | np.integer):
            if label < 0:
                label = None
            elif classes and label < len(classes):
                label = classes[int(label)]
        self.names.append(name)
        self.labels.append(None if label is None else str(label))
        self.boxes.append(box)
        self.sizes.append(size)
        self.places.append(place)

    def image_set(self, kind: str, shown: str, read: Callable[[Any], bytes]) -> ImageSet:
        """Return the samples as an image set; raises `UsageError` where there are none."""
        if not self.names:
            raise UsageError(f"expected pictures in '{shown}', found none")
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise UsageError(
                    f"expected every name once in '{shown}', '{name}' is there twice; runs know "
                    "pictures by their names"
                )
            seen.add(name)
        labels, classes, notes = labels_of(self.labels, shown)
        boxes = None
        if any(box is not None for box in self.boxes):
            boxes = np.array([box or (np.nan,) * 4 for box in self.boxes], np.float64)
        return ImageSet(
            kind,
            None,
            Names(self.names),
            labels,
            classes,
            boxes,
            np.array(self.sizes, np.int64),
            partial(_read, read, self.places),
            notes=(*self.notes, *notes),
        )


def _read(read: Callable[[Any], bytes], places: Sequence[Any], index: int) -> bytes:
    place = places[index]
    if isinstance(place, str):
        raise ImageError(place)
    return read(place)
