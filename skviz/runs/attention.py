"""The attention of every unit: measured batch by batch, put together and written per shard."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.data.imageset import ImageSet
from skviz.files import json_bytes
from skviz.notes import Assumption
from skviz.quantities import DIFFERENCE, EXPECTED_KERNEL, Quantity
from skviz.runs.classes import correctness, ranks
from skviz.runs.records import channels_file
from skviz.runs.storage.checksums import shard_file, write_shard
from skviz.runs.storage.shards import Cells, table_bytes, table_file
from skviz.statistics.moments import Groups, Moments, group_moments, merge_groups, update
from skviz.typing import FloatArray
from skviz.units import Unit

if TYPE_CHECKING:
    import pyarrow as pa

    from skviz.data.loading import Batch
    from skviz.runs.forward import Forward, Measured


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
            channels=[
                Moments(one.count, one.mean.cpu().numpy(), one.m2.cpu().numpy())
                for one in self._channels
                if one is not None
            ],
            class_channels=[group for group in self._groups if group is not None],
            vectors={number: np.concatenate(parts) for number, parts in self._vectors.items()},
            errors=self._errors,
            notes=self._notes,
            **columns,
        )
        self._begin()
        return shard


@dataclass(frozen=True)
class ShardData:
    """What was measured on the n readable images of one shard, of U units at S scales.

    `attention` is the mean over channels, (n, S, U, M), nan where a unit has fewer branches;
    `labels` (n,); `predicted` (n, S), -1 without a class output; `probability` (n, S), nan
    without; `correct` (n, S), 1, 0, or -1 for not known; `crop` (n, S) the side of the crop in
    original pixels, or None for not known; `rank` (n, S) the number of classes more probable than
    the right one, -1 or None for not known. `channels` holds per unit the moments
    of shape (S, M, C), none for an empty shard; `class_channels` per unit the labels and
    moments (k, S, M, C); `vectors` per number of a unit float16 of shape (n, S, M, C);
    `errors` the unreadable images, `notes` what had to be assumed to read others.
    """

    units: Sequence[Unit]
    scales: Sequence[float]
    images: Sequence[str]
    labels: NDArray[np.int32]
    attention: FloatArray
    predicted: NDArray[np.int32]
    probability: FloatArray
    correct: NDArray[np.int8]
    crop: NDArray[np.float32] | None = None
    rank: NDArray[np.int32] | None = None
    channels: Sequence[Moments] = ()
    class_channels: Sequence[Groups] = ()
    vectors: Mapping[int, NDArray[np.float16]] = field(default_factory=dict)
    errors: Sequence[Mapping[str, str]] = ()
    notes: Sequence[tuple[str, Assumption]] = ()

    def write(self, run: Path, number: int) -> None:
        """Write the files of the shard, each whole or not at all, the table last.

        Files of the same shard that an interrupted run left are replaced. Raises `OutputError`.
        """
        files = {}
        for index, vectors in self.vectors.items():
            buffer = io.BytesIO()
            np.save(buffer, vectors)
            files[channels_file(run, number, index, self.units[index])] = buffer.getvalue()
        files[shard_file(run, "moments", number)] = moments_bytes(self)
        files[shard_file(run, "errors", number)] = json_bytes(
            [dict(error) for error in self.errors]
        )
        if self.notes:
            notes = [{"image": name, **note._asdict()} for name, note in self.notes]
            files[shard_file(run, "notes", number)] = json_bytes(notes)
        words = ["image", "unit", "label", "scale", "predicted", "probability", "rank", "crop"]
        table = table_file(run, number)
        files[table] = table_bytes(table_columns(self), words)
        write_shard(run, number, files, table)


def per_unit(quantity: Quantity, attention: FloatArray, units: Sequence[Unit]) -> FloatArray:
    """Return the quantity, (n, S, U), of the mean attention (n, S, U, M); nan where none is."""
    values = [
        quantity.of(attention[:, :, index, : unit.branches], unit)
        for index, unit in enumerate(units)
    ]
    return np.stack(values, axis=-1)


def table_columns(data: ShardData) -> dict[str, pa.Array]:
    """Return the columns of a shard's table: one row per image, scale and unit, in this order."""
    import pyarrow as pa

    units, scales = data.units, data.scales
    n, s, u, branches = data.attention.shape
    cells, real, whole = Cells((n, s, u)), pa.float32(), pa.int32()
    rank = np.full((n, s, 1), -1) if data.rank is None else data.rank[:, :, None]
    crop = np.full((n, s), np.nan) if data.crop is None else data.crop
    correct = data.correct[:, :, None]
    return {
        "image": cells.words(data.images, 0),
        "label": cells.numbers(data.labels[:, None, None], whole),
        "scale": cells.numbers(np.array(scales, np.float32)[None, :, None], real),
        "unit": cells.words([unit.name for unit in units], 2),
        **{f"attention_{m}": cells.numbers(data.attention[..., m], real) for m in range(branches)},
        "difference": cells.numbers(per_unit(DIFFERENCE, data.attention, units), real),
        "expected_kernel": cells.numbers(per_unit(EXPECTED_KERNEL, data.attention, units), real),
        "predicted": cells.numbers(data.predicted[:, :, None], whole),
        "probability": cells.numbers(data.probability[:, :, None], real),
        "correct": cells.numbers(correct, pa.bool_(), correct == -1),
        "rank": cells.numbers(rank, whole, rank == -1),
        "crop": cells.numbers(crop[:, :, None], real),
    }


def table_types(settings: Mapping[str, Any]) -> dict[str, pa.DataType]:
    """Return the columns of a run's tables, by its settings, and their types."""
    import pyarrow as pa

    branches = max(int(unit["branches"]) for unit in settings["units"])
    real, whole, text = pa.float32(), pa.int32(), pa.string()
    return {
        "image": text,
        "label": whole,
        "scale": real,
        "unit": text,
        **{f"attention_{branch}": real for branch in range(branches)},
        "difference": real,
        "expected_kernel": real,
        "predicted": whole,
        "probability": real,
        "correct": pa.bool_(),
        "rank": whole,
        "crop": real,
    }


def moments_bytes(data: ShardData) -> bytes:
    """Return the file of a shard's moments."""
    arrays: dict[str, Any] = {"count": np.int64(len(data.images))}
    if len(data.images):
        found = {f"u{index}": moments for index, moments in enumerate(data.channels)}
        labels, found["class"] = group_moments(data.attention, data.labels)
        gap = per_unit(DIFFERENCE, data.attention, data.units)
        _, found["difference"] = group_moments(gap, data.labels)
        for index, (_, moments) in enumerate(data.class_channels):
            found[f"u{index}_class"] = moments
        arrays |= {"class_labels": labels, "class_count": found["class"].count.reshape(-1)}
        for name, moments in found.items():
            arrays |= {f"{name}_mean": moments.mean, f"{name}_m2": moments.m2}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
