"""The convolution kernel of a branch: its size, dilation and what they make together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from skviz.errors import UnitError

Sides = int | tuple[int, ...]


@dataclass(frozen=True)
class Kernel:
    """One branch's convolution kernel.

    One number stands for a square kernel over images; sides that differ, signals and volumes have
    a number per axis: `Kernel((3, 1), dilation=(2, 1))` is a 5x1, `Kernel((3,))` a 3.

    Parameters
    ----------
    size
        In pixels of the feature map, before dilation.
    dilation
        Distance of its elements in pixels of the feature map.
    groups
        Number of convolution groups.

    Raises
    ------
    UnitError
        Where sizes and dilations are of different axes.

    Examples
    --------
    >>> kernel = skviz.Kernel(3, dilation=2)
    >>> kernel.label, kernel.effective
    ('5x5', 5)
    """

    size: Sides
    dilation: Sides = 1
    groups: int = 1

    def __post_init__(self) -> None:
        # Written in one way only, so that equal kernels are equal.
        size, dilation = self.size, _one(self.dilation)
        if isinstance(size, tuple) and isinstance(dilation, tuple) and len(size) != len(dilation):
            raise UnitError(
                f"expected one dilation, or one for each of {len(size)} sides, got {dilation}"
            )
        if isinstance(size, int) and isinstance(dilation, tuple):
            size = (size,) * len(dilation)
        if isinstance(size, tuple) and len(size) == 2 and isinstance(dilation, int):
            size = _one(size)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "dilation", dilation)

    @property
    def sides(self) -> tuple[int, ...]:
        """Effective kernel size per axis, (k - 1) * dilation + 1 (paper, section 3.1)."""
        return tuple((size - 1) * dilation + 1 for size, dilation in self._axes)

    @property
    def longest(self) -> tuple[int, int]:
        """Size and dilation along the axis of the longest effective side."""
        return max(self._axes, key=lambda axis: (axis[0] - 1) * axis[1])

    @property
    def effective(self) -> int:
        """Effective kernel size as one number: the longest side.

        It is the size that an expected kernel counts. For a square kernel it is the side.
        """
        return max(self.sides)

    @property
    def order(self) -> tuple[int, int]:
        """What tells the larger of two kernels: the longest side, and where equal the area."""
        return self.effective, math.prod(self.sides)

    @property
    def label(self) -> str:
        """The kernel by its effective size, as the paper writes it: "5x5"; "5" for signals."""
        return "x".join(map(str, self.sides))

    @property
    def _axes(self) -> tuple[tuple[int, int], ...]:
        size = self.size if isinstance(self.size, tuple) else (self.size,) * 2
        dilated = isinstance(self.dilation, tuple)
        dilation = self.dilation if dilated else (self.dilation,) * len(size)
        return tuple(zip(size, dilation, strict=True))  # type: ignore[arg-type]

    def __str__(self) -> str:
        if self.dilation == 1:
            return self.label
        size = "x".join(str(size) for size, _ in self._axes)
        dilation = "x".join(map(str, self.dilation)) if isinstance(self.dilation, tuple) else ""
        return f"{self.label} ({size}, dilation {dilation or self.dilation})"


def _one(value: Sides) -> Sides:
    """One number where all are the same."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
