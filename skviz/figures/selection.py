"""Which part of an attention or a run a figure shows: resolved once, with errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skviz.capture.attention import Attention
from skviz.errors import UnitError, UsageError
from skviz.inference.changes import change_intervals
from skviz.quantities import EXPECTED_KERNEL, Quantity, find_quantity, require_kernels
from skviz.scales import Scales
from skviz.typing import FloatArray
from skviz.units import Unit, paper_units, select_units

if TYPE_CHECKING:
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary


@dataclass(frozen=True, eq=False)
class Selection:
    """What of a run a figure shows: units, scales, quantity, and random networks.

    `units` are in the run's order, `columns` the indices of the scales, ascending, `null` the
    measurements of random networks on the same images.
    """

    summary: Summary
    units: tuple[Unit, ...]
    columns: tuple[int, ...]
    quantity: Quantity
    null: tuple[AnyMeasurements, ...]

    @classmethod
    def of(
        cls,
        summary: Summary,
        units: str | Iterable[str] | None = None,
        *,
        scales: Sequence[float] | None = None,
        quantity: str | None = None,
        null: Sequence[AnyMeasurements] = (),
    ) -> Selection:
        """Resolve what was asked for.

        By default the last unit of every stage, all scales, and the summary's own quantity.
        Raises `UnitError` for an unknown unit, `ScaleError` for a scale that the run does not
        have, and `UsageError` for an unknown quantity or kernels of unknown size.
        """
        known = summary.units
        chosen = paper_units(known) if units is None else select_units(units, known)
        shown = find_quantity(summary.options.quantity if quantity is None else quantity)
        if shown == EXPECTED_KERNEL:
            require_kernels(chosen)
        wanted = summary.scales if scales is None else scales
        have = Scales(summary.scales)
        columns = sorted({have.index(scale, "scales of the run ({})") for scale in wanted})
        return cls(summary, tuple(chosen), tuple(columns), shown, tuple(null))

    @property
    def rows(self) -> list[int]:
        """The indices of the units in the run."""
        return [self.summary.units.index(unit) for unit in self.units]

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales that are shown, ascending."""
        return tuple(self.summary.scales[column] for column in self.columns)

    @property
    def kernels(self) -> bool:
        """Whether the expected kernel size is shown in place of attention."""
        return self.quantity == EXPECTED_KERNEL

    @property
    def unit(self) -> Unit:
        """The only unit; raises `UnitError` where several are chosen."""
        if len(self.units) != 1:
            names = ", ".join(unit.name for unit in self.units)
            raise UnitError(f"expected the name of one unit, got {names}")
        return self.units[0]

    @property
    def change(self) -> FloatArray:
        """Intervals of the mean change of the units over the scales, (U, 2)."""
        return change_intervals(self.summary, self.quantity, self.rows, self.columns)

    def channels(self, branch: int | None) -> FloatArray:
        """Return the mean over images per scale and channel of the only unit, (V, C).

        Of the attention of a branch, by default of the largest kernel; or the expected kernel
        size. Raises `UsageError` for a branch with the latter, which is over all branches.
        """
        unit = self.unit
        mean = self.summary.measurements.channels[unit.name].mean
        if not self.kernels:
            return mean[list(self.columns), unit.checked_branch(branch)]
        if branch is not None:
            raise UsageError(
                f"expected no branch with the expected kernel size, which is over all branches, got"
                f" {branch}; leave one of them out"
            )
        return EXPECTED_KERNEL.of(mean, unit, axis=1)[list(self.columns)]


def has_differences(units: Iterable[Unit]) -> bool:
    """Tell whether a unit has branches whose attention differs; gates have one."""
    return any(unit.branches > 1 for unit in units)


def required_scales(attention: Attention) -> tuple[float, ...]:
    """Return the scales of the attention; raises `UsageError` where it has none."""
    if attention.scales is None:
        raise UsageError(
            "expected the attention of one image at several scales, got a batch without scales;"
            " give the probe what `enlarge` returns"
        )
    return attention.scales
