"""The loop of an analysis: batches through the network, shard after shard to disk."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from numpy.typing import NDArray

from skviz.data.imageset import ImageSet
from skviz.data.loading import Batch
from skviz.names import escaped
from skviz.notes import Assumption, Note
from skviz.runs.forward import Forward, Measured
from skviz.runs.progress import Progress
from skviz.runs.shards import ShardData, write_shard
from skviz.statistics.moments import Moments, group_moments, merge_groups, update
from skviz.units import Unit

# A number as a network's outputs are counted; 001 is a name.
_NUMBER = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
Groups = tuple[NDArray[np.int64], Moments]


class Interrupted(KeyboardInterrupt):
    """An analysis was stopped by a signal; the shards that are done stay done."""


@dataclass(frozen=True)
class RecordOptions:
    """What every shard holds beside means: `vectors` are numbers of units kept whole."""

    units: tuple[Unit, ...]
    scales: tuple[float, ...]
    vectors: tuple[int, ...] = ()
    class_channels: bool = False
    class_map: NDArray[np.int64] | None = None


@dataclass
class ShardBuilder:
    """Collects the batches of one shard. Its memory is bounded by the size of a shard."""

    images: ImageSet
    record: RecordOptions
    index: list[NDArray[np.int64]] = field(default_factory=list)
    measured: list[Measured] = field(default_factory=list)
    crops: list[NDArray[np.float32]] = field(default_factory=list)
    ranks: list[NDArray[np.int32]] = field(default_factory=list)
    channels: list[Moments | None] = field(default_factory=list)
    groups: list[Groups | None] = field(default_factory=list)
    vectors: dict[int, list[NDArray[np.float16]]] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    notes: list[tuple[str, Assumption]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.channels = [None] * len(self.record.units)
        self.groups = [None] * len(self.record.units)
        self.vectors = {number: [] for number in self.record.vectors}

    def add(self, batch: Batch, measured: Measured | None) -> None:
        """Add a batch; `measured` is None where no image of it could be read."""
        self.errors += batch.errors
        self.notes += batch.notes
        if measured is None:
            return
        labels = self.images.labels[batch.index]
        self.index.append(batch.index)
        self.crops.append(batch.crops)
        self.ranks.append(ranks(labels, measured, self.record.class_map))
        for number, attention in enumerate(measured.attention):
            self.channels[number] = update(self.channels[number], attention)
            if self.record.class_channels:
                new = group_moments(attention.cpu().numpy(), labels)
                old = self.groups[number]
                self.groups[number] = new if old is None else merge_groups(old, new)
            if number in self.vectors:
                self.vectors[number].append(attention.half().cpu().numpy())
        # The whole vectors are summed up now: only the small arrays stay.
        small = Measured(measured.means, (), measured.predicted, measured.probability)
        self.measured.append(small)

    def finish(self) -> ShardData:
        """Return what is written to disk."""
        units, scales = self.record.units, self.record.scales
        branches = max(unit.branches for unit in units)
        none = np.empty((0, len(scales)))
        index = np.concatenate([np.empty(0, np.int64), *self.index])
        labels = self.images.labels[index]
        means = [np.empty((0, len(scales), len(units), branches))]
        predicted = np.concatenate(
            [none.astype(np.int32), *(part.predicted for part in self.measured)]
        )
        return ShardData(
            images=[self.images.shown_name(i) for i in index.tolist()],
            labels=labels,
            attention=np.concatenate([*means, *(part.means for part in self.measured)]),
            predicted=predicted,
            probability=np.concatenate([none, *(part.probability for part in self.measured)]),
            correct=correctness(labels, predicted, self.record.class_map),
            rank=np.concatenate([none.astype(np.int32), *self.ranks]),
            crop=np.concatenate([none.astype(np.float32), *self.crops]),
            channels=[_on_cpu(moments) for moments in self.channels if moments is not None],
            class_channels=[group for group in self.groups if group is not None],
            vectors={
                number: np.concatenate([_no_vectors(units[number], len(scales)), *parts])
                for number, parts in self.vectors.items()
            },
            errors=self.errors,
            notes=self.notes,
        )


def correctness(
    labels: NDArray[np.int32], predicted: NDArray[np.int32], class_map: NDArray[np.int64] | None
) -> NDArray[np.int8]:
    """Return 1, 0, or -1 for not known, (n, S).

    `class_map` says which output of the network a label is, -1 for none; None means that
    labels and outputs cannot be compared.
    """
    expected = expected_outputs(labels, class_map)[:, None]
    known = (expected >= 0) & (predicted >= 0)
    return np.where(known, predicted == expected, -1).astype(np.int8)


def ranks(
    labels: NDArray[np.int32], measured: Measured, class_map: NDArray[np.int64] | None
) -> NDArray[np.int32]:
    """Return how many classes are more probable than the right one, (n, S); -1 for not known."""
    expected = expected_outputs(labels, class_map)[:, None]
    if measured.logits is None:
        return np.full(measured.predicted.shape, -1, np.int32)
    # A network may name more classes than it has outputs.
    expected = np.where(expected < measured.logits.shape[2], expected, -1)
    # A class that is not known is looked up as the first one, and left out afterwards.
    index = torch.as_tensor(expected.clip(0), device=measured.logits.device)[:, :, None]
    right = measured.logits.gather(2, index.expand(-1, measured.logits.shape[1], -1))
    above = (measured.logits > right).sum(dim=2, dtype=torch.int32).cpu().numpy()
    return np.where(expected < 0, -1, above).astype(np.int32)


def expected_outputs(
    labels: NDArray[np.int32], class_map: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return the output that each label is, (n,); -1 where it is not known."""
    if class_map is None or not len(class_map):
        return np.full(labels.shape, -1, np.int64)
    return np.where(labels < 0, -1, class_map[np.maximum(labels, 0)])


