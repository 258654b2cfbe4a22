"""What is said of one paired change over images: count, mean, spread, effect size and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skviz.frames import or_none
from skviz.numbers import counted
from skviz.statistics.moments import nan_mean, nan_std
from skviz.statistics.shifts import (
    CONFIDENCE,
    FEWEST_CLUSTERS,
    RESAMPLES,
    SEED,
    Intervals,
    bootstrap_mean,
    cohen_dz,
    holm,
    signed_rank,
)
from skviz.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: number of resamples (0: none), confidence and random seed."""

    resamples: int = RESAMPLES
    confidence: float = CONFIDENCE
    seed: int = SEED

    def of(self, values: FloatArray, labels: IntArray | None) -> Intervals:
        """Return the intervals of the means of values (n, Q); see `bootstrap_mean`."""
        # An image without a label belongs to no class that could be drawn.
        clusters = None if labels is None or (labels < 0).any() else labels
        return bootstrap_mean(
            values,
            clusters,
            resamples=self.resamples,
            confidence=self.confidence,
            seed=self.seed,
        )


@dataclass(frozen=True)
class Paired:
    """A paired change over `n` images; None or nan where the data cannot tell.

    `mean` and `std` (n - 1), `dz` (paired Cohen's d), `rank_biserial` and `p` (Wilcoxon), and a
    `note` on why the tests say nothing.
    """

    n: int
    mean: float
    std: float
    dz: float | None
    rank_biserial: float | None
    p: float | None
    note: str

    @classmethod
    def of(cls, change: NDArray[Any]) -> Paired:
        """Describe a change (n,), nan left out."""
        change = change[~np.isnan(change)].astype(np.float64)
        test = signed_rank(change)
        return cls(
            *count_mean_std(change),
            dz=cohen_dz(change),
            rank_biserial=None if test is None else test.rank_biserial,
            p=None if test is None else test.p,
            note=_note(change),
        )


def count_mean_std(values: NDArray[Any]) -> tuple[int, float, float]:
    """Return count, mean and standard deviation (n - 1) of what is not nan."""
    return int((~np.isnan(values)).sum()), float(nan_mean(values)), float(nan_std(values))


def accuracy(correct: FloatArray | NDArray[np.float32] | None) -> list[float | None] | None:
    """Return the share of images (n, V) that are classified correctly, per scale."""
    return None if correct is None else [or_none(float(share)) for share in nan_mean(correct)]


def add_holm(rows: Sequence[dict[str, Any]]) -> None:
    """Add `p_holm` to the rows of one family of tests, from their `p`."""
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p


def _note(change: NDArray[Any]) -> str:
    if len(change) < FEWEST_CLUSTERS:
        count = counted(len(change), "image") if len(change) else "no image"
        return f"not enough data: {count}"
    if not change.any():
        return "no image changes"
    return "all images change by the same" if np.ptp(change) == 0 else ""
