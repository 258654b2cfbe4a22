"""The classes of figure 4 as points: their order, their names, and which of them are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UnitError, UsageError, did_you_mean
from skviz.figures.display import check_shape
from skviz.figures.style.fonts import can_draw_all
from skviz.figures.style.text import storable
from skviz.numbers import signed
from skviz.statistics.moments import nan_mean
from skviz.typing import FloatArray

SORTS = ("index", "shift", "name")
_EXTREMES = 3  # classes that a panel names at either end


@dataclass(frozen=True, eq=False)
class ClassPoints:
    """Values per unit, scale and class, (U, V, K), in an order, all or some of them.

    The fields are those of `ClassCurves`.
    """

    values: FloatArray
    classes: NDArray[np.int64]
    scales: tuple[float, ...]
    units: tuple[str, ...]
    names: tuple[str, ...] | None = None
    every: int = 1
    smooth: int = 1
    sort: str = "index"

    def __post_init__(self) -> None:
        expected = (len(self.units), len(self.scales), len(self.classes))
        check_shape("values", self.values, "units, scales, classes", expected)
        if self.names is not None and len(self.names) != len(self.classes):
            raise UsageError(
                f"expected {len(self.classes)} names, one per class, got {len(self.names)}"
            )
        if not len(self.classes):
            raise UsageError(
                "expected labelled images, got none with a label: figure 4 shows classes"
            )
        for option, number in (("every", self.every), ("smooth", self.smooth)):
            if not 1 <= number <= len(self.classes):
                raise UsageError(
                    f"expected '{option}' from 1 to the {len(self.classes)} classes of the run,"
                    f" got {number}"
                )
        if self.every > 1 and self.smooth > 1:
            raise UsageError("expected 'every' or 'smooth', got both; leave one of them out")
        if self.sort not in SORTS:
            hint = did_you_mean(self.sort, SORTS)
            raise UsageError(f"expected a sort of {', '.join(SORTS)}, got '{self.sort}'.{hint}")
        if self.sort == "name" and self.names is None:
            raise UsageError("expected class names to sort by, got a run without; sort by index")

    def shift(self, unit: str) -> FloatArray:
        """Return the shift of every class (K,) from the first to the last scale."""
        values = self.values[self.index(unit)]
        shift: FloatArray = values[-1] - values[0]
        return shift

    def rising(self, unit: str) -> str:
        """Return "5 of 10": how many of the classes with a shift rise."""
        shift = self.shift(unit)
        return f"{(shift > 0).sum()} of {np.count_nonzero(~np.isnan(shift))}"

    def along(self, drawn: NDArray[np.int64], named: bool) -> NDArray[np.int64]:
        """Return where the drawn classes stand: at their index, or side by side."""
        if self.sort == "index" and not named:
            return self.classes[drawn]
        return np.arange(len(drawn)) * (1 if named else self.step)

    def order_label(self, named: bool) -> str:
        """Return what stands along the axis."""
        by_index = "class" if named else "class index"
        return {"shift": "classes, sorted by shift", "name": "classes by name"}.get(
            self.sort, by_index
        )

    @property
    def step(self) -> int:
        """How many classes there are from one point to the next."""
        return self.smooth if self.smooth > 1 else self.every

    def points(self, unit: str) -> tuple[NDArray[np.int64], FloatArray]:
        """Return what is drawn of a unit: classes (N,) by position, and values (V, N).

        With `smooth`, a point carries the first class that it is the mean of.
        """
        order = self.order(unit)
        return self.thinned(order, self.values[self.index(unit)][:, order])

    def thinned(
        self, order: NDArray[np.int64], values: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """Return the classes and values of sorted ones (V, K) that `every` or `smooth` leave."""
        if self.smooth > 1:
            starts = np.arange(0, len(order), self.smooth)
            groups = np.split(values, starts[1:], axis=1)
            return order[starts], np.stack([nan_mean(group, axis=1) for group in groups], axis=1)
        return order[:: self.every], values[:, :: self.every]

    def extremes(
        self, unit: str, count: int = _EXTREMES, *, drawn: bool = False
    ) -> tuple[list[str], list[str]]:
        """Name the classes that shift most upwards, and least or most downwards, with numbers.

        With `drawn` by their `drawn_name`.
        """
        name = self.drawn_name if drawn else self.name
        shift = self.shift(unit)
        order = np.argsort(shift)[: np.count_nonzero(~np.isnan(shift))]
        count = min(count, len(order) // 2)
        words = [f"{name(index)} {signed(shift[index])}" for index in order]
        return words[::-1][:count], words[:count]

    def name(self, index: int) -> str:
        """Return the name of a class by its position in `classes`."""
        return f"class {self.classes[index]}" if self.names is None else self.names[index]

    def drawn_name(self, index: int) -> str:
        """Return the name of a class, or its number where no installed font can draw the name."""
        name = self.name(index)
        return name if can_draw_all(storable(name)) else f"class {self.classes[index]}"

    def index(self, unit: str) -> int:
        """Return the position of a unit; raises `UnitError` for an unknown one."""
        names = [*self.units, *(name.removeprefix("SK_") for name in self.units)]
        if unit not in names:
            raise UnitError(f"unknown unit '{unit}'; this figure has {', '.join(self.units)}")
        return names.index(unit) % len(self.units)

    def order(self, unit: str) -> NDArray[np.int64]:
        """Return the positions of the classes in the order of `sort`, (K,)."""
        if self.sort == "shift":
            return np.argsort(-self.shift(unit), kind="stable")
        if self.sort == "name":
            words = [self.name(index).casefold() for index in range(len(self.classes))]
            return np.argsort(np.array(words), kind="stable")
        return np.arange(len(self.classes))
