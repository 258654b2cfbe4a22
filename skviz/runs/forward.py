"""Batches through the network: views in, attention and predictions out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from skviz.capture.traced import GraphProbe
from skviz.errors import ImageError, SkvizError, UsageError, did_you_mean, out_of_memory
from skviz.pictures.scaling import InputSpec
from skviz.runs.classes import check_output
from skviz.runs.engines.family import Family
from skviz.runs.tuning import PLAIN, Arithmetic, apply

if TYPE_CHECKING:
    from skviz.capture.probe import Probe
    from skviz.data.imageset import ImageSet
    from skviz.data.loading import ViewMaker

PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
# On a processor larger batches gain nothing: 16 views of 224 x 224, and more of smaller ones.
_CPU_PIXELS, _MOST_ON_CPU = 16 * 224 * 224, 256
FIRST_GPU_BATCH, _LARGEST_GPU_BATCH = 32, 1024
# A larger batch must be this much faster to be worth its memory.
_WORTH = 1.05


@dataclass(frozen=True)
class Measured:
    """What the network did on n images at S scales.

    `means` is the attention's mean over channels, (n, S, U, M), nan where a unit has fewer
    branches; `attention` per unit the whole, float64 tensors (n, S, M, C) on the network's
    device; `predicted` (n, S) with -1 and `probability` (n, S) with nan where the network has
    no class output, `logits` (n, S, K) or None.
    """

    means: NDArray[np.float64]
    attention: Sequence[Tensor]
    predicted: NDArray[np.int32]
    probability: NDArray[np.float64]
    logits: Tensor | None = None


class Forward:
    """A network made ready for batches of uint8 views.

    `batch_size` is in views, over images and scales; it halves by itself when memory runs out.
    Without `predictions` the pass ends behind the deepest unit. `arithmetic` says how the
    network computes; `plain` is the probe of the network as it was given. `family` are the runs
    of networks with the same graph.
    """

    def __init__(
        self,
        probe: Probe,
        spec: InputSpec,
        batch_size: int,
        precision: str,
        predictions: bool = True,
        family: Family | None = None,
    ) -> None:
        self.probe, self.spec, self.batch_size = probe, spec, batch_size
        self.plain, self.arithmetic, self.predictions = probe, PLAIN, predictions
        # Copies of the network that were made already. To be emptied when its weights change.
        self.ready: dict[Arithmetic, Probe] = {}
        self.family = family or Family(0)
        self.device = next(probe.network.parameters(), torch.empty(0)).device
        self.precision = precision
        # (x / 255 - mean) / std as one product and one sum: a pass over the views less.
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (spec.mean, spec.std))
        factor, shift = 1 / (255 * std), -mean / std
        self._factor, self._shift = (
            values.float().to(self.device).reshape(1, 3, 1, 1) for values in (factor, shift)
        )

    def measure(self, pixels: Tensor) -> Measured:
        """Run images, uint8 of shape (n, S, size, size, 3), n at least 1."""
        n, scales = pixels.shape[:2]
        attention, logits = self.run(pixels.flatten(0, 1))
        units = self.probe.units
        # float64 from here on: means and deviations of many images must not lose digits.
        whole = [
            _precise(attention[unit.name]).reshape(n, scales, unit.branches, unit.channels)
            for unit in units
        ]
        branches = max(unit.branches for unit in units)
        # Put together before they are fetched: every single one would wait for the card.
        padded = [
            pad(array.mean(dim=-1), (0, branches - array.shape[2]), value=float("nan"))
            for array in whole
        ]
        means = torch.stack(padded, dim=2).cpu().numpy()
        predicted = np.full((n, scales), -1, np.int32)
        probability = np.full((n, scales), np.nan)
        if logits is not None:
            logits = logits.reshape(n, scales, -1)
            best = logits.double().softmax(dim=-1).max(dim=-1)
            predicted[:] = best.indices.cpu().numpy()
            probability[:] = best.values.cpu().numpy()
        return Measured(means, whole, predicted, probability, logits)

    def adopt(self, arithmetic: Arithmetic, images: ImageSet, views: ViewMaker) -> None:
        """Compute so from now on; the images serve to see what can be folded.

        Raises `CaptureError` where the engine of a run that is resumed cannot be used here.
        """
        if arithmetic == self.arithmetic:
            return
        if arithmetic not in self.ready:
            # An engine is made ready for whole batches.
            self.make_ready(arithmetic, self.images(sample(images, views, self.batch_size)))
        self.probe, self.arithmetic = self.ready[arithmetic], arithmetic

    def make_ready(self, arithmetic: Arithmetic, example: Tensor) -> Probe:
        """Make the network compute so for batches like `example`; see `tuning.apply`."""
        made = apply(
            self.plain,
            arithmetic,
            example,
            output=self.predictions,
            dtype=PRECISIONS[self.precision],
            like=self.family.traced,
        )
        self.ready[arithmetic] = made
        return made

    def images(self, views: Tensor) -> Tensor:
        """Return what the network gets for uint8 views: (N, 3, size, size), normalised."""
        on_device = views.to(self.device, non_blocking=True)
        # Pixels come with the channels last; a network may compute in that order too.
        last = self.arithmetic.memory_format == "channels_last"
        order = torch.channels_last if last else torch.contiguous_format
        images = on_device.permute(0, 3, 1, 2).contiguous(memory_format=order).float()
        return images.mul_(self._factor).add_(self._shift)

    def outputs(self) -> int | None:
        """Return the number of classes the network puts out, or None; tries it on one view."""
        blank = torch.zeros((1, self.spec.size, self.spec.size, 3), dtype=torch.uint8)
        logits = self._part(blank)[1]
        return None if logits is None else int(logits.shape[1])

    def run(self, views: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        """Return the attention (N, M, C) of every unit, and the class output (N, K) or None.

        `views` is uint8 of shape (N, size, size, 3). Raises `CaptureError` for a class output
        that is not finite.
        """
        parts = []
        start = 0
        while start < len(views):
            try:
                parts.append(self._part(views[start : start + self.batch_size]))
                start += self.batch_size
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                self._halve()
        names = list(parts[0][0])
        joined = {name: torch.cat([found[name] for found, _ in parts]) for name in names}
        logits = [output for _, output in parts if output is not None]
        if not logits:
            return joined, None
        output = torch.cat(logits)
        check_output(output.float().amax(dim=1).cpu().numpy())
        return joined, output

    def _part(self, views: Tensor) -> tuple[dict[str, Tensor], Tensor | None]:
        images = self.images(views)
        with self.casting():
            attention, output = self.probe.capture(images, output=self.predictions)
        if isinstance(output, Tensor) and output.ndim == 2 and output.shape[1] > 1:
            return attention, output  # Logits.
        return attention, None

    def casting(self) -> AbstractContextManager[object]:
        dtype = PRECISIONS[self.precision]
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=dtype)

    def _halve(self) -> None:
        if self.batch_size <= 1:
            raise SkvizError(
                f"the memory of {self.device} does not hold one view of {self.spec.size} x "
                f"{self.spec.size} pixels; use a smaller network, or --device cpu"
            )
        self.batch_size //= 2
        if isinstance(self.probe, GraphProbe):  # It is made for larger batches.
            self.probe = self.plain
        if self.device.type == "cuda":
            torch.cuda.empty_cache()


def sample(images: ImageSet, views: ViewMaker, count: int) -> Tensor:
    """Return about `count` uint8 views (N, size, size, 3) of the first images, at least one.

    Images that cannot be read are left out; where none can, noise stands in.
    """
    found: list[NDArray[np.uint8]] = []
    for number in range(min(len(images), 4 * count)):
        if sum(map(len, found)) >= count:
            break
        with suppress(ImageError, UsageError):
            found.append(views(images.read(number), images.box(number))[0])
    if found:
        return torch.from_numpy(np.concatenate(found)[:count])
    size = views.spec.size
    return torch.randint(0, 256, (count, size, size, 3), dtype=torch.uint8)


def check_precision(precision: str) -> str:
    """Return the precision; raises `UsageError` for an unknown one."""
    if precision not in PRECISIONS:
        hint = did_you_mean(precision, PRECISIONS)
        raise UsageError(f"expected precision {', '.join(PRECISIONS)}, got '{precision}'.{hint}")
    return precision


def find_batch_size(forward: Forward, scales: int) -> int:
    """Return a batch size in views, a multiple of the scales where it can be.

    On a processor a fixed one, of an even number of images, for two threads with passes of their
    own. On a graphics card sizes double as long as they fit and are faster, which is measured.
    """
    if forward.device.type != "cuda":
        views = max(1, min(_MOST_ON_CPU, _CPU_PIXELS // forward.spec.size**2))
        pair = 2 * scales
        return pair * max(1, round(views / pair))
    best, best_rate = scales, 0.0
    size = scales * -(-FIRST_GPU_BATCH // scales)
    while size <= _LARGEST_GPU_BATCH:
        forward.batch_size = size
        rate = _rate(forward, size)
        if rate < best_rate * _WORTH or forward.batch_size < size:
            break
        best, best_rate, size = size, rate, size * 2
    return best


def _rate(forward: Forward, views: int) -> float:
    size = forward.spec.size
    noise = torch.randint(0, 256, (views, 1, size, size, 3), dtype=torch.uint8)
    forward.measure(noise)  # The first pass chooses algorithms and fills the cache of memory.
    torch.cuda.synchronize(forward.device)
    start = time.perf_counter()
    for _ in range(3):
        forward.measure(noise)
    torch.cuda.synchronize(forward.device)
    return 3 * views / (time.perf_counter() - start)


def _precise(attention: Tensor) -> Tensor:
    # Apple's cards know no float64.
    return (attention.cpu() if attention.device.type == "mps" else attention).double()
