"""The attention difference per unit (paper, figure 3, right)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from skviz.capture.attention import Attention
from skviz.figures.attention.unit_values import UnitValues
from skviz.figures.caption import Caption, mean_of, null_words
from skviz.figures.display import check_shape
from skviz.figures.layout.page import chart_axes, legend_above
from skviz.figures.layout.ticks import label_units
from skviz.figures.native import NativeChart
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
from skviz.figures.wording import branch_phrase, scales_in_words, upper_first
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

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    errors: FloatArray | None = None
    quantity: str = DIFFERENCE
    base: float = 0.0
    null: FloatArray | None = None
    change: FloatArray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.units), len(self.scales))
        check_shape("values", self.values, "units, scales", shape)
        check_shape("a null", self.null, "units, scales, 2", (*shape, 2))
        check_shape("errors", self.errors, "units, scales", shape)

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
        known = attention.units
        chosen = paper_units(known) if units is None else select_units(units, known)
        if branch is None and all(unit.branches == 1 for unit in chosen):
            branch = 0  # gates: their mean, for there is no difference
        if branch is None:
            values = [attention.difference(unit.name) for unit in chosen]
        else:
            values = [attention.branch(u.name, branch).astype(float).mean(axis=1) for u in chosen]
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
        mean, std = ("expected_kernel", "expected_kernel_std") if shown.kernels else ("mean", "std")
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

    @property
    def hatched(self) -> bool:
        """Whether bars are wide enough for a hatch per scale beside its colour."""
        return self.values.size <= _MOST_HATCHED

    @property
    def heading(self) -> tuple[str, str]:
        """The quantity in two parts: a title above the chart, and the label of its y axis."""
        title, _, detail = self.quantity.partition(" (")
        return upper_first(title), detail.removesuffix(")")

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        drawn = (
            f"{mean_of(provenance, self.quantity)} per unit, one bar per scale"
            f" ({scales_in_words(self.scales)}).",
        )
        alt = f"Bar chart of the {self.quantity} of {counted(len(self.units), 'unit')}."
        return self._caption(provenance, drawn, "Error bars", null_words(scales=None), alt)

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return the chart of an office program; none where a band of random networks shows."""
        base, hatched = self.base, self.hatched
        return self._native(
            base, kind="bars", caption=caption, x_title="SK unit", base=base, hatched=hatched
        )

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
        ax, figure = chart_axes(ax, extra_height(self.null))
        background = ax.get_facecolor()
        styles = scale_styles(self.scales, background)
        count = len(styles)
        bar = 0.8 / count
        line = matplotlib.rcParams["lines.linewidth"]
        whisker, cap = 0.55 * line, min(2 * line, 12 * bar)
        edge = whisker + 2 * _EDGE
        for index, style in enumerate(styles):
            x = np.arange(len(self.units)) + (index - (count - 1) / 2) * bar
            values = self.values[:, index]
            errors = None if self.errors is None else self.errors[:, index]
            ax.bar(
                x,
                values - self.base,
                bottom=self.base,
                width=bar * (0.94 if self.hatched else 1.0),
                yerr=errors,
                ecolor=matplotlib.rcParams["text.color"],
                capsize=cap,
                error_kw={"elinewidth": whisker, "capthick": whisker},
                **style.bar(background, self.hatched),
            )
            if errors is not None:
                # A light edge, without which whiskers would be lost on a dark bar.
                ax.errorbar(
                    x, values, errors, fmt="none", ecolor=background, elinewidth=edge,
                    capthick=edge, capsize=cap + _EDGE, zorder=1.9,
                )  # fmt: skip
                ax.containers.pop()  # It is no series of its own.
            if self.null is not None:
                low, high = self.null[:, index].T
                # In front of the bars, which would hide it, but behind their errors.
                band = ax.bar(
                    x, high - low, bottom=low, width=bar, zorder=1.5, **look(on_bars=True)
                )
                for patch in band:  # Its lower end is no place for the axes to end.
                    patch.sticky_edges.y.clear()
        ax.axhline(self.base, color=matplotlib.rcParams["text.color"], linewidth=0.8)
        ax.margins(y=0.08)
        ax.set_ylabel(self.quantity if label is None else label, parse_math=False)
        if title:
            ax.set_title(title, parse_math=False)
        if legend:
            handles = bar_handles(styles, background, self.hatched)
            room = figure.get_size_inches()[0] * 72
            if self.null is not None:
                handles.append(null_handle(on_bars=True, room=room))
            columns = min(count, 5) if self.null is None else legend_columns(handles, room)
            legend_above(ax, handles, columns)
        label_units(ax, self.units, settle=own)
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
