"""The attention difference per unit (paper, figure 3, right)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.figures.attention.unit_values import UnitValues
from skviz.figures.caption import (
    DEVIATION,
    Caption,
    mean_of,
    null_words,
    unit_title,
    units_in_words,
)
from skviz.figures.layout.page import (
    figure_size,
    fit_label,
    keep_ticks,
    most_height,
    own_axes,
)
from skviz.figures.layout.ticks import label_units
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.provenance import Provenance
from skviz.figures.runs.null_bands import (
    extra_height,
    legend_columns,
    look,
    null_handle,
    unit_bands,
)
from skviz.figures.selection import Selection, has_differences, required_scales
from skviz.figures.style.palette import bar_handles, scale_styles
from skviz.figures.wording import branch_phrase, scales_in_words
from skviz.numbers import counted
from skviz.quantities import EXPECTED_KERNEL
from skviz.typing import FloatArray
from skviz.units import Unit, paper_units, select_units

if TYPE_CHECKING:
    from skviz.figures.display import Display
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

DIFFERENCE = "attention difference"
_MOST_HATCHED = 40
_EDGE = 0.9  # points, of the light edge to either side of a whisker


@dataclass(frozen=True, eq=False)
class UnitBars(UnitValues):
    """Grouped bars of one quantity per unit and scale (figure 3, right).

    Attributes
    ----------
    values
        Shape (U, V); the attention difference, in [-1, 1], unless `quantity` says otherwise.
    scales
        V of them.
    units
        The names of the U units.
    errors
        Shape (U, V): the length of the error bars to either side, or None.
    quantity
        The label of the y axis.
    base
        Where bars start.
    null
        Shape (U, V, 2): where random networks would put each bar's end, nan where there is no such
        band, or None.
    change
        Shape (U, 2): the intervals over images of the change from the first to the last scale, or
        None.

    Examples
    --------
    >>> bars = UnitBars.from_summary(skviz.summarise("runs/example", resamples=0))
    >>> bars.units, bars.scales, bars.values.shape
    (('3_4',), (1.0, 2.0), (1, 2))
    >>> bars.plot().ax_.get_xlabel()
    'SK unit'
    """

    paper_words = "Open diamonds: the paper's values (figure 3 (c))."

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    errors: FloatArray | None = None
    quantity: str = DIFFERENCE
    base: float = 0.0
    null: FloatArray | None = None
    change: FloatArray | None = None

    def __post_init__(self) -> None:
        self._check_shape("values", self.values)
        self._check_shape("a null", self.null, ", 2")
        self._check_shape("errors", self.errors)

    @classmethod
    def from_attention(
        cls,
        attention: Attention,
        units: str | Iterable[str] | None = None,
        branch: int | None = None,
    ) -> UnitBars:
        """Compute the bars of the named units; by default the last unit of every stage.

        The value is the mean over channels of the attention of the largest kernel minus that
        of the smallest, or with `branch` the mean attention of that branch.

        Raises `UnitError` for an unknown unit or branch, and `UsageError` for attention
        without scales.
        """
        scales = required_scales(attention)
        if units is None:
            chosen = paper_units(attention.units)
        else:
            chosen = select_units(units, attention.units)
        if branch is None and all(unit.branches == 1 for unit in chosen):
            branch = 0  # gates: their mean, for there is no difference
        if branch is None:
            values = [attention.difference(unit.name) for unit in chosen]
        else:
            values = [
                attention.branch(unit.name, branch).astype(np.float64).mean(axis=1)
                for unit in chosen
            ]
        return cls(
            values=np.asarray(values, np.float64),
            scales=scales,
            units=tuple(unit.short for unit in chosen),
            quantity=_quantity(chosen, branch),
        )

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        units: str | Iterable[str] | None = None,
        *,
        scales: Sequence[float] | None = None,
        deviations: bool = True,
        quantity: str | None = None,
        null: Sequence[AnyMeasurements] = (),
    ) -> UnitBars:
        """Take the mean over all images of a run: figure 3 (c), right.

        By default the last unit of every stage at all scales; the error bars are the standard
        deviation over images. `quantity` is "difference" or "expected_kernel" (default: the
        summary's own); bars of the expected kernel size start at the smallest kernel. `null`
        are measurements of random networks on the same images, which make the bands.

        Raises `UnitError` for an unknown unit, `ScaleError` for a scale that the run does not
        have, and `UsageError` for an unknown quantity or kernels of unknown size.
        """
        shown = Selection.of(summary, units, scales=scales, quantity=quantity, null=null)
        mean, std = "mean", "std"
        if shown.kernels:
            mean, std = "expected_kernel", "expected_kernel_std"
        frame = summary.to_frame()
        shape = (len(summary.units), len(summary.scales))
        cells = np.ix_(shown.rows, shown.columns)
        return cls(
            values=frame[mean].to_numpy().reshape(shape)[cells],
            scales=shown.scales,
            units=tuple(unit.short for unit in shown.units),
            errors=frame[std].to_numpy().reshape(shape)[cells] if deviations else None,
            quantity=EXPECTED_KERNEL.axis_label if shown.kernels else _quantity(shown.units, None),
            base=shown.quantity.base(shown.units),
            null=unit_bands(shown) if null else None,
            change=shown.change,
        )

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return the bars; none of gates, whose one branch has nothing to subtract."""
        return super().in_report(name, summary) if has_differences(summary.units) else []

    def lay_paper(self, figure: Figure) -> None:
        """Mark the paper's means and deviations (figure 3 (c)) on the bars."""
        from skviz.figures.runs.published import lay_over_bars

        lay_over_bars(figure.axes[0], self)

    @property
    def hatched(self) -> bool:
        """Whether bars are wide enough for a hatch per scale beside its colour."""
        return self.values.size <= _MOST_HATCHED

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        text = [
            f"{mean_of(provenance, self.quantity)} per unit, one bar per scale"
            f" ({scales_in_words(self.scales)})."
        ]
        marks = [] if self.errors is None else [f"Error bars: {DEVIATION}."]
        if self.null is not None:
            marks.append(null_words(scales=None))
        alt = f"Bar chart of the {self.quantity} of {counted(len(self.units), 'unit')}."
        alt = " ".join([alt, *units_in_words(self.values, self.units, self.scales, self.change)])
        title = unit_title(self.values, self.units, self.scales, self.quantity, self.change)
        return Caption(title, tuple(text), tuple(marks), provenance, alt)

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return the chart of an office program; none where a band of random networks shows."""
        if self.null is not None:
            return []
        chart = NativeChart(
            kind="bars",
            caption=caption,
            x=self.units,
            scales=self.scales,
            values=self.values.T,
            errors=None if self.errors is None else self.errors.T,
            x_title="SK unit",
            y_title=self.quantity,
            ticks=ticks_of(self.values, self.errors, self.base),
            base=self.base,
            hatched=self.hatched,
        )
        return [chart]

    def plot(
        self,
        ax: Axes | None = None,
        *,
        legend: bool = True,
        title: str | None = None,
        label: str | None = None,
    ) -> Self:
        """Draw the bars on `ax`, or on a new figure, and return the display.

        `label` replaces the text of the y axis, which is the quantity.
        """
        own = ax is None
        width, height = figure_size()
        more = 0 if self.null is None else extra_height()
        ax, figure = own_axes(ax, width, min(height + more, most_height()))
        keep_ticks(ax)
        background = ax.get_facecolor()
        styles = scale_styles(self.scales, background)
        count = len(styles)
        bar = 0.8 / count
        middle = np.arange(len(self.units))
        whisker = 0.55 * matplotlib.rcParams["lines.linewidth"]
        cap = min(2 * matplotlib.rcParams["lines.linewidth"], 12 * bar)
        for index, style in enumerate(styles):
            ax.bar(
                middle + (index - (count - 1) / 2) * bar,
                self.values[:, index] - self.base,
                bottom=self.base,
                width=bar * (0.94 if self.hatched else 1.0),
                color=style.colour,
                edgecolor=background,
                linewidth=0,
                hatch=style.hatch if self.hatched else "",
                label=style.label,
                yerr=None if self.errors is None else self.errors[:, index],
                ecolor=matplotlib.rcParams["text.color"],
                capsize=cap,
                error_kw={"elinewidth": whisker, "capthick": whisker},
            )
            if self.errors is not None:
                # A light edge, without which whiskers would be lost on a dark bar.
                edge = whisker + 2 * _EDGE
                ax.errorbar(
                    middle + (index - (count - 1) / 2) * bar,
                    self.values[:, index],
                    self.errors[:, index],
                    fmt="none",
                    ecolor=background,
                    elinewidth=edge,
                    capthick=edge,
                    capsize=cap + _EDGE,
                    zorder=1.9,
                )
                ax.containers.pop()  # It is no series of its own.
            if self.null is not None:
                low, high = self.null[:, index].T
                # In front of the bars, which would hide it, but behind their errors.
                band = ax.bar(
                    middle + (index - (count - 1) / 2) * bar,
                    high - low,
                    bottom=low,
                    width=bar,
                    zorder=1.5,
                    **look(on_bars=True),
                )
                for patch in band:  # Its lower end is no place for the axes to end.
                    patch.sticky_edges.y.clear()
        ax.axhline(self.base, color=matplotlib.rcParams["text.color"], linewidth=0.8)
        ax.set_xlim(-0.6, len(self.units) - 0.4)
        ax.margins(y=0.08)
        ax.tick_params(axis="x", length=0)
        ax.set_ylabel(self.quantity if label is None else label, parse_math=False)
        if title:
            ax.set_title(title, parse_math=False)
        if legend:
            handles = bar_handles(styles, background, self.hatched)
            room = figure.get_size_inches()[0] * 72
            if self.null is not None:
                handles.append(null_handle(on_bars=True, room=room))
            # Above the axes: within them there may be no free corner.
            ax.legend(
                handles=handles,
                loc="lower right",
                bbox_to_anchor=(1, 1),
                ncols=min(count, 5) if self.null is None else legend_columns(handles, room),
                borderaxespad=0.2,
            )
        label_units(ax, self.units)
        if own:
            figure.draw_without_rendering()  # settles the size of the axes
            label_units(ax, self.units)
            fit_label(ax)
        return self._drawn(figure, ax)


def _quantity(units: Sequence[Unit], branch: int | None) -> str:
    if branch is not None:
        labels = {unit.branch_label(branch % unit.branches) for unit in units}
        label = labels.pop() if len(labels) == 1 else f"branch {branch}"
        return f"mean attention of {branch_phrase(label)}"
    pairs = {(unit.branch_label(unit.largest), unit.branch_label(unit.smallest)) for unit in units}
    if len(pairs) > 1:
        return f"{DIFFERENCE} (largest \N{MINUS SIGN} smallest kernel)"
    large, small = pairs.pop()
    return f"{DIFFERENCE} ({large} \N{MINUS SIGN} {small})"
