"""The whole of figure 3 (a): enlarged images, channel lines and unit bars of one image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import matplotlib
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.errors import UsageError
from skviz.figures.attention.arrange import Arrangement, arrange, inner_width
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.caption import Caption
from skviz.figures.display import Display
from skviz.figures.layout.footer import draw_footer, footer_height, footer_lines
from skviz.figures.layout.page import fit, fit_label, new_figure, place
from skviz.figures.layout.ticks import label_units
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import PAIRED, line_handles, paired_handles, scale_styles
from skviz.figures.style.sheets import figure_style
from skviz.figures.style.text import clean, font_points, shorten, text_width
from skviz.frames import parts_frame
from skviz.names import escaped
from skviz.pictures.scaling import Views
from skviz.units import select_units

if TYPE_CHECKING:
    import pandas as pd

_LINE = 1.5  # height of a line of header or footer, in font sizes
_PAIR, _LINE_ALONE = 4.0, 2.2  # width of a legend's bar and line, in font sizes
_MOST_PAIRS = 5
_LABEL_ROOM = 12.9  # font sizes, of a chart that has room for a whole label


@dataclass(frozen=True, eq=False)
class AttentionFigure(Display):
    """The parts of figure 3 (a), and how they go together on one page.

    Attributes
    ----------
    thumbnails
        The enlarged images, V of them.
    lines
        One line chart per requested unit.
    bars
        The attention difference of the units at V scales.
    title
        Stands above.
    note
        Stands below: network, weights.
    warning
        Stands below that, in a colour that is not missed.

    Examples
    --------
    >>> result = skviz.analyze_image(skviz.example_photo(), skviz.load_model(), stages=["3_4"])
    >>> parts = AttentionFigure.from_attention(result.views, result.attention, "3_4")
    >>> [chart.unit for chart in parts.lines], parts.bars.units
    (['SK_3_4'], ('2_3', '3_4', '4_6', '5_3'))
    """

    thumbnails: Thumbnails
    lines: tuple[ChannelLines, ...]
    bars: UnitBars
    title: str = ""
    note: str = ""
    warning: str = ""

    @classmethod
    def from_attention(
        cls,
        views: Views,
        attention: Attention,
        stages: str | Iterable[str],
        *,
        group: int | None = None,
        branch: int | None = None,
        units: str | Iterable[str] | None = None,
        captions: Sequence[str] | None = None,
        title: str | None = None,
        note: str = "",
        warning: str = "",
    ) -> AttentionFigure:
        """Compute all parts for the views of one image.

        `stages` names the units with a line chart, `units` those with bars (default: the last
        unit of every stage); `group`, `branch` as in `ChannelLines` and `UnitBars`; `captions`
        one per view. The title is the image's file name unless given.

        Raises `UnitError` for an unknown unit or branch, and `UsageError` for a bad group,
        and for scales or captions that do not match the views.
        """
        if views.scales != attention.scales:
            raise UsageError(
                "expected views of the same scales as the attention, got views at"
                f" {views.scales} and attention at {attention.scales}"
            )
        charts = select_units(stages, attention.units)
        name = escaped(Path(views.source).name) if views.source else ""
        return cls(
            thumbnails=Thumbnails.from_views(views, captions),
            lines=tuple(
                ChannelLines.from_attention(attention, unit.name, group, branch) for unit in charts
            ),
            bars=UnitBars.from_attention(attention, units, branch),
            title=name if title is None else title,
            note=note,
            warning=warning,
        )

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        parts = [
            self.thumbnails.caption(provenance),
            *(chart.caption(provenance) for chart in self.lines),
            self.bars.caption(provenance),
        ]
        names = ["Top", *["Lines"] * len(self.lines), "Bars"]
        drawn = tuple(f"{name}: {part.shown}" for name, part in zip(names, parts, strict=True))
        return Caption(parts[1].title, drawn, (), provenance, " ".join(part.alt for part in parts))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point, then one per bar; `part` is "lines" or "bars"."""
        lines = [chart.to_frame() for chart in self.lines]
        return parts_frame({"lines": lines, "bars": [self.bars.to_frame()]})

    def plot(self) -> Self:
        """Draw everything on a new figure, as wide as the style says and as high as needed."""
        return self._drawn(plot_sheet([self]))

    def _page(self) -> Arrangement:
        """Return where everything goes, on a page of its own."""
        footer = footer_lines(self.note, self.warning, inner_width())
        below = footer_height(footer, font_points("small") / 72)
        return arrange(self.thumbnails, len(self.lines), self.bars, _Header(self).height, below)

    def _draw(self, figure: Figure, page: Arrangement, top: float) -> None:
        """Draw everything on a figure, from so many inches below its upper edge on."""
        footer = footer_lines(self.note, self.warning, inner_width())
        _Header(self).draw(figure, top)
        below = figure.get_size_inches()[1] - top - page.height
        draw_footer(figure, footer, (page.width - inner_width()) / 2, below)
        page = page.moved(top)
        ax = figure.add_axes((0, 0, 1, 1), label="images")
        place(ax, page.images)
        self.thumbnails.plot(ax, columns=page.columns)
        self._plot_lines(figure, page)
        ax = figure.add_axes((0, 0, 1, 1), label="bars")
        title, label = self.bars.heading
        self.bars.plot(ax, legend=False, title=title, label=label)
        fit([ax], [page.bars])
        label_units(ax, self.bars.units)  # now that the width is known
        fit([ax], [page.bars])

    def _plot_lines(self, figure: Figure, page: Arrangement) -> None:
        axes = []
        labels = {chart.value_label for chart in self.lines}
        for chart, first, lowest in zip(self.lines, page.first, page.lowest, strict=True):
            ax = figure.add_axes((0, 0, 1, 1), label=chart.unit)
            em = float(matplotlib.rcParams["font.size"]) / 72
            alone = len(page.charts) == 1 and page.charts[0].height > _LABEL_ROOM * em
            y_label = chart.value_label if alone else chart.short_label
            shown = first or len(labels) > 1
            chart.plot(
                ax,
                legend=False,
                labels=("channel" if lowest else None, y_label if shown else None),
            )
            room = 72 * 0.8 * page.charts[0].width
            size = font_points(matplotlib.rcParams["axes.titlesize"])
            name = shorten(clean(chart.unit), room, size, weight="bold", keep_end=True)
            ax.set_title(name, parse_math=False)
            axes.append(ax)
        fit(axes, page.charts)
        for ax in axes:
            fit_label(ax)
        fit(axes, page.charts)


