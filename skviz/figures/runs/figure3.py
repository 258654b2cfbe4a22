"""Figure 3 (c) as the paper has it: lines over channels and bars over units on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.caption import Caption
from skviz.figures.display import Display, RunDisplay
from skviz.figures.layout.page import (
    Slot,
    figure_size,
    fit,
    fit_label,
    most_height,
    new_figure,
)
from skviz.figures.layout.ticks import label_units
from skviz.figures.native import NativeChart
from skviz.figures.provenance import Provenance
from skviz.figures.runs.null_bands import extra_height, legend_columns, null_handle
from skviz.figures.style.palette import PAIRED, line_handles, paired_handles, scale_styles
from skviz.frames import parts_frame
from skviz.studies.unit_choice import choose_units

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

# In font sizes, as everything else on a page.
_NARROW = 44.0  # width below which the bars stand below the lines
_EDGE, _GAP, _HEAD, _CHART = 0.6, 1.6, 2.6, 17.0
_LINES = 0.54  # of the width


@dataclass(frozen=True, eq=False)
class Figure3(RunDisplay):
    """Lines of one unit and bars of some units, with one legend. Figure 3 (b) and (c).

    `lines` and `bars` have the same scales.
    """

    lines: ChannelLines
    bars: UnitBars

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        unit: str,
        units: Sequence[str] = (),
        *,
        scales: Sequence[float] | None = None,
        deviations: bool = True,
        group: int | None = None,
        null: Sequence[AnyMeasurements] = (),
    ) -> Figure3:
        """Take the mean over all images of a run.

        `unit` is that of the lines, `units` those of the bars (default: the last one of every
        stage); `deviations` are those of the bars. The rest is as in `ChannelLines` and
        `UnitBars`, and so is what is raised.
        """
        return cls(
            ChannelLines.from_summary(summary, unit, group, scales=scales, null=null),
            UnitBars.from_summary(
                summary, units or None, scales=scales, deviations=deviations, null=null
            ),
        )

    @classmethod
    def of_run(cls, summary: Summary, units: Sequence[str] = (), **options: Any) -> list[Figure3]:
        """Return the page; `units` are those of the bars."""
        (line, *_) = choose_units(summary.units).lines
        return [cls.from_summary(summary, line.name, units, **options)]

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return nothing: a report has lines and bars as figures of their own."""
        return []

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        lines, bars = self.lines.caption(provenance), self.bars.caption(provenance)
        drawn = (f"Left: {' '.join(lines.drawn)}", f"Right: {' '.join(bars.drawn)}")
        details = tuple(dict.fromkeys((*lines.details, *bars.details)))
        return Caption(bars.title, drawn, details, provenance, f"{lines.alt} {bars.alt}")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per point, then one per bar; `part` is "lines" or "bars"."""
        return parts_frame({"lines": [self.lines.to_frame()], "bars": [self.bars.to_frame()]})

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return a chart for the lines and one for the bars."""
        if caption.provenance is None:
            return []
        parts = (self.lines, self.bars)
        captions = [part.caption(caption.provenance) for part in parts]
        return [*parts[0].native_charts(captions[0]), *parts[1].native_charts(captions[1])]

    def plot(self) -> Self:
        """Draw lines and bars beside each other, on a narrow page below each other."""
        em = float(matplotlib.rcParams["font.size"]) / 72
        width, height = figure_size()
        beside = width >= _NARROW * em
        head = _HEAD * em + extra_height(self.bars.null)
        body = height if beside else (2 * _CHART + _GAP + 2 * _EDGE) * em
        page = min(head + body, most_height())
        figure = new_figure(width, page)
        edge = _EDGE * em
        area = Slot(edge, head, width - 2 * edge, page - head - edge)
        slots = _slots(area, beside, _GAP * em)
        left, right = (figure.add_axes((0, 0, 1, 1), label=name) for name in ("lines", "bars"))
        self.lines.plot(left, legend=False)
        title, label = self.bars.heading
        self.bars.plot(right, legend=False, title=title, label=label)
        for _ in range(2):  # Labels depend on the size of the axes, and margins on the labels.
            for ax, slot in zip((left, right), slots, strict=True):
                fit([ax], [slot])
                fit_label(ax)
            label_units(right, self.bars.units)
        for ax, slot in zip((left, right), slots, strict=True):
            fit([ax], [slot])
        _line_up(left, right, beside)
        self._legend(figure)
        return self._drawn(figure, left)

    def _legend(self, figure: Figure) -> None:
        ground = matplotlib.rcParams["axes.facecolor"]
        styles = scale_styles(self.bars.scales, ground)
        handles: list[object] = [*paired_handles(styles, ground, self.bars.hatched)]
        labels = [style.label for style in styles]
        columns = len(styles)
        if self.bars.null is not None:
            room = 72 * figure.get_size_inches()[0]
            band = null_handle(labels[-1], room=room)
            handles.append(band)
            labels.append(str(band.get_label()))
            columns = legend_columns([*line_handles(styles), band], 0.8 * room)
        figure.legend(
            handles=handles, labels=labels, handler_map=PAIRED, handlelength=3.6,
            loc="upper right", ncols=columns, borderaxespad=0.3,
        )  # fmt: skip


def _line_up(one: Axes, other: Axes, beside: bool) -> None:
    """Give the frames of two charts the same ends: bottom and top, or left and right."""
    boxes = [ax.get_position() for ax in (one, other)]
    low = max(box.y0 if beside else box.x0 for box in boxes)
    high = min(box.y1 if beside else box.x1 for box in boxes)
    for ax, box in zip((one, other), boxes, strict=True):
        ends = (box.x0, low, box.x1, high) if beside else (low, box.y0, high, box.y1)
        ax.set_position(Bbox.from_extents(*ends))


def _slots(area: Slot, beside: bool, gap: float) -> tuple[Slot, Slot]:
    """Return the places of lines and bars within an area."""
    if beside:
        wide = _LINES * (area.width - gap)
        rest = area.width - wide - gap
        return replace(area, width=wide), replace(area, left=area.left + wide + gap, width=rest)
    tall = (area.height - gap) / 2
    return replace(area, height=tall), replace(area, top=area.top + tall + gap, height=tall)
