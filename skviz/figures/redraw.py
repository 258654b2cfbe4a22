"""Every figure of a run, drawn from its summary: no network is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from skviz.errors import UsageError, did_you_mean
from skviz.figures.bars import UnitBars
from skviz.figures.classes import ClassCurves
from skviz.figures.depth import DepthLines
from skviz.figures.heatmap import ChannelHeatmap, plot_heatmaps
from skviz.figures.lines import ChannelLines
from skviz.figures.palette import line_handles, scale_styles
from skviz.figures.panels import PanelSizes, panels
from skviz.figures.style import figure_style
from skviz.units import Unit, paper_units, select_units

if TYPE_CHECKING:
    from skviz.analysis.summary import Summary

RUN_FIGURES = ("lines", "bars", "classes", "units", "channels")
PAPER_LINE = "SK_3_4"


@dataclass(frozen=True)
class RunFigure:
    """Which figure of a run to draw, and how.

    `kind` is one of `RUN_FIGURES`: "lines" (figure 3 (c), left), "bars" (its right), "classes"
    (figure 4), "units" (all units along depth) or "channels" (channel by scale). `units` and
    `scales` choose some of the run's. `every`, `smooth` and `sort` are those of `ClassCurves`
    (and `sort` of `ChannelHeatmap`), `group` and `branch` those of `ChannelLines`.
    `deviations` shows the standard deviation over images (default: for bars only), `paper`
    lays the paper's values over the figure, `style` is a name for `figure_style`.
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
    style: str = "default"

    def __post_init__(self) -> None:
        if self.kind not in RUN_FIGURES:
            hint = did_you_mean(self.kind, RUN_FIGURES)
            raise UsageError(
                f"expected a figure out of {', '.join(RUN_FIGURES)}, got '{self.kind}'.{hint}"
            )
        self._only("every", ("classes",))
        self._only("smooth", ("classes",))
        self._only("sort", ("classes", "channels"))
        self._only("group", ("lines",))
        self._only("branch", ("lines", "channels"))
        self._only("deviations", ("lines", "bars", "units"))
        self._only("paper", ("lines", "bars", "classes", "units"))

    def draw(self, summary: Summary) -> Figure:
        """Draw the figure of a run's summary and return it.

        Raises `UnitError` and `ScaleError` for what the run does not have, and `UsageError`
        for options that do not fit the run, each saying why.
        """
        if self.paper:
            from skviz.figures.published import require_sknet50

            require_sknet50(summary.units)
        draw = {
            "lines": self._lines,
            "bars": self._bars,
            "classes": self._classes,
            "units": self._depth,
            "channels": self._channels,
        }[self.kind]
        with figure_style(self.style):
            return draw(summary)

    def _only(self, option: str, kinds: Sequence[str]) -> None:
        default = type(self).__dataclass_fields__[option].default
        if getattr(self, option) != default and self.kind not in kinds:
            raise UsageError(
                f"'{option}' belongs to the figure {' or '.join(kinds)}, got '{self.kind}';"
                " leave it out"
            )

    def _bars(self, summary: Summary) -> Figure:
        bars = UnitBars.from_summary(
            summary, self.units or None, scales=self.scales, deviations=self.deviations is not False
        )
        figure = bars.plot()
        if self.paper:
            from skviz.figures.published import lay_over_bars

            lay_over_bars(figure.axes[0], bars)
        return figure

    def _depth(self, summary: Summary) -> Figure:
        lines = DepthLines.from_summary(
            summary, self.units or None, scales=self.scales, deviations=bool(self.deviations)
        )
        figure = lines.plot()
        if self.paper:
            from skviz.figures.published import lay_over_depth

            lay_over_depth(figure.axes[0], lines)
        return figure

    def _lines(self, summary: Summary) -> Figure:
        charts = [
            ChannelLines.from_summary(
                summary, unit.name, self.group, self.branch,
                scales=self.scales, deviations=bool(self.deviations),
            )
            for unit in self._shown(summary)
        ]  # fmt: skip
        if len(charts) == 1:
            figure = charts[0].plot()
        else:
            columns = 2 if len(charts) <= 6 else 3
            figure, axes = panels(len(charts), columns, PanelSizes(body=11, head=2))
            for index, (chart, ax) in enumerate(zip(charts, axes, strict=True)):
                lowest = index + columns >= len(charts)
                labels = ("channel" if lowest else None, chart.short_label)
                chart.plot(ax, legend=False, labels=labels)
            styles = scale_styles(charts[0].scales, axes[0].get_facecolor())
            figure.legend(handles=line_handles(styles), loc="upper right", ncols=8)
        if self.paper:
            from skviz.figures.published import lay_over_lines

            if len(charts) > 1 or charts[0].unit != PAPER_LINE:
                raise UsageError(
                    "expected the unit 3_4 alone, whose channels the paper shows, got"
                    f" {', '.join(chart.unit for chart in charts)}"
                )
            lay_over_lines(figure.axes[0], charts[0])
        return figure

    def _classes(self, summary: Summary) -> Figure:
        curves = ClassCurves.from_summary(
            summary, self.units or None,
            scales=self.scales, every=self.every, smooth=self.smooth, sort=self.sort,
        )  # fmt: skip
        figure = curves.plot()
        if self.paper:
            from skviz.figures.published import lay_over_classes

            lay_over_classes(figure, curves)
        return figure

    def _channels(self, summary: Summary) -> Figure:
        maps = [
            ChannelHeatmap.from_summary(
                summary, unit.name, branch=self.branch, scales=self.scales, sort=self.sort
            )
            for unit in self._shown(summary)
        ]
        return plot_heatmaps(maps)

    def _shown(self, summary: Summary) -> list[Unit]:
        """Return the units asked for; by default 3_4, or the second of the paper's units."""
        if self.units:
            return select_units(self.units, summary.units)
        usual = [unit for unit in summary.units if unit.name == PAPER_LINE]
        paper = paper_units(summary.units)
        return usual or [paper[min(1, len(paper) - 1)]]


def draw_run(summary: Summary, kind: str | RunFigure, **options: object) -> Figure:
    """Draw a figure of a run: `draw_run(run.summary(), "classes", smooth=10)`.

    `options` are the fields of `RunFigure`; raises what it raises.
    """
    if isinstance(kind, RunFigure):
        return replace(kind, **options).draw(summary)  # type: ignore[arg-type]
    return RunFigure(kind, **options).draw(summary)  # type: ignore[arg-type]
