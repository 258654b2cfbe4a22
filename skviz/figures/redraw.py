"""Every figure of a run, drawn from its summary: no network is touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from skviz.errors import UsageError, did_you_mean
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.layout.panels import PanelSizes, fitting_columns, on_slide, panels
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.figure3 import Figure3
from skviz.figures.runs.heatmap import ChannelHeatmap, plot_heatmaps
from skviz.figures.runs.null_bands import legend_columns
from skviz.figures.style.sheets import figure_style
from skviz.quantities import DIFFERENCE, find_quantity
from skviz.units import Unit, paper_units, select_units

if TYPE_CHECKING:
    from skviz.figures.caption import Caption
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

RUN_FIGURES = ("lines", "bars", "classes", "units", "channels", "3c")
PAPER_LINE = "SK_3_4"
RunDisplay = UnitBars | DepthLines | ChannelLines | ClassCurves | ChannelHeatmap | Figure3


@dataclass(frozen=True)
class RunFigure:
    """Which figure of a run to draw, and how.

    `kind` is one of `RUN_FIGURES`: "lines" (figure 3 (c), left), "bars" (its right), "classes"
    (figure 4), "units" (all units along depth), "channels" (channel by scale) or "3c" (lines and
    bars on one page, as in the paper). `units` and
    `scales` choose some of the run's. `every`, `smooth` and `sort` are those of `ClassCurves`
    (and `sort` of `ChannelHeatmap`), `group` and `branch` those of `ChannelLines`.
    `deviations` shows the standard deviation over images (default: for bars only), `paper`
    shows the paper's values, too (over the figure, for lines in a panel beside it), `quantity` is
    "difference" or "expected_kernel" (default: the summary's own), `style` is a name for
    `figure_style`.
    """

    kind: str
    units: tuple[str, ...] = ()
    scales: tuple[float, ...] | None = None
    every: int = 1
    smooth: int = 1
    sort: str = "index"
    group: int | None = None
    branch: int | None = None
    deviations: bool | None = None
    paper: bool = False
    quantity: str | None = None
    style: str = "default"

    def __post_init__(self) -> None:
        if self.kind not in RUN_FIGURES:
            hint = did_you_mean(self.kind, RUN_FIGURES)
            raise UsageError(
                f"expected a figure out of {', '.join(RUN_FIGURES)}, got '{self.kind}'.{hint}"
            )
        if self.quantity is not None:
            find_quantity(self.quantity)
        self._only("every", ("classes",))
        self._only("smooth", ("classes",))
        self._only("sort", ("classes", "channels"))
        self._only("group", ("lines", "3c"))
        self._only("branch", ("lines", "channels"))
        self._only("deviations", ("lines", "bars", "units", "3c"))
        self._only("paper", ("lines", "bars", "classes", "units"))

    def draw(self, summary: Summary, null: Sequence[AnyMeasurements] = ()) -> Figure:
        """Draw the figure of a run's summary and return it.

        `null` are measurements of random networks on the same images; a band shows where they
        would put a value.

        Raises `UnitError` and `ScaleError` for what the run does not have, and `UsageError`
        for options that do not fit the run, each saying why.
        """
        return self.drawn(summary, null)[0]

    def drawn(
        self, summary: Summary, null: Sequence[AnyMeasurements] = ()
    ) -> tuple[Figure, Caption]:
        """Draw the figure, and write its caption; raises what `draw` raises."""
        from skviz.figures.display import caption_of
        from skviz.figures.layout.footer import with_note
        from skviz.figures.provenance import Provenance

        displays = self.displays(summary, null)
        caption = caption_of(displays, Provenance.of_summary(summary))
        if self.paper:
            from skviz.figures.runs.published import with_paper

            caption = with_paper(caption, displays[0])
        with figure_style(self.style):
            return with_note(lambda: self._plot(displays), caption), caption

    def displays(self, summary: Summary, null: Sequence[AnyMeasurements] = ()) -> list[RunDisplay]:
        """Return what `draw` draws: one display, or one per unit (lines and channels).

        Raises what `draw` raises, but for the paper's values where they do not fit.
        """
        if self.paper:
            self._check_paper(summary)
        make: dict[str, Callable[..., list[RunDisplay]]] = {
            "lines": self._lines,
            "bars": self._bars,
            "classes": self._classes,
            "units": self._depth,
            "channels": self._channels,
            "3c": self._figure3,
        }
        return make[self.kind](summary, null)

    def _check_paper(self, summary: Summary) -> None:
        from skviz.figures.runs.published import require_sknet50

        quantity = self.quantity or summary.options.quantity
        if quantity != DIFFERENCE.key:
            raise UsageError(
                f"expected the attention difference, which the paper shows, got '{quantity}';"
                " leave the paper's values out"
            )
        require_sknet50(summary.units)

    def _only(self, option: str, kinds: Sequence[str]) -> None:
        default = type(self).__dataclass_fields__[option].default
        if getattr(self, option) != default and self.kind not in kinds:
            raise UsageError(
                f"'{option}' belongs to the figure {' or '.join(kinds)}, got '{self.kind}';"
                " leave it out"
            )

    def _bars(self, summary: Summary, null: Sequence[AnyMeasurements]) -> list[RunDisplay]:
        bars = UnitBars.from_summary(
            summary, self.units or None, scales=self.scales,
            deviations=self.deviations is not False, quantity=self.quantity, null=null,
        )  # fmt: skip
        return [bars]

    def _depth(self, summary: Summary, null: Sequence[AnyMeasurements]) -> list[RunDisplay]:
        lines = DepthLines.from_summary(
            summary, self.units or None, scales=self.scales,
            deviations=bool(self.deviations), quantity=self.quantity, null=null,
        )  # fmt: skip
        return [lines]

    def _lines(self, summary: Summary, null: Sequence[AnyMeasurements]) -> list[RunDisplay]:
        return [
            ChannelLines.from_summary(
                summary, unit.name, self.group, self.branch,
                scales=self.scales, deviations=bool(self.deviations), quantity=self.quantity,
                null=null,
            )
            for unit in self._shown(summary)
        ]  # fmt: skip

    def _figure3(self, summary: Summary, null: Sequence[AnyMeasurements]) -> list[RunDisplay]:
        if self.quantity not in (None, DIFFERENCE.key):
            raise UsageError(
                f"expected the attention difference, which figure 3 (c) shows, got"
                f" '{self.quantity}'; draw 'lines' and 'bars' one by one"
            )
        usual = replace(self, units=())._shown(summary)[0]
        figure = Figure3.from_summary(
            summary, usual.name, self.units, scales=self.scales,
            deviations=self.deviations is not False, group=self.group, null=null,
        )  # fmt: skip
        return [figure]

    def _classes(self, summary: Summary, null: Sequence[AnyMeasurements]) -> list[RunDisplay]:
        curves = ClassCurves.from_summary(
            summary, self.units or None,
            scales=self.scales, every=self.every, smooth=self.smooth, sort=self.sort,
            quantity=self.quantity, null=null,
        )  # fmt: skip
        return [curves]

    def _channels(self, summary: Summary, null: Sequence[AnyMeasurements]) -> list[RunDisplay]:
        if null:
            raise UsageError(
                "expected a figure with room for random networks (lines, bars, classes or units),"
                " got 'channels'; leave them out"
            )
        return [
            ChannelHeatmap.from_summary(
                summary,
                unit.name,
                branch=self.branch,
                scales=self.scales,
                sort=self.sort,
                quantity=self.quantity,
            )
            for unit in self._shown(summary)
        ]

    def _plot(self, displays: Sequence[RunDisplay]) -> Figure:
        """Draw the displays on one new figure, and the paper's values over them if asked for."""
        first = displays[0]
        if isinstance(first, ChannelHeatmap):
            return plot_heatmaps([each for each in displays if isinstance(each, ChannelHeatmap)])
        charts = [each for each in displays if isinstance(each, ChannelLines)]
        if self.paper and charts:
            from skviz.figures.runs.published import published_chart

            # Channels of two networks do not correspond: each has an axis of its own.
            return plot_lines([*charts, published_chart(charts)], same_height=True)
        figure = plot_lines(charts) if len(charts) > 1 else first.plot().figure_
        if self.paper:
            _lay_over(figure, first)
        return figure

    def _shown(self, summary: Summary) -> list[Unit]:
        """Return the units asked for; by default 3_4, or the second of the paper's units."""
        if self.units:
            return select_units(self.units, summary.units)
        usual = [unit for unit in summary.units if unit.name == PAPER_LINE]
        paper = paper_units(summary.units)
        return usual or [paper[min(1, len(paper) - 1)]]


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
    room = 72 * figure.get_size_inches()[0]
    figure.legend(handles=handles, loc="upper right", ncols=legend_columns(handles, room))
    return figure


def _lay_over(figure: Figure, display: RunDisplay) -> None:
    from skviz.figures.runs import published

    if isinstance(display, UnitBars):
        published.lay_over_bars(figure.axes[0], display)
    elif isinstance(display, DepthLines):
        published.lay_over_depth(figure.axes[0], display)
    elif isinstance(display, ClassCurves):
        published.lay_over_classes(figure, display)


def draw_run(
    summary: Summary,
    kind: str | RunFigure,
    null: Sequence[AnyMeasurements] = (),
    **options: object,
) -> Figure:
    """Draw a figure of a run: `draw_run(summarise(run), "classes", smooth=10)`.

    `null` is that of `RunFigure.draw`, `options` are the fields of `RunFigure`; raises what
    they raise.
    """
    if isinstance(kind, RunFigure):
        return replace(kind, **options).draw(summary, null)  # type: ignore[arg-type]
    return RunFigure(kind, **options).draw(summary, null)  # type: ignore[arg-type]
