"""Made-up measurements for verdicts: the shift of each unit under every control is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from skviz.inference.judging import Evidence
from skviz.runs.measurements import Measurements
from skviz.units import Kernel, Unit

SCALES = (1.0, 1.5, 2.0)
CLASSES, PER_CLASS = 20, 3


def make_units(count: int) -> tuple[Unit, ...]:
    kernels = (Kernel(3), Kernel(3, 2))
    return tuple(Unit(f"SK_4_{u + 1}", f"layer{u}", kernels, 8) for u in range(count))


def measured(
    shifts: Sequence[float],
    seed: int,
    *,
    scales: Sequence[float] = SCALES,
    noise: float = 0.005,
    spread: float = 0.05,
    images: int = CLASSES * PER_CLASS,
) -> Measurements:
    """Each unit shifts by its number from 1.0x to the largest scale, in even steps.

    Images differ, by noise of mean 0: so the mean shift is exactly the number.
    """
    random = np.random.default_rng(seed)
    own = spread * random.normal(size=(images, 1, len(shifts)))
    dose = (np.array(scales) - 1) / (max(scales) - 1 if max(scales) > 1 else 1 - min(scales))
    cube = own + dose[:, None] * np.array(shifts)
    error = noise * random.normal(size=cube.shape)
    cube = cube + error - error.mean(axis=0)
    labels = np.arange(images) % CLASSES
    return Measurements(
        make_units(len(shifts)), tuple(scales), cube.astype(np.float32),
        np.full(cube.shape, np.nan, np.float32), labels.astype(np.int64),
    )  # fmt: skip


def evidence(
    total: Sequence[float],
    blur: Sequence[float] | None = None,
    constant: Sequence[float] | None = None,
    blurred: Sequence[float] | None = None,
    null: float = 0.002,
    seeds: int = 10,
    **others: Sequence[float],
) -> Evidence:
    """Shifts per unit under each control (None: not made) and random networks that hardly move."""
    made = {"blur": blur, "object-constant": constant, "object-blurred": blurred, **others}
    random = np.random.default_rng(7).normal(size=(seeds, len(total)))
    return Evidence(
        measured(total, 0),
        {
            name: measured(shifts, 1 + index)
            for index, (name, shifts) in enumerate(made.items())
            if shifts is not None
        },
        [measured(null * row, 100 + seed) for seed, row in enumerate(random)],
    )
