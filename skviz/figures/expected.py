"""What figures need to show the expected kernel size in place of attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.inference.quantity import (
    EXPECTED_KERNEL,
    WORDS,
    channel_values,
    checked_quantity,
    kernel_sizes,
    require_kernels,
)
from skviz.units import Unit

if TYPE_CHECKING:
    from skviz.inference.summary import Summary

LABEL = WORDS[EXPECTED_KERNEL]
SHORT_LABEL = LABEL.partition(" (")[0]


def shows_kernels(summary: Summary, quantity: str | None, units: Sequence[Unit]) -> bool:
    """Whether a figure shows the expected kernel size; None asks for the summary's quantity.

    Raises `UsageError` for an unknown quantity, and where none of the units has known kernels.
    """
    chosen = checked_quantity(summary.options.quantity if quantity is None else quantity)
    if chosen == EXPECTED_KERNEL:
        require_kernels(units)
    return chosen == EXPECTED_KERNEL


def smallest_kernel(units: Sequence[Unit]) -> float:
    """Return the smallest effective kernel size of the units: where bars begin."""
    return min(float(kernel_sizes(unit).min()) for unit in units if unit.kernels_known)


def channel_kernels(summary: Summary, unit: Unit, branch: int | None) -> NDArray[np.float64]:
    """Return the expected kernel size per scale and channel, (V, C), over all images.

    Raises `UsageError` where a branch was asked for: the expected size is over all of them.
    """
    if branch is not None:
        raise UsageError(
            f"expected no branch with the expected kernel size, which is over all branches, got"
            f" {branch}; leave one of them out"
        )
    return channel_values(unit, summary.measurements.channels[unit.name], EXPECTED_KERNEL)
