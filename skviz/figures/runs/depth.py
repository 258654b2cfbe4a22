"""The attention difference of all units along the depth of the network, one line per scale."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.unit_values import UnitValues
from skviz.figures.caption import (
    DEVIATION,
    Caption,
    mean_of,
    null_words,
    unit_title,
    units_in_words,
)
from skviz.figures.layout.page import figure_size, fit_label, keep_ticks, most_height, own_axes
from skviz.figures.layout.ticks import label_units
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.provenance import Provenance
from skviz.figures.runs.null_bands import draw_band, extra_height, legend_columns, null_handle
from skviz.figures.selection import has_differences
from skviz.figures.style.palette import line_handles, scale_styles
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

    paper_words = UnitBars.paper_words

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    stages: tuple[int | None, ...]
    errors: FloatArray | None = None
    quantity: str = "attention difference"
    zero: bool = True
    null: FloatArray | None = None
    change: FloatArray | None = None

    def __post_init__(self) -> None:
        self._check_shape("values", self.values)
        if self.null is not None and self.null.shape != (len(self.units), 2):
            raise UsageError(
                f"expected a null of shape (units, 2) = {(len(self.units), 2)},"
                f" got {self.null.shape}"
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

    def lay_paper(self, figure: Figure) -> None:
        """Mark the paper's means (figure 3 (c)) on the lines."""
        from skviz.figures.runs.published import lay_over_depth

        lay_over_depth(figure.axes[0], self)

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        text = [
            f"{mean_of(provenance, self.quantity)} of {counted(len(self.units), 'unit')} in the"
            f" order of execution, one line per scale ({scales_in_words(self.scales)}).",
            "Vertical lines separate the stages.",
        ]
        marks = [] if self.errors is None else [f"Bands: {DEVIATION}."]
        if self.null is not None:
            marks.append(null_words(self.scales))
        alt = (
            f"Line chart of the {self.quantity} along the depth of the network, over"
            f" {counted(len(self.units), 'unit')}."
        )
        alt = " ".join([alt, *units_in_words(self.values, self.units, self.scales, self.change)])
        title = unit_title(self.values, self.units, self.scales, self.quantity, self.change)
        return Caption(title, tuple(text), tuple(marks), provenance, alt)

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return the chart of an office program; none where a band of random networks shows."""
        if self.null is not None:
            return []
        chart = NativeChart(
            kind="line",
            caption=replace(caption, drawn=caption.drawn[:1]),  # without the lines of stages
            x=self.units,
            scales=self.scales,
            values=self.values.T,
            errors=None if self.errors is None else self.errors.T,
            x_title="SK unit, in the order of execution",
            y_title=self.quantity,
            ticks=ticks_of(self.values, self.errors, 0.0 if self.zero else None),
        )
        return [chart]

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the lines on `ax`, or on a new figure, and return the display."""
        own = ax is None
        width, height = figure_size()
        more = 0 if self.null is None else extra_height()
        ax, figure = own_axes(ax, width, min(height + more, most_height()))
        keep_ticks(ax)
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
        if self.zero:
            ax.axhline(0, color=matplotlib.rcParams["text.color"], linewidth=0.8)
        for index in range(1, len(x)):
            if self.stages[index] != self.stages[index - 1]:
                ax.axvline(index - 0.5, color=matplotlib.rcParams["axes.edgecolor"], lw=0.6)
        ax.set_xlim(-0.6, len(x) - 0.4)
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("SK unit, in the order of execution")
        ax.set_ylabel(self.quantity, parse_math=False)
        ax.legend(
            handles=handles,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=min(len(styles), 8) if self.null is None else legend_columns(handles, room),
            borderaxespad=0.2,
        )
        label_units(ax, self.units)
        if own:
            figure.draw_without_rendering()  # settles the width of the axes
            label_units(ax, self.units)
            fit_label(ax)
        return self._drawn(figure, ax)
