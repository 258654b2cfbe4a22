"""The attention of one kernel, channel by scale, and how it changes: a heat map per unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from skviz.errors import UsageError, did_you_mean
from skviz.figures.caption import Caption, mean_of, message
from skviz.figures.display import Display, PerUnit
from skviz.figures.layout.page import FEWEST_TICKS, Slot, new_figure, place, size_in_points
from skviz.figures.layout.ticks import ChannelLocator
from skviz.figures.provenance import Provenance
from skviz.figures.selection import Selection
from skviz.figures.style.text import clean, font_points, shorten, storable, text_width
from skviz.figures.wording import (
    branch_phrase,
    extremes,
    number,
    per_scale,
    scales_in_words,
    signed,
    upper_first,
)
from skviz.frames import grid_frame
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name
from skviz.numbers import counted
from skviz.quantities import EXPECTED_KERNEL
from skviz.scales import scale_labels
from skviz.statistics.moments import nan_mean
from skviz.typing import FloatArray
from skviz.units import paper_units

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.summary import Summary

SORTS = ("index", "shift")
# Heights in font sizes: of a scale, of the titles of both maps, and below them.
_ROW, _HEAD, _HEAD_2, _FOOT = 2.0, 2.2, 2.6, 4.0
_LEAST = 3.0  # of a map, however few scales there are


@dataclass(frozen=True, eq=False)
class ChannelHeatmap(PerUnit):
    """Mean attention of one branch of a unit: rows are scales, columns channels.

    The upper map shows it, the lower one the change from the first scale.

    Attributes
    ----------
    values
        Shape (V, C), in [0, 1].
    scales
        V of them.
    unit
        The unit's name.
    branch_label
        The kernel of the branch, "5x5".
    sort
        "index", or "shift": by the change from the first to the last scale, the largest first.
    quantity
        What the values are, where they are no attention.
    change
        Shape (2,): the interval over images of the change of the mean, or None.

    Examples
    --------
    >>> summary = skviz.summarise("runs/example", resamples=0)
    >>> chart = ChannelHeatmap.from_summary(summary, "3_4", sort="shift")
    >>> chart.values.shape, chart.branch_label
    ((2, 64), '5x5')
    >>> figure = chart.plot().figure_
    """

    values: FloatArray
    scales: tuple[float, ...]
    unit: str
    branch_label: str
    sort: str = "index"
    quantity: str | None = None
    change: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.scales):
            raise UsageError(
                f"expected values of shape ({len(self.scales)} scales, channels),"
                f" got {self.values.shape}"
            )
        if self.sort not in SORTS:
            hint = did_you_mean(self.sort, SORTS)
            raise UsageError(f"expected a sort of {', '.join(SORTS)}, got '{self.sort}'.{hint}")

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        unit: str,
        *,
        branch: int | None = None,
        scales: Sequence[float] | None = None,
        sort: str = "index",
        quantity: str | None = None,
    ) -> ChannelHeatmap:
        """Take one unit of a run; the branch is the one of the largest kernel by default.

        `quantity` "expected_kernel" shows the expected kernel size over all branches (default:
        the summary's own quantity). Raises `UnitError` for an unknown unit or branch,
        `ScaleError` for an unknown scale, `UsageError` for a quantity that does not fit.
        """
        shown = Selection.of(summary, unit, scales=scales, quantity=quantity)
        return cls(
            values=shown.channels(branch),
            scales=shown.scales,
            unit=shown.unit.name,
            branch_label=shown.unit.branch_label(shown.unit.checked_branch(branch)),
            sort=sort,
            quantity=EXPECTED_KERNEL.axis_label if shown.kernels else None,
            change=shown.change[0],
        )

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return a map of the last unit of every stage."""
        return [
            (f"{name}_{unit.name}", cls.from_summary(summary, unit.name, sort="shift"))
            for unit in paper_units(summary.units)
        ]

    @classmethod
    def page(cls, displays: Sequence[ChannelHeatmap], paper: bool = False) -> Figure:
        """Draw the maps below each other."""
        return plot_heatmaps(displays)

    @property
    def order(self) -> NDArray[np.int64]:
        """The channels in the order of the columns, shape (C,)."""
        if self.sort == "index":
            return np.arange(self.values.shape[1])
        return np.argsort(self.values[0] - self.values[-1], kind="stable")

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        scales, unit, values = self.scales, storable(self.unit), self.values
        branch, count = branch_phrase(self.branch_label), self.values.shape[1]
        order = "their index" if self.sort == "index" else "their change, the largest first"
        quantity = self.quantity or f"attention of {branch}"
        what = f"{quantity} in {unit}, {counted(count, 'channel')} in the order of {order}"
        text = [f"{mean_of(provenance, what)}; one row per scale ({scales_in_words(scales)})."]
        means = nan_mean(values, axis=1)
        alt = [
            f"Heat map of the {what}. Values go from {number(np.nanmin(values))} to"
            f" {number(np.nanmax(values))}; mean over channels {per_scale(means, scales)}."
        ]
        if len(scales) == 1:
            title = message(unit, f"the {quantity}", means, scales)
            return Caption(title, tuple(text), (), provenance, " ".join(alt))
        labels = scale_labels(scales)
        text.append(f"The lower map shows the change from {labels[0]}.")
        change = values[-1] - values[0]
        rising = int((change > 0).sum())
        where = f"from {labels[0]} to {labels[-1]}"
        if found := extremes(change):
            low, high = found
            alt.append(
                f"{upper_first(where)} {rising} of {count} channels rise, most channel {high}"
                f" ({signed(change[high])}), least channel {low} ({signed(change[low])})."
            )
        title = f"{unit}: {rising} of {count} channels rise {where}"
        if change_name(self.change) == NO_CLEAR_CHANGE:
            title = f"{unit}: {NO_CLEAR_CHANGE} {where} ({rising} of {count} channels rise)"
        return Caption(title, tuple(text), (), provenance, " ".join(alt))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per scale and channel."""
        axes = {"unit": [self.unit], "kernel": [self.branch_label], "scale": self.scales}
        channels = range(self.values.shape[1])
        return grid_frame({**axes, "channel": channels}, {"attention": self.values})

    def plot(self) -> Self:
        """Draw the maps on a new figure, and return the display."""
        return self._drawn(plot_heatmaps([self]))

    @property
    def height(self) -> float:
        """How high the maps with their labels are, in font sizes."""
        rows = len(self.scales)
        changes = _HEAD_2 + max(_LEAST, _ROW * (rows - 1)) if rows > 1 else 0
        return _HEAD + max(_LEAST, _ROW * rows) + changes + _FOOT

    def draw(self, figure: Figure, top: float) -> None:
        """Draw the maps across a figure, `top` font sizes below its upper edge."""
        values = self.values[:, self.order]
        labels = scale_labels(self.scales)
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        dust = 0 if high > low else 1e-6  # the ends of the colours are apart
        tall = max(_LEAST, _ROW * len(labels))
        colours = Normalize(low - dust, high + dust)
        ax = _map(figure, top + _HEAD, tall, values, labels, ("cividis", colours))
        quantity = self.quantity or f"attention of {branch_phrase(self.branch_label)}"
        size = font_points(matplotlib.rcParams["axes.titlesize"])
        # Drawn in pixels, text is a little wider than measured. Long names lose their beginning.
        room, title = 0.95 * size_in_points(ax)[0], f"{clean(self.unit)}: {quantity}"
        title = shorten(title, room, size, weight="bold", keep_end=True)
        ax.set_title(title, parse_math=False)
        if len(labels) > 1:
            ax.set_xticklabels([])
            change = values[1:] - values[0]
            most = float(np.nanmax(np.abs(change), initial=0)) or 1e-6
            colours = TwoSlopeNorm(0, -most, most)
            top += _HEAD + tall + _HEAD_2
            tall = max(_LEAST, _ROW * (len(labels) - 1))
            ax = _map(figure, top, tall, change, labels[1:], ("PuOr_r", colours))
            text = f"change from {labels[0]}"
            ax.set_title(text, weight="normal", size=font_points("small"))
        ax.set_xlabel("channel" if self.sort == "index" else "channel, sorted by its change")


def plot_heatmaps(maps: Sequence[ChannelHeatmap]) -> Figure:
    """Draw the maps of several units below each other on a new figure."""
    em = float(matplotlib.rcParams["font.size"]) / 72
    width = float(matplotlib.rcParams["figure.figsize"][0])
    figure = new_figure(width, sum(chart.height for chart in maps) * em)
    top = 0.0
    for chart in maps:
        chart.draw(figure, top)
        top += chart.height
    return figure


def _map(
    figure: Figure,
    top: float,
    tall: float,
    values: FloatArray,
    labels: Sequence[str],
    colours: tuple[str, Normalize],
) -> Axes:
    """Draw one map and its colour bar; `top` and `tall` in font sizes."""
    import seaborn  # takes a second

    points = float(matplotlib.rcParams["font.size"])
    em = points / 72
    label = max(text_width(text, points) for text in labels) / 72
    left, right = label + em, 6.8 * em
    width = float(figure.get_size_inches()[0]) - left - right
    ax, side = figure.add_axes((0, 0, 1, 1)), figure.add_axes((0, 0, 1, 1))
    place(ax, Slot(left, top * em, width, tall * em))
    place(side, Slot(left + width + 0.6 * em, top * em, em, tall * em))
    seaborn.heatmap(
        values, ax=ax, cbar_ax=side, cmap=colours[0], norm=colours[1], rasterized=True,
        xticklabels=False,
    )  # fmt: skip
    # seaborn's cells lie between whole numbers: a channel's is to lie around its number.
    (cells,) = ax.collections
    cells.set_transform(Affine2D().translate(-0.5, -0.5) + ax.transData)
    ax.set(xlim=(-0.5, values.shape[1] - 0.5), ylim=(len(values) - 0.5, -0.5))
    ax.set_yticks(range(len(labels)), labels, rotation=0)
    ax.xaxis.set_major_locator(ChannelLocator())
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.grid(False)
    ax.tick_params(axis="y", length=0)
    bar = cells.colorbar
    assert bar is not None, "heatmap makes one"
    bar.locator = MaxNLocator(3, min_n_ticks=FEWEST_TICKS)
    bar.update_ticks()
    return ax
