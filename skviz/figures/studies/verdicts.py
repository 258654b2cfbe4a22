"""The page of verdicts as a figure: one row per unit, what its shift is and what is left of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from skviz.errors import UsageError
from skviz.figures.caption import Caption, mean_of, null_words
from skviz.figures.display import Display, check_shape
from skviz.figures.layout.page import Slot, new_figure, place
from skviz.figures.layout.panels import room_across
from skviz.figures.provenance import Provenance
from skviz.figures.runs.null_bands import legend_columns, look, null_handle
from skviz.figures.style.palette import scale_styles
from skviz.figures.style.text import clean, font_points, shorten, storable, text_width, wrap
from skviz.figures.wording import signed
from skviz.frames import grid_frame
from skviz.inference.null import Place, holm_coverage, reach, wider
from skviz.inference.verdicts import BLUR, OBJECTS, VERDICTS, Estimate, Verdict
from skviz.numbers import counted
from skviz.scales import scale_labels
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd

_MASKED = "masked, on a blank ground"
# What a row shows: the legend's words, and what of a verdict.
ROWS: tuple[tuple[str, Callable[[Verdict], Estimate | None]], ...] = (
    ("whole shift", lambda verdict: verdict.total),
    ("without blur", lambda verdict: verdict.left.get(BLUR)),
    ("without context, blank", lambda verdict: verdict.left.get(OBJECTS[0])),
    ("without context, blurred", lambda verdict: verdict.left.get(OBJECTS[1])),
    (_MASKED, lambda verdict: verdict.shifts.get("masked")),
)
# In font sizes: heights of a mark, of the space between units, of head and foot.
_MARK, _GAP, _HEAD, _FOOT = 0.75, 0.7, 1.2, 3.6
_LEGEND_LINE = 1.7
_SMALLEST_ROW, _SMALLEST_BODY = 2.4, 5.0
_TICK = 4.5  # the room that a tick's label needs
_NAMES = 0.2  # of the width, for the names of units at most


@dataclass(frozen=True, eq=False)
class VerdictRows(Display):
    """One row per unit: K marks with intervals, the band of random networks, and a verdict.

    Attributes
    ----------
    values
        Shape (K, U, 3): mean, low and high in attention difference, nan where there is none.
    labels
        The names of the K marks.
    units
        The names of the U units.
    verdicts
        One per unit.
    scale
        Where shifts go to.
    null
        Shape (U, 2): where random networks would put the whole shift, or None.
    limits
        The ends of the axis, or None for those of the marks.

    Examples
    --------
    >>> suite = skviz.controls(
    ...     "images", skviz.load_model(), out="suite", scales=(1, 2), units="3_4",
    ...     only=["blur"], progress=False,
    ... )
    >>> rows = VerdictRows.from_verdicts(suite.verdicts())
    >>> rows.units, rows.scale
    (('SK_3_4',), 2.0)
    >>> figure = rows.plot().figure_
    """

    values: FloatArray
    labels: tuple[str, ...]
    units: tuple[str, ...]
    verdicts: tuple[str, ...]
    scale: float
    null: FloatArray | None = None
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        count = len(self.units)
        check_shape("values", self.values, "marks, units, 3", (len(self.labels), count, 3))
        check_shape("a null", self.null, "units, 2", (count, 2))
        if len(self.verdicts) != len(self.units) or not self.units:
            raise UsageError(
                f"expected a verdict for each of {len(self.units)} units (at least one), got"
                f" {len(self.verdicts)}"
            )

    @classmethod
    def from_verdicts(cls, verdicts: Sequence[Verdict]) -> VerdictRows:
        """Take the verdicts of all units; controls that were not made have no mark."""
        found = {label: [shown(verdict) for verdict in verdicts] for label, shown in ROWS}
        if OBJECTS[0] in verdicts[0].left:
            # From end to end the masked run shows the same views: its mark would be the same.
            del found[_MASKED]
        made = {label: parts for label, parts in found.items() if any(parts)}
        nothing = Estimate(np.nan, np.nan, np.nan)
        values = [[part or nothing for part in parts] for parts in made.values()]
        null = np.stack(wider(_band(verdicts, "raw"), _band(verdicts, "matched")), axis=1)
        return cls(
            values=np.array([[(p.mean, p.low, p.high) for p in row] for row in values]),
            labels=tuple(made),
            units=tuple(verdict.unit for verdict in verdicts),
            verdicts=tuple(verdict.title for verdict in verdicts),
            scale=verdicts[0].scale,
            null=None if np.isnan(null).all() else null,
        )

    def parts(self, most: int) -> list[VerdictRows]:
        """Return the rows in parts of at most so many units, all on the same axis."""
        null = () if self.null is None else self.null.ravel()
        marks = np.concatenate([[0], self.values.ravel(), null])
        low, high = float(np.nanmin(marks)), float(np.nanmax(marks))
        edge = 0.05 * (high - low) or 0.5
        count = -(-len(self.units) // most)
        return [
            replace(
                self,
                values=self.values[:, chosen],
                units=tuple(self.units[index] for index in chosen),
                verdicts=tuple(self.verdicts[index] for index in chosen),
                null=None if self.null is None else self.null[chosen],
                limits=(low - edge, high + edge),
            )
            for chosen in np.array_split(np.arange(len(self.units)), count)
        ]

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        held = sum(verdict == VERDICTS["larger"] for verdict in self.verdicts)
        count = len(self.units)
        labels = f": {', '.join(self.labels)}"
        text = [
            f"{self._sentence(provenance)}{labels}. On the right: the verdict, which"
            " requires every check."
        ]
        alt = [f"Rows of marks for {counted(count, 'unit')}."]
        rows = zip(self.units, self.values[0, :, 0], self.verdicts, strict=True)
        alt += [f"{storable(unit)}: {signed(mean)}, {verdict}." for unit, mean, verdict in rows]
        title = f"In {held} of {count} units larger objects get the larger kernel"
        marks = ["Bars: 95 % bootstrap intervals of the mean."]
        if self.null is not None:
            marks.append(null_words(None))
        return Caption(title, tuple(text), tuple(marks), provenance, " ".join(alt))

    def short_caption(self, caption: Caption) -> Caption:
        """Return the caption where the legend and the verdicts are there to be read."""
        if caption.provenance is None:
            return caption
        drawn = (f"{self._sentence(caption.provenance)}.", *caption.drawn[1:])
        return replace(caption, drawn=drawn)

    def _sentence(self, provenance: Provenance) -> str:
        what, to = "shift of the attention difference", scale_labels((1.0, self.scale))[1]
        return f"{mean_of(provenance, what)} from 1.0x to {to}, per unit, and what remains of it"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per mark and unit: its mean with its interval, and the verdict."""
        columns = dict(zip(("mean", "low", "high"), np.moveaxis(self.values, -1, 0), strict=True))
        frame = grid_frame({"mark": self.labels, "unit": self.units}, columns)
        return frame.assign(verdict=list(self.verdicts) * len(self.labels))

    def plot(self) -> Self:
        """Draw the rows on a new figure as wide as the style says, and return it."""
        em = float(matplotlib.rcParams["font.size"]) / 72
        width = float(matplotlib.rcParams["figure.figsize"][0])
        size = font_points("small")
        most = min(12 * size, _NAMES * 72 * width)
        names = [shorten(clean(unit), most, size, keep_end=True) for unit in self.units]
        left = max(text_width(name, size) for name in names) / 72 + 1.6 * em
        widths = [text_width(verdict, size, _weight(verdict)) for verdict in self.verdicts]
        words = min(0.36 * width, max(widths) / 72 + 0.5 * em)
        handles, rows = self._legend((width - 1.5 * em) * 72)
        head = (_HEAD + _LEGEND_LINE * rows) * em
        body = _SMALLEST_BODY / len(self.units)
        row = max(_SMALLEST_ROW, body, len(self.labels) * _MARK + _GAP) * em
        figure = new_figure(width, head + len(self.units) * row + _FOOT * em)
        ax = figure.add_axes((0, 0, 1, 1))
        place(ax, Slot(left, head, width - left - words - 2.2 * em, len(self.units) * row))
        self._draw(ax, row / em)
        ax.set_yticks(np.arange(len(names)), names)
        for label in ax.get_yticklabels():
            label.set(parse_math=False, fontsize=size)
        for index, verdict in enumerate(self.verdicts):
            lines = wrap(verdict, (words - 0.2 * em) * 72, size, 3, _weight(verdict))
            ax.annotate(
                "\n".join(lines), (1, index), xytext=(0.8 * em * 72, 0),
                xycoords=("axes fraction", "data"), textcoords="offset points",
                va="center", ha="left", size=size, parse_math=False, annotation_clip=False,
                weight=_weight(verdict),
            )  # fmt: skip
        self._label(ax, (left + ax.get_position().width * width / 2) * 2 * 72)
        columns = -(-len(handles) // rows)
        figure.legend(handles=handles, loc="upper left", ncols=columns, borderaxespad=0.3)
        return self._drawn(figure)

    def _draw(self, ax: Axes, row: float) -> None:
        styles = scale_styles(range(1, len(self.labels) + 1), ax.get_facecolor())
        step = _MARK / row
        for index, (low, high) in enumerate(() if self.null is None else self.null):
            ax.barh(index, high - low, left=low, height=0.86, zorder=0.5, **look())
        for mark, style in enumerate(styles):
            mean, low, high = self.values[mark].T
            y = np.arange(len(self.units)) + (mark - (len(styles) - 1) / 2) * step
            width = 0.93 * matplotlib.rcParams["lines.linewidth"]
            ax.hlines(y, low, high, color=style.colour, linewidth=width, zorder=2)
            ax.plot(mean, y, style.marker, color=style.colour, zorder=3)
        text = matplotlib.rcParams["text.color"]
        ax.axvline(0, color=text, linewidth=0.8, zorder=1)
        for index in range(1, len(self.units)):
            ax.axhline(index - 0.5, color=matplotlib.rcParams["grid.color"], linewidth=0.6)
        ax.set_ylim(len(self.units) - 0.5, -0.5)
        if self.limits is not None:
            ax.set_xlim(self.limits)
        ax.grid(visible=False, axis="y")
        ax.grid(visible=True, axis="x")
        ax.tick_params(axis="y", length=0)
        bins = int(room_across(ax) / _TICK)
        ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(min(6, max(2, bins))))

    def _label(self, ax: Axes, room: float) -> None:
        """Write below the axis what it shows, as long as there is room for around its middle."""
        to = scale_labels((1.0, self.scale))[1]
        text = f"change of the attention difference from 1.0x to {to}"
        if text_width(text, font_points(matplotlib.rcParams["axes.labelsize"])) >= 0.96 * room:
            text = f"change from 1.0x to {to}"
        ax.set_xlabel(text)

    def _legend(self, room: float) -> tuple[list[Artist], int]:
        """Return the entries, and on how many lines they fit."""
        background = matplotlib.rcParams["axes.facecolor"]
        styles = scale_styles(range(1, len(self.labels) + 1), background)
        handles: list[Artist] = [
            Line2D([], [], color=style.colour, marker=style.marker, lw=1.4, label=label)
            for style, label in zip(styles, self.labels, strict=True)
        ]
        if self.null is not None:
            handles.append(null_handle())
        return handles, -(-len(handles) // legend_columns(handles, room))


def _weight(verdict: str) -> str:
    """Only a claim is bold."""
    return "bold" if verdict.startswith("larger") else "normal"


def _band(verdicts: Sequence[Verdict], kind: str) -> tuple[FloatArray, FloatArray]:
    """Return where random networks would put the shift of each unit, outside of which it is real.

    It is wider than where 95 % of them would, by Holm's correction over units, as the verdict is.
    """
    spots: list[Place | None] = [getattr(verdict, kind) for verdict in verdicts]
    coverage = holm_coverage([None if spot is None else spot.p for spot in spots])
    low, high = np.full((2, len(spots)), np.nan)
    for index, spot in enumerate(spots):
        if spot is not None:
            half = reach(spot.seeds, coverage) * spot.std
            low[index], high[index] = spot.mean - half, spot.mean + half
    return low, high