def plot_sheet(parts: Sequence[AttentionFigure]) -> Figure:
    """Draw several images below each other on one new figure: figure 3 (a) and (b).

    It is as wide as the style says and as high as needed. Raises `UsageError` for no image.
    """
    if not parts:
        raise UsageError("expected at least one image to draw on a sheet, got none")
    pages = [part._page() for part in parts]
    figure = new_figure(pages[0].width, sum(page.height for page in pages))
    top = 0.0
    for part, page in zip(parts, pages, strict=True):
        part._draw(figure, page, top)
        top += page.height
    return figure


def draw_attention(
    views: Views,
    attention: Attention,
    stages: str | Iterable[str],
    *,
    group: int | None = None,
    branch: int | None = None,
    units: str | Iterable[str] | None = None,
    captions: Sequence[str] | None = None,
    title: str | None = None,
    note: str = "",
    warning: str = "",
    style: str | None = "default",
    palette: str | None = None,
) -> Figure:
    """Draw figure 3 (a) for one image.

    Parameters
    ----------
    views
        The enlarged image, V views.
    attention
        That of the views: per unit an array (V, M, C) that sums to 1 over the M branches.
    stages
        The units with a line chart: "3_4", or patterns.
    group
        How many consecutive channels are averaged, from 1 to C; by default C / 16, as in the paper.
    branch
        Shows the attention of this branch; by default lines show that of the largest kernel, bars
        the attention difference.
    units
        The units with bars; by default the last one of every stage.
    captions
        One text per view.
    title
        By default the file name of the image.
    note, warning
        What stands below.
    style, palette
        Names for `figure_style`; a style of None takes Matplotlib's settings as they are.

    Returns
    -------
    Figure
        As wide as the style says and as high as needed.

    Raises
    ------
    UnitError
        For an unknown unit or branch.
    UsageError
        For a bad group or style, and for scales or captions that do not match the views.

    Examples
    --------
    >>> result = skviz.analyze_image(skviz.example_photo(), skviz.load_model(), stages=["3_4"])
    >>> figure = skviz.draw_attention(result.views, result.attention, "3_4", palette="paper")
    >>> files = skviz.save_figure(figure, "attention.svg", overwrite=True)
    """
    parts = AttentionFigure.from_attention(
        views, attention, stages, group=group, branch=branch, units=units, captions=captions,
        title=title, note=note, warning=warning,
    )  # fmt: skip
    if style is None:
        return parts.plot().figure_
    with figure_style(style, palette):
        return parts.plot().figure_


class _Header:
    """Title and legend: side by side, or one below the other where they are too long.

    `height` and `legend_top`, below the page's margin, are in inches.
    """

    def __init__(self, parts: AttentionFigure) -> None:
        width, em = 72 * inner_width(), float(matplotlib.rcParams["font.size"])
        small, large = font_points("small"), font_points("large")
        self.parts, scales = parts, parts.bars.scales
        self.handle = _PAIR if len(scales) <= _MOST_PAIRS else _LINE_ALONE  # in font sizes
        longest = max(text_width(style.label, small) for style in scale_styles(scales))
        entry = small * (self.handle + 2.5) + longest
        self.columns = max(1, min(len(scales), int(width / entry)))
        rows = math.ceil(len(scales) / self.columns)
        self.beside = rows == 1 and self.columns * entry < 0.6 * width
        room = width - self.columns * entry - em if self.beside else width
        self.title = shorten(clean(parts.title), room, large, weight="bold")
        line = _LINE * large / 72 if self.title else 0.0
        self.legend_top = 0.0 if self.beside else line
        self.height = max(line, self.legend_top + rows * _LINE * small / 72) + 0.8 * em / 72

    def draw(self, figure: Figure, top: float) -> None:
        """Draw it on a figure, so many inches below its upper edge."""
        width, height = figure.get_size_inches()
        margin = (width - inner_width()) / 2
        figure.text(
            margin / width,
            1 - (top + margin + 0.75 * font_points("large") / 72) / height,
            self.title,
            ha="left", va="center_baseline", weight="bold", size="large", parse_math=False,
        )  # fmt: skip
        background = figure.get_facecolor()
        styles = scale_styles(self.parts.bars.scales, background)
        pairs = paired_handles(styles, background, self.parts.bars.hatched)
        entries = pairs if self.handle == _PAIR else line_handles(styles)
        # Matplotlib fills a legend column by column; people read row by row.
        columns = self.columns
        order = [i for column in range(columns) for i in range(column, len(styles), columns)]
        figure.legend(
            handles=[entries[i] for i in order],
            labels=[styles[i].label for i in order],
            handler_map=PAIRED,
            handlelength=self.handle,
            loc="upper right" if self.beside else "upper left",
            bbox_to_anchor=(
                1 - margin / width if self.beside else margin / width,
                1 - (top + margin + self.legend_top) / height,
            ),
            ncols=columns,
            borderaxespad=0,
            borderpad=0.2,
            columnspacing=1.5,
        )
