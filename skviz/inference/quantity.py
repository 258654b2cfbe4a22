"""What is followed over scales: the attention difference, or the expected kernel size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError, did_you_mean
from skviz.runs.measurements import ChannelMoments, Measurements, RunMeasurements
from skviz.units import Unit

DIFFERENCE, EXPECTED_KERNEL = "difference", "expected_kernel"
QUANTITIES = (DIFFERENCE, EXPECTED_KERNEL)
WORDS = {
    DIFFERENCE: "attention difference",
    EXPECTED_KERNEL: "expected kernel (pixels)",
}


def checked_quantity(quantity: str) -> str:
    """Return the quantity; raises `UsageError` unless it is one of `QUANTITIES`."""
    if quantity not in QUANTITIES:
        hint = did_you_mean(quantity, QUANTITIES)
        raise UsageError(f"expected a quantity of {', '.join(QUANTITIES)}, got '{quantity}'.{hint}")
    return quantity


def values_of(measurements: Measurements | RunMeasurements, quantity: str) -> NDArray[np.float32]:
    """Return one value per image, scale (ascending) and unit, (N, V, U); nan where none is."""
    if quantity == EXPECTED_KERNEL:
        return measurements.expected_kernel
    return measurements.difference


def channel_values(unit: Unit, moments: ChannelMoments, quantity: str) -> NDArray[np.float64]:
    """Return the mean over images per scale and channel, (V, C).

    The attention difference is that of the largest minus the smallest kernel; the expected
    kernel size is the sum over branches of mean attention times effective kernel size, in
    pixels, nan where the kernels are unknown.
    """
    if quantity == EXPECTED_KERNEL:
        expected: NDArray[np.float64] = (moments.mean * kernel_sizes(unit)[:, None]).sum(axis=1)
        return expected
    return moments.mean[:, unit.largest] - moments.mean[:, unit.smallest]


def kernel_sizes(unit: Unit) -> NDArray[np.float64]:
    """Return the effective kernel size per branch, (M,); all nan where the kernels are unknown."""
    if not unit.kernels_known:
        return np.full(unit.branches, np.nan)
    return np.array([kernel.effective for kernel in unit.kernels if kernel is not None], float)


def require_kernels(units: Sequence[Unit]) -> None:
    """Raise `UsageError` where no unit has known kernels, so that no expected size exists."""
    if not any(unit.kernels_known for unit in units):
        names = ", ".join(unit.name for unit in units[:4]) + (", ..." if len(units) > 4 else "")
        raise UsageError(
            f"expected units of known kernel sizes, which differ, got none of {names}; they have"
            " no expected kernel size: look at the attention difference"
        )
