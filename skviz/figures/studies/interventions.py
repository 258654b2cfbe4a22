"""What becomes of the output when the attention is replaced: a panel per kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np

from skviz.errors import UsageError
from skviz.figures.caption import Caption, mean_of
from skviz.figures.display import Display, check_shape
from skviz.figures.layout.page import keep_ticks
from skviz.figures.layout.panels import PanelSizes, on_slide, panel_width, panels
from skviz.figures.layout.ticks import label_units
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import error_bars, line_handles, scale_styles
from skviz.figures.style.text import clean, font_points, shorten, storable, text_width
from skviz.figures.wording import (
    MOST_LISTED,
    ends,
    extremes,
    scales_in_words,
    signed,
    upper_first,
)
from skviz.frames import grid_frame
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name
from skviz.numbers import counted, listed
from skviz.scales import scale_labels
from skviz.studies.interventions.result import ALL, CHOSEN
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from skviz.studies.interventions.result import InterventionRun

QUANTITIES = {
    "probability_change": "change of the probability of {truth}",
    "logit_change": "change of the logit of {truth}",
    "top1_change": "change of top-1",
    "divergence": "divergence of the output (nats)",
}
_MOST_IN_TWO_COLUMNS = 8


@dataclass(frozen=True, eq=False)
class InterventionPanels(Display):
    """Mean and interval of one quantity per kind (K), target (T) and scale (S).

    `values`, `low` and `high` have shape (K, T, S); nan where a kind does not apply, or there
    is no interval. `kinds` are the titles of the panels, `targets` the units, then "chosen" and
    "all" where several are replaced at once.
    """

    values: FloatArray
    low: FloatArray
    high: FloatArray
    kinds: tuple[str, ...]
    targets: tuple[str, ...]
    scales: tuple[float, ...]
    quantity: str

    def __post_init__(self) -> None:
        expected = (len(self.kinds), len(self.targets), len(self.scales))
        for name in ("values", "low", "high"):
            check_shape(name, getattr(self, name), "kinds, targets, scales", expected)

    @classmethod
    def from_run(
        cls, run: InterventionRun, quantity: str = "probability_change"
    ) -> InterventionPanels:
        """Take the table of a run; raises `UsageError` for an unknown quantity."""
        import pandas as pd

        from skviz.studies.interventions.kinds import kind_label

        if quantity not in QUANTITIES:
            raise UsageError(
                f"expected a quantity out of {', '.join(QUANTITIES)}, got '{quantity}'"
            )
        frame = run.to_frame().set_index(["kind", "unit", "scale"])
        every = pd.MultiIndex.from_product([run.kinds, run.targets, run.scales])
        shape = (len(run.kinds), len(run.targets), len(run.scales))
        values, low, high = (
            frame[f"{quantity}{end}"].reindex(every).to_numpy(np.float64).reshape(shape)
            for end in ("", "_low", "_high")
        )
        short = {unit.name: unit.short for unit in run.baseline.units}
        truth = "the true class" if run.labelled else "the predicted class"
        return cls(
            values=values,
            low=low,
            high=high,
            kinds=tuple(kind_label(kind) for kind in run.kinds),
            targets=tuple(short.get(name, name) for name in run.targets),
            scales=run.scales,
            quantity=QUANTITIES[quantity].format(truth=truth),
        )

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        kinds, targets = list(map(storable, self.kinds)), list(map(storable, self.targets))
        scales, quantity = self.scales, self.quantity
        words = {"chosen": "all of these units", "all": "all units of the network"}
        groups = {key: text for key, text in words.items() if key in targets}
        together = "".join(f"; {key}: {text} together" for key, text in groups.items())
        text = [
            f"{mean_of(provenance, quantity)} where the attention of one unit is replaced"
            f"{together}. One panel per replacement ({listed(kinds)}), one mark per scale"
            f" ({scales_in_words(scales)})."
        ]
        known = np.isfinite(self.low).any()
        marks = ["Bars: 95 % bootstrap intervals of the mean."] if known else []
        top = ends(scales)[1]
        label = scale_labels(scales)[top]
        panels = counted(len(kinds), "panel")
        alt = [f"{panels} with the {quantity}, {counted(len(targets), 'target')}."]
        for kind, values in zip(kinds, self.values[:, :, top], strict=True):
            found = extremes(values)
            if found is None:
                said = "no values"
            elif len(targets) <= MOST_LISTED:
                pairs = zip(targets, values, strict=True)
                said = ", ".join(f"{name} {signed(value)}" for name, value in pairs)
            else:
                low, high = found
                said = (
                    f"from {signed(values[low])} in {targets[low]}"
                    f" to {signed(values[high])} in {targets[high]}"
                )
            alt.append(f"{upper_first(kind)} at {label}: {said}.")
        title = _strongest(self, kinds, targets)
        return Caption(title, tuple(text), tuple(marks), provenance, " ".join(alt))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per replacement, target and scale, with the ends of its interval."""
        axes = {"kind": self.kinds, "target": self.targets, "scale": self.scales}
        return grid_frame(axes, {"value": self.values, "low": self.low, "high": self.high})

    def plot(self) -> Self:
        """Draw the panels, all with the same y axis, and return the figure."""
        columns = 1 if len(self.targets) > _MOST_IN_TWO_COLUMNS or len(self.kinds) == 1 else 2
        size = font_points(matplotlib.rcParams["xtick.labelsize"])
        longest = max(text_width(clean(name), size) for name in self.targets)
        foot = 2.4 if longest < 3 * size else 9.5
        sizes = PanelSizes(body=8.0, head=1.8, foot=foot, last=1.6, left=5.5, legend=3.8)
        titles, large = [clean(kind) for kind in self.kinds], font_points("medium")
        if max(text_width(each, large, "bold") for each in titles) > panel_width(columns, sizes):
            columns = 1
        columns, sizes = on_slide(len(self.kinds), columns, sizes)
        room = panel_width(columns, sizes)
        figure, axes = panels(len(self.kinds), columns, sizes)
        styles = scale_styles(self.scales, axes[0].get_facecolor())
        text = matplotlib.rcParams["text.color"]
        limits = self._limits()
        step = 0.6 / len(styles)
        x = np.arange(len(self.targets))
        for k, ax in enumerate(axes):
            keep_ticks(ax)
            ax.axhline(0, color=text, linewidth=0.8)
            for s, style in enumerate(styles):
                mean = self.values[k, :, s]
                ax.errorbar(
                    x + (s - (len(styles) - 1) / 2) * step,
                    mean,
                    yerr=error_bars(mean, self.low[k, :, s], self.high[k, :, s]),
                    color=style.colour,
                    marker=style.marker,
                    markersize=0.78 * matplotlib.rcParams["lines.markersize"],
                    linestyle="none",
                    elinewidth=matplotlib.rcParams["lines.linewidth"] / 1.5,
                )
            alone = sum(target not in (CHOSEN, ALL) for target in self.targets)
            if 0 < alone < len(x):
                ax.axvline(alone - 0.5, color=matplotlib.rcParams["axes.edgecolor"], lw=0.6)
            ax.set_ylim(*limits)
            title = shorten(titles[k], room, large, weight="bold")
            ax.set_title(title, parse_math=False, loc="left")
            label_units(ax, self.targets)
            if k < len(self.kinds) - columns:
                ax.set_xlabel("")
        em = float(matplotlib.rcParams["font.size"]) / 72
        width, height = figure.get_size_inches()
        figure.text(
            0.6 * em / width, 1 - 0.6 * em / height, self.quantity, va="top", ha="left",
            parse_math=False, fontsize=matplotlib.rcParams["axes.labelsize"],
        )  # fmt: skip
        figure.legend(
            handles=line_handles(styles),
            loc="upper right",
            bbox_to_anchor=(1, 1 - 1.4 * em / height),
            ncols=min(len(styles), 5),
            borderaxespad=0.2,
        )
        return self._drawn(figure)

    def _limits(self) -> tuple[float, float]:
        """The same for all panels: what is small beside others is to be seen as small."""
        everything = np.concatenate([a.reshape(-1) for a in (self.values, self.low, self.high)])
        known = everything[np.isfinite(everything)]
        low, high = (known.min(initial=0), known.max(initial=0)) if len(known) else (-1.0, 1.0)
        margin = 0.06 * (high - low) or 1.0
        return low - margin, high + margin


def _strongest(display: InterventionPanels, kinds: list[str], targets: list[str]) -> str:
    """Return the replacement that changes most: a title."""
    size = np.abs(display.values)
    if np.isnan(size).all():
        return f"{upper_first(display.quantity)}: no values"
    intervals = np.stack([display.low, display.high], axis=-1)
    unclear = [change_name(intervals[at]) == NO_CLEAR_CHANGE for at in np.ndindex(*size.shape)]
    size[np.reshape(unclear, size.shape)] = np.nan
    if np.isnan(size).all():
        return f"{upper_first(display.quantity)}: {NO_CLEAR_CHANGE} by any replacement"
    kind, target, scale = np.unravel_index(int(np.nanargmax(size)), size.shape)
    words = {"chosen": "the chosen units together", "all": "all units together"}
    where = words.get(targets[target], targets[target])
    return (
        f"{upper_first(display.quantity)}: most for {kinds[kind]} in {where} at"
        f" {scale_labels(display.scales)[scale]} ({signed(display.values[kind, target, scale])})"
    )
