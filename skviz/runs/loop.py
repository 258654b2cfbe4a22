"""The loop over a data set: batches into a measurement, shard after shard to disk."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import torch

from skviz.data.imageset import ImageSet
from skviz.data.loading import Batch, ChunkReader, Plan, ViewMaker, batches, choose_workers
from skviz.runs.progress import Progress
from skviz.runs.storage.claims import Claims
from skviz.runs.storage.shards import ShardedRecords, table_file

if TYPE_CHECKING:
    from skviz.runs.analyze import Analysis


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


@dataclass(frozen=True)
class Job:
    """A measurement of some shards of a data set, and the folder that they are written to.

    `taken` are the shards that this process has claimed.
    """

    measurement: Measurement
    folder: ShardedRecords
    shards: Sequence[int]
    taken: set[int] = field(default_factory=set, init=False)

    @cached_property
    def claims(self) -> Claims:
        """What this process holds of the folder; to be closed."""
        run = self.folder.path
        return Claims(run, lambda shard: table_file(run, shard).exists())

    def take(self, shard: int) -> bool:
        """Claim a shard, if it is one of this job's."""
        taken = shard in self.shards and self.claims.take(shard)
        if taken:
            self.taken.add(shard)
        return taken

    def write(self, found: Shard, shard: int) -> None:
        """Write what was measured, and give the claim back."""
        found.write(self.folder.path, shard)
        self.claims.release(shard)


def measure(analysis: Analysis, jobs: Sequence[Job], at_once: int, progress: bool) -> None:
    """Measure shards of a data set, and write each into its folder when its last batch is there.

    The images, their views, the device and the options are those of the analysis.
    Several jobs share one pass over the data, in which every batch is read once; their folders
    have shards of one size. A shard that another process has claimed is left to that one (see
    `Claims`).

    `at_once` images are a batch.

    Raises `Interrupted` at the next batch after SIGINT or SIGTERM; the shard under way is lost.
    """
    images, device, ranks = analysis.images, analysis.forward.device, analysis.ranks
    shards = list(dict.fromkeys(shard for job in jobs for shard in job.shards))

    def take(shard: int) -> bool:
        taken = [job.take(shard) for job in jobs]  # All of them, not up to the first.
        return any(taken)

    plan = Plan(shards, len(images), jobs[0].folder.shard_size, at_once, take)
    workers = analysis.options.workers
    if workers is None:
        todo = sum(plan.size(shard) for shard in shards)
        workers = choose_workers(todo, device.type == "cpu", ranks.local_world)
    with ExitStack() as stack:
        for job in jobs:
            stack.enter_context(closing(job.claims))
        shown = progress and ranks.first
        loading = read(images, analysis.views, plan, workers, device, shown)
        loaded = stack.enter_context(closing(loading))
        writer = stack.enter_context(ThreadPoolExecutor(1))
        # The disk is waited for while the networks run on; a shard at a time, in order.
        writing: list[Future[None]] = []
        for batch in loaded:
            having = [job for job in jobs if batch.chunk.shard in job.taken]
            for job in having:
                job.measurement.add(batch)
            if batch.chunk.last:
                for shard in writing:
                    shard.result()
                writing = [
                    writer.submit(job.write, job.measurement.finish(), batch.chunk.shard)
                    for job in having
                ]
        for shard in writing:
            shard.result()


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
