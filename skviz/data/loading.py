"""From files to views, in worker processes: every image is decoded once for all scales."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.synchronize import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, _utils

from skviz.data.imageset import Box, ImageSet
from skviz.data.kept import Made
from skviz.errors import ImageError, SkvizError, UsageError
from skviz.notes import Assumption
from skviz.pictures.images import ImageSource
from skviz.pictures.large import take_turns
from skviz.pictures.scaling import InputSpec, enlarge

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

# Below this many images, starting workers takes longer than reading.
_FEW_IMAGES = 64
_MOST_WORKERS = 16
# For each worker, and for this process.
_OPEN_FILES = 32


@dataclass(frozen=True)
class ViewMaker:
    """Makes the views of one image, and says which side its crops have in original pixels."""

    scales: tuple[float, ...]
    spec: InputSpec
    resample: str = "bicubic"
    fill: str = "mean"

    def __call__(self, image: ImageSource, box: Box | None) -> Made:
        """Enlarge the centre, or the box; raises `ScaleError` for too small an image."""
        views = enlarge(
            image, self.scales, self.spec, resample=self.resample, fill=self.fill, box=box
        )
        sides = [right - left for left, _, right, _ in views.boxes]
        return views.pixels, np.array(sides, np.float32)

    def at_one(self, image: ImageSource, box: Box | None) -> tuple[NDArray[np.uint8], float]:
        """Return the 1.0x view (size, size, 3), and its side in original pixels."""
        plain = ViewMaker((1.0,), self.spec, self.resample, self.fill)
        pixels, sides = plain(image, box)
        return pixels[0], float(sides[0])


@dataclass(frozen=True)
class Chunk:
    """Images that are loaded together: numbers `start` to `stop` - 1, all of one shard."""

    shard: int
    start: int
    stop: int
    last: bool


@dataclass(frozen=True)
class Batch:
    """The loaded images of a chunk: n of them could be read.

    `index` (n,) are their numbers, `pixels` is uint8 of shape (n, S, size, size, 3), `crops`
    (n, S) the sides of the crops in original pixels; `errors` holds the names of the others,
    with the reason; `notes` names and what had to be assumed to read them.
    """

    chunk: Chunk
    index: NDArray[np.int64]
    pixels: Tensor
    crops: NDArray[np.float32]
    errors: tuple[dict[str, str], ...] = ()
    notes: tuple[tuple[str, Assumption], ...] = ()

    def pin_memory(self) -> Batch:
        """Called by the loader: page-locked memory copies faster to a graphics card."""
        return replace(self, pixels=self.pixels.pin_memory())


@dataclass(frozen=True)
class Plan:
    """The chunks of a list of shards, in order; a shard is `shard_size` images of `images`.

    A shard is begun where `take` says so, as others may be at work on it; those that were not
    are asked for once more at the end, because their process may have died.
    """

    shards: Sequence[int]
    images: int
    shard_size: int
    chunk_size: int
    take: Callable[[int], bool] = lambda shard: True

    def __iter__(self) -> Iterator[Chunk]:
        begun = set()
        for shard in (*self.shards, *self.shards):
            if shard in begun or not self.take(shard):
                continue
            begun.add(shard)
            first = shard * self.shard_size
            end = min(first + self.shard_size, self.images)
            for start in range(first, end, self.chunk_size):
                stop = min(start + self.chunk_size, end)
                yield Chunk(shard, start, stop, stop == end)

    def size(self, shard: int) -> int:
        """Number of images of a shard."""
        return min(self.shard_size, self.images - shard * self.shard_size)


class ChunkReader(Dataset[Batch]):
    """Reads the images of a chunk; what cannot be read is left out and named."""

    def __init__(self, images: ImageSet, views: ViewMaker) -> None:
        self.images, self.views = images, views

    def __getitem__(self, chunk: Chunk) -> Batch:
        index, pixels, crops, errors, notes = [], [], [], [], []
        kept = self.images.kept
        if kept is not None and kept.views != self.views:
            kept = None  # Those of another run.
        for number in range(chunk.start, chunk.stop):
            made = kept.get(number) if kept else None
            if made is None:
                name = self.images.shown_name(number)
                try:
                    picture = self.images.picture(number)
                    made = self.views(picture, self.images.box(number))
                # UsageError: a box outside of its picture. Scales were checked before.
                except (ImageError, UsageError) as error:
                    errors.append({"image": name, "reason": str(error)})
                    continue
                notes += [(name, note) for note in picture.notes]
                if kept and not picture.notes:
                    kept.put(number, made)
            index.append(number)
            pixels.append(made[0])
            crops.append(made[1])
        size, scales = self.views.spec.size, len(self.views.scales)
        empty = np.empty((0, scales, size, size, 3), np.uint8)
        stacked = torch.from_numpy(np.stack(pixels) if pixels else empty)
        sides = np.stack(crops) if crops else np.empty((0, scales), np.float32)
        return Batch(chunk, np.array(index, np.int64), stacked, sides, tuple(errors), tuple(notes))


def batches(
    reader: ChunkReader, plan: Plan, workers: int, pin: bool = False
) -> Generator[Batch, None, None]:
    """Yield the batches of a plan in its order, read ahead by worker processes.

    Raises `SkvizError` when a worker dies.
    """
    _allow_open_files(workers)
    turns = torch.multiprocessing.Lock() if workers > 1 else None
    loader: DataLoader[Batch] = DataLoader(
        reader,
        batch_size=None,
        sampler=plan,
        num_workers=workers,
        pin_memory=pin,
        worker_init_fn=partial(_start_worker, polite=not pin, turns=turns),
        prefetch_factor=2 if workers else None,
    )
    try:
        with _deaths_found_by_the_loader():
            loaded = iter(loader)
            try:
                yield from loaded
            finally:
                del loaded  # Its workers end here, where no handler takes that for a death.
    except (RuntimeError, OSError, EOFError) as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, OSError) and not isinstance(error, ConnectionError):
            raise
        if isinstance(error, RuntimeError) and "DataLoader worker" not in reason:
            raise
        raise SkvizError(
            f"a process that reads images died ({reason}); perhaps memory is short: lower "
            "--workers, or set it to 0 to read in this process. Finished work is kept: the same "
            "command resumes"
        ) from error


def _allow_open_files(workers: int) -> None:
    """See to it that so many workers can talk to this process, which costs open files.

    PyTorch hangs where there are too few. Raises `SkvizError` where the system allows no more.
    """
    if not workers or resource is None:
        return
    needed = _OPEN_FILES * (workers + 2)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SkvizError(
            f"{workers} processes that read images need {needed} open files, {hard} are allowed "
            "here; raise the limit with `ulimit -n`, or read in this process with --workers 0"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextmanager
def _deaths_found_by_the_loader() -> Iterator[None]:
    """Let the death of a worker be an error of the next batch, and of nothing else.

    PyTorch's handler raises it wherever the main thread is, be it inside the network or a
    library. Without the handler the loader finds out by itself, within five seconds.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "SIGCHLD") or not in_main:
        yield
        return
    # Its first loader sets the handler: before this, not inside.
    set_handler = getattr(_utils.signal_handling, "_set_SIGCHLD_handler", lambda: None)
    set_handler()
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def normalised(views: Tensor, spec: InputSpec, like: Tensor) -> Tensor:
    """Return uint8 views (B, size, size, 3) as a network gets them: (B, 3, size, size).

    In the type and on the device of `like`.
    """
    images = views.to(like.device).permute(0, 3, 1, 2).to(like.dtype)
    mean, std = (like.new_tensor(values).reshape(3, 1, 1) for values in (spec.mean, spec.std))
    return (images / 255 - mean) / std


def choose_workers(images: int, on_cpu: bool, local_world: int = 1) -> int:
    """Return how many processes read images, by the processors and who else needs them."""
    if images < _FEW_IMAGES:
        return 0
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    share = (processors or os.cpu_count() or 1) // local_world
    # On the CPU the network needs the processors itself, and reading takes a small part.
    return max(1, min(_MOST_WORKERS, share // 4 if on_cpu else share))


def _start_worker(number: int, polite: bool, turns: Lock | None) -> None:
    if turns is not None:
        take_turns(turns)
    # Ctrl-C reaches every process of a terminal: only the main one decides what to do then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Where the network runs on the same processors, all its threads wait for the slowest one:
    # reading takes what they leave.
    if polite and hasattr(os, "nice"):
        os.nice(10)
