"""What figures need to show the expected kernel size in place of attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.quantities import EXPECTED_KERNEL, find_quantity, require_kernels
from skviz.units import Unit

if TYPE_CHECKING:
    from skviz.inference.summary import Summary


def shows_kernels(summary: Summary, quantity: str | None, units: Sequence[Unit]) -> bool:
    """Whether a figure shows the expected kernel size; None asks for the summary's quantity.

    Raises `UsageError` for an unknown quantity, and where none of the units has known kernels.
    """
    chosen = find_quantity(summary.options.quantity if quantity is None else quantity)
    if chosen == EXPECTED_KERNEL:
        require_kernels(units)
    return chosen == EXPECTED_KERNEL


def channel_kernels(summary: Summary, unit: Unit, branch: int | None) -> NDArray[np.float64]:
    """Return the expected kernel size per scale and channel, (V, C), over all images.

    Raises `UsageError` where a branch was asked for: the expected size is over all of them.
    """
    if branch is not None:
        raise UsageError(
            f"expected no branch with the expected kernel size, which is over all branches, got"
            f" {branch}; leave one of them out"
        )
    return EXPECTED_KERNEL.of(summary.measurements.channels[unit.name].mean, unit, axis=1)
