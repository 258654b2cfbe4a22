"""The attention difference of all units along the depth of the network, one line per scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from skviz.errors import UsageError
from skviz.figures.attention.bars import DIFFERENCE, UnitBars
from skviz.figures.attention.unit_values import UnitValues
from skviz.figures.caption import Caption, mean_of, null_words
from skviz.figures.display import check_shape
from skviz.figures.layout.page import chart_axes, legend_above
from skviz.figures.layout.ticks import label_units
from skviz.figures.native import NativeChart
from skviz.figures.provenance import Provenance
from skviz.figures.runs.null_bands import draw_band, extra_height, legend_columns, null_handle
from skviz.figures.selection import has_differences
from skviz.figures.style.palette import draw_line, line_handles, scale_styles
from skviz.figures.wording import scales_in_words
from skviz.numbers import counted
from skviz.scales import scale_labels
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.figures.display import Display
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary


@dataclass(frozen=True, eq=False)
class DepthLines(UnitValues):
    """The attention difference of U units in the order of execution, one line per scale.

    Attributes
    ----------
    values
        Shape (U, V), in [-1, 1].
    scales
        V of them.
    units
        The names of the U units, "3_4".
    stages
        The stage of each unit, None where there is none: a thin line parts them.
    errors
        Shape (U, V): the standard deviation over images, drawn as a band, or None.
    quantity
        The label of the y axis.
    zero
        Whether the axis shows zero, which the attention difference has, a kernel size has not.
    null
        Shape (U, 2): where random networks would put the last of the scales, or None.
    change
        Shape (U, 2): the intervals over images of the change from the first to the last scale, or
        None.

    Examples
    --------
    >>> depth = DepthLines.from_summary(skviz.summarise("runs/example", resamples=0))
    >>> depth.units, depth.stages
    (('3_4',), (3,))
    >>> figure = depth.plot().figure_
    """

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    stages: tuple[int | None, ...]
    errors: FloatArray | None = None
    quantity: str = DIFFERENCE
    zero: bool = True
    null: FloatArray | None = None
    change: FloatArray | None = None

    def __post_init__(self) -> None:
        count = len(self.units)
        check_shape("values", self.values, "units, scales", (count, len(self.scales)))
        check_shape("a null", self.null, "units, 2", (count, 2))
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
        quantity: str | None = None,
        null: Sequence[AnyMeasurements] = (),
    ) -> DepthLines:
        """Take the units of a run, by default all of them, with all its scales.

        `quantity` and `null` are those of `UnitBars.from_summary`. Raises `UnitError` for an
        unknown unit, `ScaleError` for an unknown scale, `UsageError` for a quantity that does
        not fit.
        """
        bars = UnitBars.from_summary(
            summary,
            "all" if units is None else units,
            scales=scales,
            deviations=deviations,
            quantity=quantity,
            null=null,
        )
        stages = {unit.short: unit.stage for unit in summary.units}
        return cls(
            values=bars.values,
            scales=bars.scales,
            units=bars.units,
            stages=tuple(stages[name] for name in bars.units),
            errors=bars.errors,
            quantity=bars.quantity,
            zero=bars.base == 0,
            null=None if bars.null is None else bars.null[:, -1],
            change=bars.change,
        )

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return the lines where there are several units."""
        several = len(summary.units) > 1 and has_differences(summary.units)
        return super().in_report(name, summary) if several else []

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        count = counted(len(self.units), "unit")
        drawn = (
            f"{mean_of(provenance, self.quantity)} of {count} in the order of execution, one line"
            f" per scale ({scales_in_words(self.scales)}).",
            "Vertical lines separate the stages.",
        )
        alt = f"Line chart of the {self.quantity} along the depth of the network, over {count}."
        return self._caption(provenance, drawn, "Bands", null_words(self.scales), alt)

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return the chart of an office program; none where a band of random networks shows."""
        caption = replace(caption, drawn=caption.drawn[:1])  # without the lines of stages
        base = 0.0 if self.zero else None
        x_title = "SK unit, in the order of execution"
        return self._native(base, kind="line", caption=caption, x_title=x_title)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the lines on `ax`, or on a new figure, and return the display."""
        own = ax is None
        ax, figure = chart_axes(ax, extra_height(self.null))
        styles = scale_styles(self.scales, ax.get_facecolor())
        x = np.arange(len(self.units))
        handles: list[Artist] = [*line_handles(styles)]
        room = figure.get_size_inches()[0] * 72
        if self.null is not None:
            # One mark per unit is more than one point of an area: it shows for one unit, too.
            low, high = np.repeat(self.null, 2, axis=0).T
            draw_band(ax, np.stack([x - 0.5, x + 0.5], axis=1).ravel(), low, high)
            handles.append(null_handle(scale_labels(self.scales)[-1], room=room))
        for index, style in enumerate(styles):
            spread = None if self.errors is None else self.errors[:, index]
            draw_line(ax, x, self.values[:, index], style, spread, zorder=3)
        if self.zero:
            ax.axhline(0, color=matplotlib.rcParams["text.color"], linewidth=0.8)
        for index in range(1, len(x)):
            if self.stages[index] != self.stages[index - 1]:
                ax.axvline(index - 0.5, color=matplotlib.rcParams["axes.edgecolor"], lw=0.6)
        ax.set_ylabel(self.quantity, parse_math=False)
        columns = min(len(styles), 8) if self.null is None else legend_columns(handles, room)
        legend_above(ax, handles, columns)
        label_units(ax, self.units, settle=own)
        return self._drawn(figure, ax)
