"""The attention of one kernel over the channels of a unit (paper, figure 3, left)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.errors import UsageError
from skviz.figures.attention.channel_points import ChannelPoints
from skviz.figures.caption import DEVIATION, Caption, mean_of, message, null_words
from skviz.figures.display import Display, PerUnit
from skviz.figures.layout.page import (
    chart_axes,
    fit_label,
    legend_above,
    root_figure,
    size_in_points,
)
from skviz.figures.layout.panels import PanelSizes, fitting_columns, on_slide, panels
from skviz.figures.layout.ticks import ChannelLocator
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.provenance import Provenance
from skviz.figures.runs.null_bands import (
    channel_band,
    draw_band,
    extra_height,
    legend_columns,
    null_handle,
)
from skviz.figures.selection import Selection, required_scales
from skviz.figures.style.palette import draw_line, line_handles, scale_styles
from skviz.figures.style.text import clean, font_points, shorten, storable, text_width
from skviz.figures.wording import branch_phrase, extremes, number, per_scale, scales_in_words, trend
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name, channel_change
from skviz.numbers import counted
from skviz.quantities import EXPECTED_KERNEL
from skviz.scales import scale_labels

if TYPE_CHECKING:
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary


@dataclass(frozen=True, eq=False)
class ChannelLines(ChannelPoints, PerUnit):
    """Line chart of the attention of one branch over channels, one line per scale (figure 3, left).

    Attributes
    ----------
    curves
        Shape (V, N), attention in [0, 1]: each of the N points is the mean of `group` consecutive
        channels (the last one of what is left).
    x
        Shape (N,): the first channel of each group.
    scales
        V of them.
    unit
        The unit's name.
    branch_label
        The kernel of the branch, "5x5".
    group
        How many channels a point stands for.
    channels
        C, how many there are.
    deviations
        Shape (V, N): the half width of a band around each curve, or None.
    quantity
        What the curves are, where they are no attention.
    null
        Shape (2, N): where random networks would put the last of the scales, or None.
    change
        Shape (2,): the interval over images of the change of the mean from the first to the last
        scale, or None.

    Examples
    --------
    >>> lines = ChannelLines.from_summary(skviz.summarise("runs/example", resamples=0), "3_4")
    >>> lines.unit, lines.branch_label, lines.group, lines.curves.shape
    ('SK_3_4', '5x5', 4, (2, 16))
    >>> len(lines.plot().ax_.lines)
    2
    """

    paper_words = (
        "Second panel: SK_3_4 of the paper's SKNet-50 (figure 3 (c)) over its own 256 channels,"
        " each point the mean of 16. Only the level and the order of the lines"
        " are comparable."
    )
    paper_details = ("Channels of two networks do not correspond.",)

    @classmethod
    def from_attention(
        cls, attention: Attention, unit: str, group: int | None = None, branch: int | None = None
    ) -> ChannelLines:
        """Compute the curves of one unit; by default of its largest kernel, with 16 points.

        `group` averages that many consecutive channels, from 1 (every channel) to C; the
        default is C / 16 as in the paper. `branch` chooses another branch than the largest.

        Raises `UsageError` for a bad `group` or attention without scales, and `UnitError` for
        an unknown unit or branch.
        """
        found = attention.unit(unit)
        values = attention.branch(unit, branch).astype(np.float64)
        index = found.checked_branch(branch)
        return cls._grouped(values, required_scales(attention), found, index, group)

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        unit: str,
        group: int | None = None,
        branch: int | None = None,
        *,
        scales: Sequence[float] | None = None,
        deviations: bool = False,
        quantity: str | None = None,
        null: Sequence[AnyMeasurements] = (),
    ) -> ChannelLines:
        """Take the mean over all images of a run: figure 3 (c), left.

        `group` and `branch` are those of `from_attention`. With `deviations` each point also
        gets the mean over its channels of their standard deviation over images.

        `quantity` "expected_kernel" shows the expected kernel size over all branches (default:
        the summary's own quantity); its deviations are not recorded per channel. `null` are
        measurements of random networks on the same images, which make a band.

        Raises `UsageError` for a bad `group` or a quantity that does not fit, `UnitError` for an
        unknown unit or branch, and `ScaleError` for a scale that the run does not have.
        """
        shown = Selection.of(summary, unit, scales=scales, quantity=quantity, null=null)
        found = shown.unit
        if shown.kernels and deviations:
            raise UsageError(
                "expected no deviations with the expected kernel size of channels, which are not"
                " recorded; leave the deviations out"
            )
        index = found.checked_branch(branch)
        lines = cls._grouped(shown.channels(branch), shown.scales, found, index, group)
        x, sizes = lines.x, lines.group_sizes
        spread = None
        if deviations:
            std = summary.measurements.channels[found.name].std[list(shown.columns), index]
            spread = np.add.reduceat(std, x, axis=1) / sizes
        return replace(
            lines,
            deviations=spread,
            quantity=EXPECTED_KERNEL.axis_label if shown.kernels else None,
            null=channel_band(shown, index, x, sizes) if null else None,
            change=channel_change(summary, found, index, shown.columns, shown.kernels),
        )

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return the lines of 3_4, or of the second of the paper's units."""
        return [(f"{name}_{chart.unit}", chart) for chart in cls.of_run(summary)]

    @classmethod
    def page(cls, displays: Sequence[ChannelLines], paper: bool = False) -> Figure:
        """Draw a panel per unit, and one with the paper's channels, which do not correspond."""
        from skviz.figures.runs.published import published_chart

        if paper:
            return plot_lines([*displays, published_chart(displays)], same_height=True)
        return plot_lines(displays) if len(displays) > 1 else displays[0].plot().figure_

    @property
    def value_label(self) -> str:
        """What the y axis shows."""
        return self.quantity or f"attention of {branch_phrase(self.branch_label)}"

    @property
    def short_label(self) -> str:
        """What the y axis of a small chart shows."""
        return f"{self.branch_label} attention" if self.quantity is None else "expected kernel"

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        means, scales, unit = self.means, self.scales, storable(self.unit)
        branch = branch_phrase(self.branch_label)
        kernels = self.quantity is not None
        quantity = "expected kernel size (pixels)" if kernels else f"attention of {branch}"
        what = f"{quantity} over the {counted(self.channels, 'channel')} of {unit}"
        each = "one point per channel"
        if self.group > 1:
            each = f"each point the mean of {self.group} consecutive channels"
        by_scale = f"one line per scale ({scales_in_words(scales)})"
        text = [f"{mean_of(provenance, what)}, {each}, {by_scale}."]
        marks = []
        if self.dense:
            step = int(self.mean_starts[1]) * self.group
            dots = "single channels" if self.group == 1 else f"means of {self.group}"
            marks.append(f"Dots: {dots}; lines: means of {step} consecutive channels.")
        if self.deviations is not None:
            marks.append(f"Bands: {DEVIATION}, averaged over the channels of a point.")
        unclear = change_name(self.change) == NO_CLEAR_CHANGE
        direction = "" if unclear else trend(means, scales)
        alt = [
            f"Line chart of the {what}.",
            f"Mean over channels: {per_scale(means, scales)}"
            + (f"; it {direction} with the scale." if direction else "."),
        ]
        for curve, label in zip(self.curves, scale_labels(scales), strict=True):
            if found := extremes(curve):
                low, high = found
                run = "points go" if self.dense else "the line runs"
                alt.append(
                    f"At {label} {run} from {number(curve[0])} to {number(curve[-1])},"
                    f" lowest {number(curve[low])} at channel {self.x[low]},"
                    f" highest {number(curve[high])} at channel {self.x[high]}."
                )
        if self.null is not None:
            marks.append(null_words(scales))
        mean = f"the mean {'expected kernel size' if kernels else quantity}"
        title = message(unit, mean, means, scales, change=self.change)
        return Caption(title, tuple(text), tuple(marks), provenance, " ".join(alt))

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return the chart of an office program; none of a band or of many dots."""
        if self.null is not None or self.dense:  # which native charts do not have
            return []
        chart = NativeChart(
            kind="xy",
            caption=caption,
            x=self.x.astype(np.float64),
            scales=self.scales,
            values=self.curves,
            errors=self.deviations,
            x_title="channel",
            y_title=self.value_label,
            ticks=ticks_of(self.curves, self.deviations),
            numbers=f"Mean over channels: {per_scale(self.means, self.scales)}.",
        )
        return [chart]

    def plot(
        self,
        ax: Axes | None = None,
        *,
        legend: bool = True,
        labels: tuple[str | None, str | None] | None = None,
    ) -> Self:
        """Draw the lines on `ax`, or on a new figure, and return the display.

        `labels` replaces the texts of the x and y axes, None leaving one out.
        """
        own = ax is None
        ax, figure = chart_axes(ax, extra_height(self.null))
        self._draw_curves(ax)
        x_label, y_label = labels if labels is not None else ("channel", self.value_label)
        ax.set_xlabel(x_label or "")
        ax.set_ylabel(y_label or "")
        ax.set_xmargin(0.03)
        ax.xaxis.set_major_locator(ChannelLocator())
        if legend and own:
            handles = self.handles(ax)
            room = 0.85 * 72 * figure.get_figwidth()
            legend_above(ax, handles, legend_columns(handles, room))
        elif legend:
            ax.legend(handles=self.handles(ax))
        self._name_above(ax)
        if own:
            figure.draw_without_rendering()  # settles the size of the axes
            self._name_above(ax, beside_legend=legend)
            fit_label(ax)
        return self._drawn(figure, ax)

    def _draw_curves(self, ax: Axes) -> None:
        """Draw curves and bands, one colour per scale, and the band of random networks.

        A line through hundreds of channels is noise over noise. There each channel is a small dot,
        and the line is the mean over successive points, as many as the paper draws.
        """
        x, curves = self.x.astype(np.float64), self.curves
        bands, null = self.deviations, self.null
        styles = scale_styles(self.scales, ax.get_facecolor())
        if self.dense:
            size = 0.4 * matplotlib.rcParams["lines.markersize"]
            for style, curve in zip(styles, curves, strict=True):
                ax.plot(x, curve, ".", color=style.colour, markersize=size, alpha=0.6, zorder=1.5)
            x, curves = self.successive_means(x), self.successive_means(curves)
            bands = None if bands is None else self.successive_means(bands)
            null = None if null is None else self.successive_means(null)
        if null is not None:
            draw_band(ax, x, *null)
        for index, style in enumerate(styles):
            draw_line(ax, x, curves[index], style, None if bands is None else bands[index])

    def _name_above(self, ax: Axes, *, beside_legend: bool = False) -> None:
        """Write the unit's name above the axes, cut to their width, beside or above the legend."""
        size = font_points(matplotlib.rcParams["axes.titlesize"])
        room = size_in_points(ax)[0]
        name = shorten(clean(self.unit), room, size, weight="bold", keep_end=True)
        pad = float(matplotlib.rcParams["axes.titlepad"])
        legend = ax.get_legend()
        if beside_legend and legend is not None:
            box, point = legend.get_window_extent(), root_figure(ax).dpi / 72
            if text_width(name, size, "bold") + size > room - box.width / point:
                pad += box.height / point
        ax.set_title(name, parse_math=False, pad=pad)

    def handles(self, ax: Axes) -> list[Artist]:
        """Return the legend's entries: one per scale, and one of the band if there is one."""
        found: list[Artist] = [*line_handles(scale_styles(self.scales, ax.get_facecolor()))]
        if self.null is not None:
            room = root_figure(ax).get_size_inches()[0] * 72
            found.append(null_handle(scale_labels(self.scales)[-1], room=room))
        return found


def plot_lines(charts: Sequence[ChannelLines], *, same_height: bool = False) -> Figure:
    """Draw the lines of several units as panels of one new figure.

    With `same_height` all panels show the same attention: lines compare across panels.
    """
    columns = fitting_columns(2 if len(charts) <= 6 else 3)
    columns, sizes = on_slide(len(charts), columns, PanelSizes(body=11, head=2))
    figure, axes = panels(len(charts), columns, sizes)
    for index, (chart, ax) in enumerate(zip(charts, axes, strict=True)):
        lowest = index + columns >= len(charts)
        chart.plot(ax, legend=False, labels=("channel" if lowest else None, chart.short_label))
    if same_height:
        low, high = zip(*(ax.get_ylim() for ax in axes), strict=True)
        for ax in axes:
            ax.set_ylim(min(low), max(high))
    handles = charts[0].handles(axes[0])
    columns = legend_columns(handles, 72 * figure.get_figwidth())
    figure.legend(handles=handles, loc="upper right", ncols=columns)
    return figure
