"""A network measured on a folder of photographs: what it gets right, and what it attends to.

Photographs stream through; per photograph and scale one number per unit is kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from skviz.analysis.classes import check_output
from skviz.capture.probe import Probe
from skviz.errors import ScaleError, UsageError
from skviz.models import model_info
from skviz.scaling import DEFAULT_SCALES, InputSpec, check_scales, enlarge
from skviz.training.data import (
    ClassFolders,
    Unreadable,
    drop_unreadable,
    numbers_of,
    open_folder,
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One network on N photographs at S scales, U units.

    `differences` (N, S, U) is the attention difference (section 4.4); `ranks` (N, S) counts
    the classes that the network finds more probable than the right one, None where its classes
    have no names; `labels` (N,) is the number of the photograph's class within `classes`.
    """

    units: tuple[str, ...]
    scales: tuple[float, ...]
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    differences: FloatArray
    ranks: NDArray[np.int64] | None = None

    def accuracy(self, k: int = 1) -> FloatArray:
        """Share of photographs whose class is among the k most probable, shape (S,)."""
        if self.ranks is None:
            raise UsageError("expected a network whose classes have names, got one without")
        return np.asarray((self.ranks < k).mean(axis=0), np.float64)

    def mean(self) -> FloatArray:
        """Mean attention difference over the photographs, shape (S, U)."""
        return np.asarray(self.differences.mean(axis=0))

    def deviation(self) -> FloatArray:
        """Standard deviation over the photographs, shape (S, U), of a sample (N - 1)."""
        return np.asarray(self.differences.std(axis=0, ddof=1))

    def change(self, scale: float) -> FloatArray:
        """Change of the attention difference from 1.0x to a scale, shape (N, U)."""
        return np.asarray(
            self.differences[:, self.index(scale)] - self.differences[:, self.index(1.0)]
        )

    def share_of_images(self, scale: float) -> FloatArray:
        """Share of the photographs in which a unit's difference rises, shape (U,)."""
        return np.asarray((self.change(scale) > 0).mean(axis=0), np.float64)

    def share_of_classes(self, scale: float) -> FloatArray:
        """Share of the classes in whose mean a unit's difference rises, shape (U,)."""
        change = self.change(scale)
        means = [change[self.labels == label].mean(axis=0) for label in np.unique(self.labels)]
        return np.asarray((np.stack(means) > 0).mean(axis=0), np.float64)

    def index(self, scale: float) -> int:
        """Position of a scale; raises `ScaleError` if it was not measured."""
        if scale not in self.scales:
            shown = ", ".join(f"{known:g}" for known in self.scales)
            raise ScaleError(f"expected one of the scales {shown}, got {scale:g}")
        return self.scales.index(scale)


@dataclass(frozen=True)
class ScaledViews:
    """A picture at several scales, as a network sees it: float32 of shape (S, 3, H, W)."""

    spec: InputSpec
    scales: tuple[float, ...]

    def __call__(self, image: Image.Image) -> Tensor:
        return enlarge(image, scales=self.scales, spec=self.spec).images


def open_photographs(
    folder: str | os.PathLike[str], workers: int = 0
) -> tuple[ClassFolders, list[Unreadable]]:
    """Open a folder with one sub-folder per class; return it and the images left out of it.

    Raises `UsageError` where folder, classes or readable images are missing.
    """
    photographs = open_folder(folder, None)
    return photographs, drop_unreadable(photographs, workers)


def reestimate_bn(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace the running statistics of BN by those of the given batches (B, 3, H, W).

    They are averages over all batches, each counting the same (momentum None). An untrained
    network has none that fit any picture. Mode and momentum stay as they were.
    """
    place = next(network.parameters()).device
    update_bn(batches, network, device=place)


def first_scale(
    photographs: ClassFolders, spec: InputSpec, batch_size: int = 64, workers: int = 0
) -> Iterable[Tensor]:
    """Yield the photographs at 1.0x in batches (B, 3, H, W), shuffled with a fixed seed.

    In the order of the folder every batch would show a class or two, and their statistics.
    """
    photographs.transform = ScaledViews(spec, (1.0,))
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        photographs,
        batch_size=batch_size,
        shuffle=True,
        drop_last=len(photographs) > batch_size,  # one picture alone has no statistics
        num_workers=workers,
        generator=torch.Generator().manual_seed(0),
    )
    for views, _ in loader:
        yield views[:, 0]


def evaluate(
    networks: Sequence[nn.Module],
    photographs: ClassFolders,
    scales: Iterable[float] = DEFAULT_SCALES,
    *,
    spec: InputSpec | None = None,
    batch_size: int = 32,
    workers: int = 0,
    report: Callable[[int], None] = lambda images: None,
) -> list[Evaluation]:
    """Run photographs at several scales through networks, all in one pass over the files.

    `spec` says what the networks see (by default what the first one expects), `batch_size`
    counts photographs, `report` is called with the number done. Accuracy is measured for
    networks whose classes have names.

    Raises `UsageError` for a class that a network does not know, `ScaleError`, and
    `CaptureError` for a network without SK units.
    """
    checked = check_scales(scales)
    photographs.transform = ScaledViews(spec or model_info(networks[0]).spec, checked)
    numbers = [_class_numbers(network, photographs) for network in networks]
    probes = [Probe(network) for network in networks]
    tallies: list[_Tally] = [_Tally([], []) for _ in networks]
    loader: DataLoader[Any] = DataLoader(photographs, batch_size=batch_size, num_workers=workers)
    done = 0
    for views, labels in loader:
        for probe, tally, number in zip(probes, tallies, numbers, strict=True):
            tally.add(probe, views, labels, number)
        done += len(labels)
        report(done)
    return [
        Evaluation(
            tuple(unit.name for unit in probe.units),
            checked,
            tuple(photographs.classes),
            np.asarray(photographs.targets, np.int64),
            np.concatenate(tally.differences),
            np.concatenate(tally.ranks) if tally.ranks else None,
        )
        for probe, tally in zip(probes, tallies, strict=True)
    ]


@dataclass
class _Tally:
    """What has been kept of the batches so far."""

    differences: list[FloatArray]
    ranks: list[NDArray[np.int64]]

    def add(self, probe: Probe, views: Tensor, labels: Tensor, numbers: Tensor | None) -> None:
        images, scales = views.shape[:2]
        attention = probe(views.flatten(0, 1), logits=numbers is not None)
        per_unit = [attention.difference(unit.name) for unit in probe.units]
        stacked = np.stack(per_unit, axis=-1).astype(np.float64)
        self.differences.append(stacked.reshape(images, scales, -1))
        if numbers is None or attention.logits is None:
            return
        logits = attention.logits.reshape(images, scales, -1)
        check_output(logits.max(axis=-1))
        right = np.take_along_axis(logits, numbers[labels].numpy()[:, None, None], axis=-1)
        self.ranks.append((logits > right).sum(axis=-1))


def _class_numbers(network: nn.Module, photographs: ClassFolders) -> Tensor | None:
    """Return the network's number for every class of the folder, or None without names."""
    names = model_info(network).classes
    if names is None:
        return None
    known = {name: number for number, name in enumerate(names)}
    return torch.tensor(list(numbers_of(photographs, known).values()))
