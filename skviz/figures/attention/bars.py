"""The attention difference per unit (paper, figure 3, right)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.errors import UsageError
from skviz.figures.attention.lines import branch_phrase, required_scales
from skviz.figures.expected import LABEL, shows_kernels
from skviz.figures.layout.page import (
    figure_size,
    fit_label,
    keep_tick_labels,
    most_height,
    own_axes,
    size_in_points,
)
from skviz.figures.layout.panels import choose_scales
from skviz.figures.runs.null_bands import (
    extra_height,
    legend_columns,
    look,
    null_handle,
    unit_bands,
)
from skviz.figures.style.palette import bar_handles, scale_styles
from skviz.figures.style.text import clean, font_points, shorten, text_width
from skviz.quantities import DIFFERENCE as QUANTITY, EXPECTED_KERNEL
from skviz.typing import FloatArray
from skviz.units import Unit, paper_units, select_units

if TYPE_CHECKING:
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

DIFFERENCE = "attention difference"
_SMALLEST_LABEL = 5.0  # points
_MOST_HATCHED = 40


@dataclass(frozen=True, eq=False)
class UnitBars:
    """Grouped bars of one quantity per unit and scale.

    `values` has shape (U, V); the default quantity is the attention difference, in [-1, 1].
    `scales` has V entries, `units` names the U units, `errors` (U, V) is the length of the
    error bars to either side, or None; `quantity` is the label of the y axis. Bars start at
    `base`. `null` (U, V, 2) is where random networks would put each bar's end, nan where there
    is no such band, or None. Figure 3, right.
    """

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    errors: FloatArray | None = None
    quantity: str = DIFFERENCE
    base: float = 0.0
    null: FloatArray | None = None

    def __post_init__(self) -> None:
        expected = (len(self.units), len(self.scales))
        if self.values.shape != expected:
            raise UsageError(
                f"expected values of shape (units, scales) = {expected}, got {self.values.shape}"
            )
        if self.null is not None and self.null.shape != (*expected, 2):
            raise UsageError(
                f"expected a null of shape (units, scales, 2) = {(*expected, 2)},"
                f" got {self.null.shape}"
            )
        if self.errors is not None and self.errors.shape != expected:
            raise UsageError(
                f"expected errors of shape (units, scales) = {expected}, got {self.errors.shape}"
            )

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
        known = summary.units
        chosen = paper_units(known) if units is None else select_units(units, known)
        columns = choose_scales(summary.scales, scales)
        kernels = shows_kernels(summary, quantity, chosen)
        mean, std = ("expected_kernel", "expected_kernel_std") if kernels else ("mean", "std")
        frame = summary.to_frame()
        shape = (len(known), len(summary.scales))
        rows = [known.index(unit) for unit in chosen]
        cells = np.ix_(rows, columns)
        bands = unit_bands(summary, null, rows, columns, kernels) if null else None
        return cls(
            values=frame[mean].to_numpy().reshape(shape)[cells],
            scales=tuple(summary.scales[column] for column in columns),
            units=tuple(unit.short for unit in chosen),
            errors=frame[std].to_numpy().reshape(shape)[cells] if deviations else None,
            quantity=LABEL if kernels else _quantity(chosen, None),
            base=(EXPECTED_KERNEL if kernels else QUANTITY).base(chosen),
            null=bands,
        )

    @property
    def hatched(self) -> bool:
        """Whether bars are wide enough for a hatch per scale beside its colour."""
        return self.values.size <= _MOST_HATCHED

    def plot(
        self,
        ax: Axes | None = None,
        *,
        legend: bool = True,
        title: str | None = None,
        label: str | None = None,
    ) -> Figure:
        """Draw the bars on `ax`, or on a new figure, and return the figure.

        `label` replaces the text of the y axis, which is the quantity.
        """
        own = ax is None
        width, height = figure_size()
        more = 0 if self.null is None else extra_height()
        ax, figure = own_axes(ax, width, min(height + more, most_height()))
        keep_tick_labels(ax)
        background = ax.get_facecolor()
        styles = scale_styles(self.scales, background)
        count = len(styles)
        bar = 0.8 / count
        middle = np.arange(len(self.units))
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
                capsize=min(3.0, 12 * bar),
                error_kw={"elinewidth": 0.8, "capthick": 0.8},
            )
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
        self.label_units(ax)
        if own:
            figure.draw_without_rendering()  # settles the size of the axes
            self.label_units(ax)
            fit_label(ax)
        return figure

    def label_units(self, ax: Axes) -> None:
        """Write the units' names below the bars: upright, smaller or fewer where space is short."""
        room = size_in_points(ax)[0] / (len(self.units) + 0.2)
        size = font_points(matplotlib.rcParams["xtick.labelsize"])
        names, pattern = _distinct_parts([clean(name) for name in self.units], 8 * size)
        names = [shorten(name, 8 * size, size, keep_end=True) for name in names]
        label_size = font_points(matplotlib.rcParams["axes.labelsize"])
        label = f"SK unit: {pattern}" if pattern else "SK unit"
        ax.set_xlabel(shorten(label, size_in_points(ax)[0], label_size), parse_math=False)
        rotation, every = 0, 1
        if max(text_width(name, size) for name in names) + 0.4 * size > room:
            rotation = 90
            size = max(_SMALLEST_LABEL, min(size, room / 1.2))
            every = max(1, math.ceil(1.2 * size / room - 1e-6))
        ax.set_xticks(np.arange(0, len(names), every), names[::every])
        for text in ax.get_xticklabels():
            text.set(rotation=rotation, fontsize=size, parse_math=False)


def _quantity(units: list[Unit], branch: int | None) -> str:
    if branch is not None:
        labels = {unit.branch_label(branch % unit.branches) for unit in units}
        label = labels.pop() if len(labels) == 1 else f"branch {branch}"
        return f"mean attention of {branch_phrase(label)}"
    pairs = {(unit.branch_label(unit.largest), unit.branch_label(unit.smallest)) for unit in units}
    if len(pairs) > 1:
        return f"{DIFFERENCE} (largest \N{MINUS SIGN} smallest kernel)"
    large, small = pairs.pop()
    return f"{DIFFERENCE} ({large} \N{MINUS SIGN} {small})"


def _distinct_parts(names: list[str], width: float) -> tuple[list[str], str]:
    """Return what differs between long dotted names, and the pattern that they share.

    "net.layer1.attn" and "net.layer2.attn" are "layer1" and "layer2" of "net.*.attn". Names
    that are no wider than `width` at their usual size stay as they are, without a pattern.
    """
    size = font_points(matplotlib.rcParams["xtick.labelsize"])
    if len(names) < 2 or max(text_width(name, size) for name in names) <= width:
        return names, ""
    parts = [name.split(".") for name in names]
    shortest = min(map(len, parts)) - 1  # something has to be left of each
    head = 0
    while head < shortest and len({part[head] for part in parts}) == 1:
        head += 1
    tail = 0
    while tail < shortest - head and len({part[-1 - tail] for part in parts}) == 1:
        tail += 1
    if head + tail == 0:
        return names, ""
    first = parts[0]
    pattern = ".".join([*first[:head], "*", *first[len(first) - tail :]])
    return [".".join(part[head : len(part) - tail]) for part in parts], pattern
