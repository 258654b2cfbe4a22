"""The attention difference of all units along the depth of the network, one line per scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.bars import UnitBars
from skviz.figures.layout import own_axes
from skviz.figures.palette import line_handles, scale_styles

if TYPE_CHECKING:
    from skviz.analysis.summary import Summary

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DepthLines:
    """The attention difference of U units in the order of execution, one line per scale.

    `values` has shape (U, V), in [-1, 1]; `scales` has V entries; `units` names the units
    ("3_4"); `errors` (U, V) is the standard deviation over images, drawn as a band, or None;
    `stages` has the stage of each unit (None where there is none): a thin line parts them.
    """

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    stages: tuple[int | None, ...]
    errors: FloatArray | None = None
    quantity: str = "attention difference"

    def __post_init__(self) -> None:
        expected = (len(self.units), len(self.scales))
        if self.values.shape != expected:
            raise UsageError(
                f"expected values of shape (units, scales) = {expected}, got {self.values.shape}"
            )
        if len(self.stages) != len(self.units):
            raise UsageError(
                f"expected {len(self.units)} stages, one per unit, got {len(self.stages)}"
            )

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        units: str | Iterable[str] | None = None,
        *,
        scales: Sequence[float] | None = None,
        deviations: bool = False,
    ) -> DepthLines:
        """Take the units of a run, by default all of them, with all its scales.

        Raises `UnitError` for an unknown unit and `ScaleError` for an unknown scale.
        """
        bars = UnitBars.from_summary(
            summary, "all" if units is None else units, scales=scales, deviations=deviations
        )
        stages = {unit.short: unit.stage for unit in summary.units}
        return cls(
            values=bars.values,
            scales=bars.scales,
            units=bars.units,
            stages=tuple(stages[name] for name in bars.units),
            errors=bars.errors,
            quantity=bars.quantity,
        )

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the lines on `ax`, or on a new figure, and return the figure."""
        width, _ = matplotlib.rcParams["figure.figsize"]
        own = ax is None
        ax, figure = own_axes(ax, width, 0.42 * width)
        styles = scale_styles(self.scales, ax.get_facecolor())
        x = np.arange(len(self.units))
        for index, style in enumerate(styles):
            curve = self.values[:, index]
            ax.plot(
                x,
                curve,
                color=style.colour,
                marker=style.marker,
                linestyle=style.dash,
                label=style.label,
                zorder=3,
            )
            if self.errors is not None:
                spread = np.nan_to_num(self.errors[:, index])
                ax.fill_between(
                    x, curve - spread, curve + spread, color=style.colour, alpha=0.1, linewidth=0
                )
        ax.axhline(0, color=matplotlib.rcParams["text.color"], linewidth=0.8)
        for index in range(1, len(x)):
            if self.stages[index] != self.stages[index - 1]:
                ax.axvline(index - 0.5, color=matplotlib.rcParams["axes.edgecolor"], lw=0.6)
        ax.set_xlim(-0.6, len(x) - 0.4)
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("SK unit, in the order of execution")
        ax.set_ylabel(self.quantity, parse_math=False)
        ax.legend(
            handles=line_handles(styles),
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=min(len(styles), 8),
            borderaxespad=0.2,
        )
        names = UnitBars(self.values, self.scales, self.units)
        names.label_units(ax)
        if own:
            figure.draw_without_rendering()  # settles the width of the axes
            names.label_units(ax)
        return figure
