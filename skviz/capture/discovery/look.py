"""What is known of one attention when it is to be decided what it selects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from skviz.capture.discovery.tracing.calls import Call
from skviz.capture.layout import Layout

Rows = NDArray[np.int64]


class NoUnit(Exception):
    """Why a softmax is no selective attention."""


@dataclass(frozen=True)
class Look:
    """What is known of a call when it is to be decided what it selects.

    For every source its image and its `place` among the numbers of one image, -1 for none;
    `size` is how many places the result has for an image, those of 1 minus it follow. `rows`
    are, for image 0, the places whose weights are summed for the same output channel.
    """

    call: Call
    layout: Layout
    batch_of: Rows
    place_of: Rows
    size: int
    rows: list[tuple[int, ...]]

    @property
    def labels(self) -> NDArray[np.int32]:
        """For every source the label of the features that it multiplies, -1 for none."""
        labels: NDArray[np.int32] = self.call.labels.cpu().numpy()
        return labels

    @property
    def pairs(self) -> bool:
        """Whether each weight is summed with 1 minus itself."""
        return all(len(row) == 2 and row[1] == row[0] + self.size for row in self.rows)

    def origins(self, places: Sequence[int]) -> set[int]:
        """Labels of the features that the weights at these places multiply."""
        return {int(label) for label in self.labels[np.isin(self.place_of, places)]} - {-1}


def look_at(call: Call, layout: Layout, images: int) -> Look:
    size = call.size
    flat = layout.once(torch.arange(size).reshape(call.shape))
    lines = layout.batch_first(flat, images).reshape(images, -1).numpy()
    batch_of = np.full(2 * size + 1, -1, dtype=np.int64)
    place_of = np.full(2 * size + 1, -1, dtype=np.int64)
    image, place = np.indices(lines.shape)
    image_at, place_at = np.empty(size, np.int64), np.empty(size, np.int64)
    image_at[lines], place_at[lines] = image, place
    source = flat.expand(call.shape).reshape(-1).numpy()
    batch_of[1 : size + 1], place_of[1 : size + 1] = image_at[source], place_at[source]
    batch_of[size + 1 :] = batch_of[1 : size + 1]
    if call.axis is not None and call.shape[call.axis] == 2:
        # 1 minus a weight of two is the other weight.
        other = np.flip(place_of[1 : size + 1].reshape(call.shape), call.axis)
        place_of[size + 1 :] = other.reshape(-1)
    else:
        place_of[size + 1 :] = place_of[1 : size + 1] + lines.shape[1]
    rows = _rows(call, batch_of, place_of)
    if len(layout.passes) > 1:  # The other passes do the same with the places of their own.
        stride, count = int(layout.passes[1]), len(layout.passes)
        rows = [tuple(place for place in row if place // stride % count == 0) for row in rows]
        rows = [row for row in dict.fromkeys(rows) if row]
    return Look(call, layout, batch_of, place_of, lines.shape[1], rows)


def _rows(call: Call, batch_of: Rows, place_of: Rows) -> list[tuple[int, ...]]:
    """For image 0: which places of the attention are weights of the same output channel."""
    assert call.selection is not None
    local = call.selection.long() - call.start
    local[(local <= 0) | (local > 2 * call.size)] = 0
    table = local.cpu().numpy()
    images, places = batch_of[table], place_of[table]
    for axis in range(table.ndim - 1):  # Pixels say the same again and again.
        if table.shape[axis] > 1:
            head = np.take(places, [0], axis), np.take(images, [0], axis)
            if np.array_equal(places, np.broadcast_to(head[0], places.shape)) and np.array_equal(
                images, np.broadcast_to(head[1], images.shape)
            ):
                places, images = head
    places, images = (x.reshape(-1, x.shape[-1]) for x in (places, images))
    rows: dict[tuple[int, ...], None] = {}
    for line, image in zip(places.tolist(), images.tolist(), strict=True):
        if 0 in image:
            row = tuple(sorted({p for p, i in zip(line, image, strict=True) if p >= 0 and i == 0}))
            rows[row] = None
    return list(rows)


def is_constant(values: torch.Tensor, axis: int | None) -> bool:
    spread = (
        values.max() - values.min()
        if axis is None
        else (values.amax(dim=axis) - values.amin(dim=axis)).max()
    )
    return float(spread) <= 1e-7
