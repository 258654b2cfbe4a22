"""Lines of several units, as panels of one figure."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from skviz.figures.attention.lines import ChannelLines
from skviz.figures.layout.panels import PanelSizes, fitting_columns, on_slide, panels
from skviz.figures.runs.null_bands import legend_columns


def plot_lines(charts: Sequence[ChannelLines], *, same_height: bool = False) -> Figure:
    """Draw the lines of several units as panels of one new figure.

    With `same_height` all panels show the same attention: lines compare across panels.
    """
    columns = fitting_columns(2 if len(charts) <= 6 else 3)
    columns, sizes = on_slide(len(charts), columns, PanelSizes(body=11, head=2))
    figure, axes = panels(len(charts), columns, sizes)
    for index, (chart, ax) in enumerate(zip(charts, axes, strict=True)):
        lowest = index + columns >= len(charts)
        chart.plot(ax, legend=False, labels=("channel" if lowest else None, short_label(chart)))
    if same_height:
        low, high = zip(*(ax.get_ylim() for ax in axes), strict=True)
        for ax in axes:
            ax.set_ylim(min(low), max(high))
    handles = charts[0].handles(axes[0])
    room = 72 * figure.get_size_inches()[0]
    figure.legend(handles=handles, loc="upper right", ncols=legend_columns(handles, room))
    return figure


def short_label(chart: ChannelLines) -> str:
    """What the y axis of a small chart shows."""
    return f"{chart.branch_label} attention" if chart.quantity is None else "expected kernel"
