"""The attention of every unit, measured batch by batch and put together per shard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skviz.data.imageset import ImageSet
from skviz.data.loading import Batch
from skviz.notes import Assumption
from skviz.runs.classes import correctness, ranks
from skviz.runs.forward import Forward, Measured
from skviz.runs.shards import ShardData
from skviz.statistics.moments import Moments, group_moments, merge_groups, update
from skviz.units import Unit

Groups = tuple[NDArray[np.int64], Moments]


@dataclass(frozen=True)
class RecordOptions:
    """What every shard holds beside means: `vectors` are numbers of units kept whole."""

    units: tuple[Unit, ...]
    scales: tuple[float, ...]
    vectors: tuple[int, ...] = ()
    class_channels: bool = False
    class_map: NDArray[np.int64] | None = None


class AttentionMeasurement:
    """Runs the network on every batch. Its memory is bounded by the size of a shard."""

    def __init__(self, images: ImageSet, forward: Forward, record: RecordOptions) -> None:
        self.images, self.forward, self.record = images, forward, record
        self._begin()

    def _begin(self) -> None:
        units, scales = self.record.units, len(self.record.scales)
        branches = max(unit.branches for unit in units)
        # Empty arrays first: of some shards no image can be read.
        self._columns: dict[str, list[NDArray[Any]]] = {
            "index": [np.empty(0, np.int64)],
            "attention": [np.empty((0, scales, len(units), branches))],
            "predicted": [np.empty((0, scales), np.int32)],
            "probability": [np.empty((0, scales))],
            "rank": [np.empty((0, scales), np.int32)],
            "crop": [np.empty((0, scales), np.float32)],
        }
        self._vectors = {
            number: [np.empty((0, scales, units[number].branches, units[number].channels), "f2")]
            for number in self.record.vectors
        }
        self._channels: list[Moments | None] = [None] * len(units)
        self._groups: list[Groups | None] = [None] * len(units)
        self._errors: list[dict[str, str]] = []
        self._notes: list[tuple[str, Assumption]] = []

    def add(self, batch: Batch) -> None:
        """Measure the images of a batch that could be read."""
        self._errors += batch.errors
        self._notes += batch.notes
        if len(batch.index):
            self.collect(batch, self.forward.measure(batch.pixels))

    def collect(self, batch: Batch, measured: Measured) -> None:
        """Sum up what the network did on a batch: of whole vectors only moments stay."""
        labels = self.images.labels[batch.index]
        if measured.logits is None:
            rank = np.full(measured.predicted.shape, -1, np.int32)
        else:
            rank = ranks(labels, measured.logits, self.record.class_map)
        found: dict[str, NDArray[Any]] = {
            "index": batch.index,
            "attention": measured.means,
            "predicted": measured.predicted,
            "probability": measured.probability,
            "rank": rank,
            "crop": batch.crops,
        }
        for name, values in found.items():
            self._columns[name].append(values)
        for number, attention in enumerate(measured.attention):
            self._channels[number] = update(self._channels[number], attention)
            if self.record.class_channels:
                new = group_moments(attention.cpu().numpy(), labels)
                old = self._groups[number]
                self._groups[number] = new if old is None else merge_groups(old, new)
            if number in self._vectors:
                self._vectors[number].append(attention.half().cpu().numpy())

    def finish(self) -> ShardData:
        """Return what was measured since the last shard, and begin the next one."""
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        index = columns.pop("index")
        labels = self.images.labels[index]
        shard = ShardData(
            units=self.record.units,
            scales=self.record.scales,
            images=[self.images.shown_name(number) for number in index.tolist()],
            labels=labels,
            correct=correctness(labels, columns["predicted"], self.record.class_map),
            channels=[_on_cpu(moments) for moments in self._channels if moments is not None],
            class_channels=[group for group in self._groups if group is not None],
            vectors={number: np.concatenate(parts) for number, parts in self._vectors.items()},
            errors=self._errors,
            notes=self._notes,
            **columns,
        )
        self._begin()
        return shard


def _on_cpu(moments: Moments) -> Moments:
    return Moments(moments.count, moments.mean.cpu().numpy(), moments.m2.cpu().numpy())