def run_shards(
    run: Path,
    loaded: Iterable[Batch],
    forward: Forward,
    images: ImageSet,
    record: RecordOptions,
    progress: Progress,
) -> None:
    """Measure batches, in the order of a plan, and write a shard when its last batch is there.

    Raises `Interrupted` at the next batch after SIGINT or SIGTERM; the shard under way is lost.
    """
    builder = ShardBuilder(images, record)
    # The disk is waited for while the network runs on; one shard at a time, in order.
    writing: Future[None] | None = None
    with stop_on_signals() as stop, ThreadPoolExecutor(1) as writer:
        for batch in loaded:
            if stop.is_set():
                raise Interrupted
            measured = forward.measure(batch.pixels) if len(batch.index) else None
            builder.add(batch, measured)
            if batch.chunk.last:
                if writing is not None:
                    writing.result()
                data = builder.finish()
                writing = writer.submit(
                    write_shard, run, batch.chunk.shard, data, record.units, record.scales
                )
                builder = ShardBuilder(images, record)
            progress.advance(batch.chunk.stop - batch.chunk.start)
        if writing is not None:
            writing.result()


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """Turn SIGINT and SIGTERM into an event; a second SIGINT interrupts at once.

    Outside the main thread, where no signals can be handled, the event never comes.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise Interrupted
        stop.set()

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _on_cpu(moments: Moments) -> Moments:
    return Moments(moments.count, moments.mean.cpu().numpy(), moments.m2.cpu().numpy())


def _no_vectors(unit: Unit, scales: int) -> NDArray[np.float16]:
    return np.empty((0, scales, unit.branches, unit.channels), np.float16)


def class_map(
    names: Sequence[str], outputs: int | None, known: Sequence[str] | None
) -> tuple[str | None, NDArray[np.int64] | None]:
    """Say how labels are compared with the network's outputs, and which output each label is.

    "name" where every class of the data set is one of the network's; else "number" where all
    are called by numbers of outputs ("0", "10"); else, where there are as many classes as
    outputs, "number from 1" for the names 1 to their count, and "index" for others, which are
    taken in their order; else None: they cannot be compared.
    """
    if not names or outputs is None:
        return None, None
    # Networks that skviz trained have the names as they are stored, others as they were given.
    index = {escaped(name): number for number, name in enumerate(known or ())}
    index |= {name: number for number, name in enumerate(known or ())}
    if index and all(name in index for name in names):
        return "name", np.array([index[name] for name in names], np.int64)
    if all(_NUMBER.fullmatch(name) for name in names):
        numbers = np.array([int(name) for name in names], np.int64)
        if numbers.max() < outputs:
            return "number", numbers
        if len(names) == outputs == numbers.max() and numbers.min() == 1:
            return "number from 1", numbers - 1
    if len(names) == outputs:
        return "index", np.arange(outputs, dtype=np.int64)
    return None, None


def class_notes(compared: str | None, names: Sequence[str], outputs: int | None) -> list[Note]:
    """Say it where nothing but their count matches classes and outputs."""
    if compared == "number from 1":
        text = f"classes are numbered from 1: class 1 is the first of the {outputs} outputs"
    elif compared == "index":
        text = (
            f"classes and the {outputs} outputs are matched by their order alone: the first class "
            f"('{names[0]}') is the first output, the last ('{names[-1]}') the last"
        )
    else:
        return []
    return [Note("assumed", f"{text}; `correct` depends on it")]
