"""What is followed over scales: the attention difference, or the expected kernel size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from skviz.errors import UsageError, did_you_mean
from skviz.numbers import first_of
from skviz.units import Unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from skviz.typing import Float32Array, FloatArray


class PerImage(Protocol):
    """Both quantities per image, scale and unit, each (N, V, U); nan where there is none."""

    @property
    def difference(self) -> Float32Array: ...
    @property
    def expected_kernel(self) -> Float32Array: ...


@dataclass(frozen=True)
class Quantity:
    """A number made of the attention of all branches of a unit.

    `key` is its name as an option and a column, `label` its name for a reader, `unit` what it
    is measured in (empty: nothing), `base` the value of given units that others grow from.
    """

    key: str
    label: str
    unit: str
    base: Callable[[Sequence[Unit]], float]
    formula: Callable[[FloatArray, Unit], FloatArray]

    def of(self, attention: ArrayLike, unit: Unit, axis: int = -1) -> FloatArray:
        """Return the quantity of attention whose branches lie along an axis, which goes.

        nan where the unit has none. It is linear: the quantity of a mean is the mean of it.

        Examples
        --------
        >>> from skviz.units import Kernel, Unit
        >>> unit = Unit("SK_3_4", "", (Kernel(3), Kernel(3, dilation=2)), channels=2)
        >>> attention = [[0.25, 0.5], [0.75, 0.5]]  # branches, channels
        >>> DIFFERENCE.of(attention, unit, axis=0).tolist()
        [0.5, 0.0]
        >>> EXPECTED_KERNEL.of(attention, unit, axis=0).tolist()
        [4.5, 4.0]
        """
        return self.formula(np.moveaxis(np.asarray(attention, np.float64), axis, -1), unit)

    def per_image(self, measured: PerImage) -> Float32Array:
        """Return one value per image, scale and unit, (N, V, U), of what was measured."""
        values: Float32Array = getattr(measured, self.key)
        return values

    @property
    def axis_label(self) -> str:
        """The name with what it is measured in: "expected kernel (pixels)"."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def kernel_sizes(unit: Unit) -> FloatArray:
    """Return the effective kernel size per branch, (M,); all nan where there is no expected one.

    That is where kernels are unknown or all alike, see `Unit.kernels_known`.
    """
    return unit.to_numpy() if unit.kernels_known else np.full(unit.branches, np.nan)


def require_kernels(units: Sequence[Unit]) -> None:
    """Raise `UsageError` where no unit has known kernels, so that no expected size exists."""
    if not any(unit.kernels_known for unit in units):
        names = first_of([unit.name for unit in units])
        raise UsageError(
            f"expected units of known kernel sizes, which differ, got none of {names}; they have"
            " no expected kernel size: look at the attention difference"
        )


def _difference(attention: FloatArray, unit: Unit) -> FloatArray:
    """Largest minus smallest kernel (section 4.4); a gate has nothing to subtract."""
    if unit.branches < 2:
        return np.full(attention.shape[:-1], np.nan)
    return attention[..., unit.largest] - attention[..., unit.smallest]


def _expected_kernel(attention: FloatArray, unit: Unit) -> FloatArray:
    expected: FloatArray = (attention * kernel_sizes(unit)).sum(axis=-1)
    return expected


def _smallest_kernel(units: Sequence[Unit]) -> float:
    return min(float(kernel_sizes(unit).min()) for unit in units if unit.kernels_known)


DIFFERENCE = Quantity("difference", "attention difference", "", lambda _: 0.0, _difference)
EXPECTED_KERNEL = Quantity(
    "expected_kernel", "expected kernel", "pixels", _smallest_kernel, _expected_kernel
)
QUANTITIES = {quantity.key: quantity for quantity in (DIFFERENCE, EXPECTED_KERNEL)}


def find_quantity(key: str) -> Quantity:
    """Return the quantity of that key; raises `UsageError` unless it is one of `QUANTITIES`."""
    if key not in QUANTITIES:
        hint = did_you_mean(key, QUANTITIES)
        raise UsageError(f"expected a quantity of {', '.join(QUANTITIES)}, got '{key}'.{hint}")
    return QUANTITIES[key]
