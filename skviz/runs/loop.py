"""The loop over a data set: batches into a measurement, shard after shard to disk."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

import torch

from skviz.data.imageset import ImageSet
from skviz.data.loading import Batch, ChunkReader, Plan, ViewMaker, batches, choose_workers
from skviz.runs.progress import Progress
from skviz.runs.storage.claims import Claims
from skviz.runs.storage.shards import ShardedRecords, table_file


class Interrupted(KeyboardInterrupt):
    """An analysis was stopped by a signal; the shards that are done stay done."""


class Shard(Protocol):
    """What was measured on the images of one shard."""

    def write(self, run: Path, number: int, /) -> None:
        """Write it into a folder, the table last; raises `OutputError`."""


class Measurement(Protocol):
    """What is done with the batches of a data set, which come in the order of the shards."""

    def add(self, batch: Batch, /) -> None:
        """Measure a batch, of which any number of images could be read."""

    def finish(self) -> Shard:
        """Return what was measured since the last shard, and begin the next one."""


def measure(
    images: ImageSet,
    measurement: Measurement,
    folder: ShardedRecords,
    *,
    views: ViewMaker,
    shards: Sequence[int],
    at_once: int,
    device: torch.device,
    workers: int | None = None,
    processes: int = 1,
    progress: bool = True,
) -> None:
    """Measure shards of a data set, and write each into the folder when its last batch is there.

    A shard that another process has claimed is left to that one (see `Claims`).

    `views` makes what the network sees, `at_once` images are a batch. `workers` processes read
    them, None chooses; `processes` like this one share the machine.

    Raises `Interrupted` at the next batch after SIGINT or SIGTERM; the shard under way is lost.
    """
    claims = Claims(folder.path, lambda shard: table_file(folder.path, shard).exists())
    plan = Plan(shards, len(images), folder.shard_size, at_once, claims.take)
    if workers is None:
        todo = sum(plan.size(shard) for shard in shards)
        workers = choose_workers(todo, device.type == "cpu", processes)
    # The disk is waited for while the network runs on; one shard at a time, in order.
    writing: Future[None] | None = None

    def write(shard: Shard, number: int) -> None:
        shard.write(folder.path, number)
        claims.release(number)

    with (
        closing(claims),
        closing(read(images, views, plan, workers, device, progress)) as loaded,
        ThreadPoolExecutor(1) as writer,
    ):
        for batch in loaded:
            measurement.add(batch)
            if batch.chunk.last:
                if writing is not None:
                    writing.result()
                writing = writer.submit(write, measurement.finish(), batch.chunk.shard)
        if writing is not None:
            writing.result()


def read(
    images: ImageSet,
    views: ViewMaker,
    plan: Plan,
    workers: int,
    device: torch.device,
    progress: bool = True,
) -> Generator[Batch, None, None]:
    """Yield the batches of a plan in its order, and show how far it is.

    Raises `Interrupted` at the next batch after SIGINT or SIGTERM. To be closed by the caller.
    """
    todo = sum(plan.size(shard) for shard in plan.shards)
    loading = batches(ChunkReader(images, views), plan, workers, pin=device.type != "cpu")
    with (
        stop_on_signals() as stop,
        Progress(todo, show=progress) as shown,
        closing(loading) as loaded,
    ):
        for batch in loaded:
            if stop.is_set():
                raise Interrupted
            yield batch
            shown.advance(batch.chunk.stop - batch.chunk.start)


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
