"""The shifts of two runs side by side, or of a run beside the paper's: one group per unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from skviz.errors import ScaleError
from skviz.figures.caption import Caption, mean_of
from skviz.figures.display import Display, check_shape
from skviz.figures.layout.page import chart_axes, figure_size, legend_above
from skviz.figures.layout.ticks import label_units
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import scale_styles
from skviz.figures.style.text import clean, font_points, shorten, storable
from skviz.figures.wording import signed
from skviz.frames import grid_frame
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name
from skviz.inference.compare import between
from skviz.numbers import counted, listed
from skviz.scales import scale_labels
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.compare import Comparison
    from skviz.inference.paper import PaperComparison

_SPREAD = 0.26  # between the marks of one unit, in units


@dataclass(frozen=True, eq=False)
class ComparedShifts(Display):
    """Marks with intervals: the shift of S runs at U units between two scales.

    Attributes
    ----------
    values, low, high
        Shape (S, U), in attention difference; nan where there is no value, or no interval.
    units
        The names of the U units.
    labels
        The names of the S runs.
    scales
        The two scales.
    published
        Whether the last run is the paper: an open mark without interval.

    Examples
    --------
    >>> found = skviz.compare("runs/example", "runs/untrained", resamples=100)
    >>> shifts = ComparedShifts.from_comparison(found)
    >>> shifts.units, shifts.scales, shifts.values.shape
    (('3_4',), (1.0, 2.0), (2, 1))
    >>> figure = shifts.plot().figure_
    """

    values: FloatArray
    low: FloatArray
    high: FloatArray
    units: tuple[str, ...]
    labels: tuple[str, ...]
    scales: tuple[float, float]
    published: bool = False

    def __post_init__(self) -> None:
        expected = (len(self.labels), len(self.units))
        for name in ("values", "low", "high"):
            check_shape(name, getattr(self, name), "runs, units", expected)

    @classmethod
    def from_comparison(
        cls, comparison: Comparison, scales: tuple[float, float] | None = None
    ) -> ComparedShifts:
        """Take the shifts of both runs, by default from the smallest to the largest scale.

        Raises `ScaleError` for scales that the runs do not share, or a single one.
        """
        chosen = _ends(comparison.scales, scales)
        rows = between(comparison.shifts, chosen)
        return cls(
            values=rows[["a", "b"]].to_numpy().T,
            low=rows[["a_low", "b_low"]].to_numpy().T,
            high=rows[["a_high", "b_high"]].to_numpy().T,
            units=tuple(pair.label for pair in comparison.units),
            labels=_run_labels(comparison.common.about_a, comparison.common.about_b),
            scales=chosen,
        )

    @classmethod
    def from_paper(
        cls, comparison: PaperComparison, scales: tuple[float, float] | None = None
    ) -> ComparedShifts:
        """Take the shifts of a run and the paper's of figure 3 (c), right.

        Raises `ScaleError` for scales that are not both published and in the run.
        """
        chosen = _ends(comparison.scales, scales)
        rows = between(comparison.steps, chosen)
        none = np.full(len(rows), np.nan)
        kernels = ", 5x5 \N{MINUS SIGN} 3x3" if comparison.other_kernels else ""
        return cls(
            values=rows[["here", "paper"]].to_numpy().T,
            low=np.stack([rows["low"].to_numpy(), none]),
            high=np.stack([rows["high"].to_numpy(), none]),
            units=tuple(name.removeprefix("SK_") for name in rows["unit"]),
            labels=(
                comparison.summary.measurements.about["model"]["name"],
                f"published, figure 3 (c){kernels}",
            ),
            scales=chosen,
            published=True,
        )

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        labels = [storable(label) for label in self.labels]
        start, end = scale_labels(self.scales)
        known = bool(np.isfinite(self.low).any())
        marks = ["Bars: bootstrap confidence intervals of the mean."] if known else []
        marks += ["The paper gives no intervals."] if self.published else []
        what = mean_of(provenance, "shift of the attention difference")
        text = [f"{what} from {start} to {end}, per unit: {listed(labels)}."]
        alt = [f"Marks for the shifts of {listed(labels)} in {counted(len(self.units), 'unit')}."]
        for index, unit in enumerate(self.units):
            pairs = zip(labels, self.values[:, index], strict=True)
            alt.append(
                f"{storable(unit)}: {', '.join(f'{name} {signed(v)}' for name, v in pairs)}."
            )
        ways = self._ways()
        same = int(((ways == ways[:1]) & (ways != 0)).all(axis=0).sum())
        title = (
            f"{listed(labels)} shift the same way in {same} of {len(self.units)} units,"
            f" from {start} to {end}"
        )
        return Caption(title, tuple(text), tuple(marks), provenance, " ".join(alt))

    def _ways(self) -> FloatArray:
        """Return 1 where a shift rises, -1 where it falls, and 0 where neither is clear, (2, U).

        Without an interval, as of the paper's shifts, the sign is taken as it is.
        """
        names = {"rises": 1.0, "falls": -1.0, NO_CLEAR_CHANGE: 0.0}
        ways = np.sign(self.values)
        for place in np.ndindex(*ways.shape):
            name = change_name((float(self.low[place]), float(self.high[place])))
            ways[place] = names.get(name, ways[place])
        return ways

    def to_frame(self) -> pd.DataFrame:
        """Return one row per run and unit: its shift, with the ends of its interval."""
        axes = {"run": self.labels, "unit": self.units}
        frame = grid_frame(axes, {"shift": self.values, "low": self.low, "high": self.high})
        return frame.assign(from_scale=self.scales[0], to_scale=self.scales[1])

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the marks on `ax`, or on a new figure, and return the figure."""
        own = ax is None
        # Small pages, such as a paper's column, leave no less than the labels need.
        ax, figure = chart_axes(ax, least=22 * float(matplotlib.rcParams["font.size"]) / 72)
        middle = np.arange(len(self.units))
        count = len(self.labels)
        looks = [self._look(ax, index) for index in range(count)]
        for index, look in enumerate(looks):
            values, low, high = self.values[index], self.low[index], self.high[index]
            x = middle + (index - (count - 1) / 2) * _SPREAD
            known = ~np.isnan(low)
            colour = look["color"]
            ax.vlines(x[known], low[known], high[known], color=colour, linewidth=1.2, zorder=2)
            ax.plot(x, values, zorder=3, **look)
        ax.axhline(0, color=matplotlib.rcParams["text.color"], linewidth=0.8, zorder=1)
        for edge in middle[1:] - 0.5:
            ax.axvline(edge, color=matplotlib.rcParams["axes.edgecolor"], lw=0.4, alpha=0.4)
        ax.margins(y=0.08)
        ax.grid(visible=False, axis="x")
        start, end = scale_labels(self.scales)
        ax.set_ylabel(f"shift of the difference,\n{start} to {end}")
        self._add_legend(ax, looks, 72 * figure_size()[0])
        label_units(ax, self.units, settle=own)
        return self._drawn(figure, ax)

    def _look(self, ax: Axes, index: int) -> dict[str, Any]:
        """Return colour and mark of a run; the paper's mark is open."""
        if self.published and index == len(self.labels) - 1:
            return {
                "color": matplotlib.rcParams["text.color"],
                "marker": "D",
                "markerfacecolor": ax.get_facecolor(),
                "linestyle": "",
            }
        style = scale_styles(range(1, len(self.labels) + 1), ax.get_facecolor())[index]
        return {"color": style.colour, "marker": style.marker, "linestyle": ""}

    def _add_legend(self, ax: Axes, looks: Sequence[dict[str, Any]], room: float) -> None:
        """Name the runs above the axes; long names are cut."""
        size = font_points(matplotlib.rcParams["legend.fontsize"])
        # Beside each other where there is room; else below each other.
        beside = room > 40 * size
        columns = len(self.labels) if beside else 1
        each = (room - 8 * size) / columns - 4 * size
        handles = [
            Line2D([], [], label=shorten(clean(name), each, size), **look)
            for name, look in zip(self.labels, looks, strict=True)
        ]
        for text in legend_above(ax, handles, columns).get_texts():
            text.set_parse_math(False)


def _ends(known: Sequence[float], wanted: tuple[float, float] | None) -> tuple[float, float]:
    if wanted is None:
        if len(known) < 2:
            raise ScaleError(
                f"expected two common scales to draw a shift between, got {len(known)}; analyze"
                " with the same scales"
            )
        return known[0], known[-1]
    low, high = sorted(wanted)
    if low == high or low not in known or high not in known:
        have = ", ".join(f"{scale:g}" for scale in known)
        raise ScaleError(f"expected two different scales out of {have}, got {low:g} and {high:g}")
    return low, high


def _run_labels(a: Any, b: Any) -> tuple[str, str]:
    """Name two runs by their networks, or where these are the same by their folders."""
    names = [about["model"]["name"] for about in (a, b)]
    if names[0] == names[1]:
        names = [Path(about["run"]).name for about in (a, b)]
    return f"a: {names[0]}", f"b: {names[1]}"
