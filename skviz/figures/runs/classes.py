"""The attention difference per class (paper, figure 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from skviz.errors import UnitError, UsageError, did_you_mean
from skviz.figures.attention.bars import DIFFERENCE
from skviz.figures.expected import SHORT_LABEL, shows_kernels
from skviz.figures.layout.page import fit_label, root_figure, size_in_points
from skviz.figures.layout.panels import (
    PanelSizes,
    choose_scales,
    on_slide,
    panel_columns,
    panel_width,
    panels,
    room_across,
)
from skviz.figures.runs.null_bands import class_bands, draw_band, null_handle
from skviz.figures.style.palette import ScaleStyle, line_handles, scale_labels, scale_styles
from skviz.figures.style.text import clean, closed, font_points, shorten, text_width
from skviz.inference.class_table import ClassTable
from skviz.numbers import signed
from skviz.quantities import DIFFERENCE as QUANTITY, EXPECTED_KERNEL
from skviz.typing import FloatArray
from skviz.units import paper_units, select_units

if TYPE_CHECKING:
    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

SORTS = ("index", "shift", "name")
PAPER_PANELS = ("SK_2_3", "SK_3_4", "SK_5_3")
PAPER_SCALES = (1.0, 1.5)
MOST_NAMED = 40  # classes that are named on the axis
_MOST_MARKERS = 150
_EXTREMES = 3
_NARROWEST = 16.0  # font sizes across, for the names in a panel's head


@dataclass(frozen=True, eq=False)
class ClassCurves:
    """One panel per unit: the mean attention difference of each class, one curve per scale.

    `values` has shape (U, V, K), in [-1, 1], nan where a class has no images; `classes` (K,)
    holds the class indices, ascending; `names` has one name per class, or is None. `every`
    draws each so manieth class only, `smooth` the mean of so many successive ones (both in the
    order of `sort`: "index", "shift" or "name"). The shift goes from the first to the last of
    the V scales. `quantity` is the label of the y axis. `null` (U, 2, K) is where random
    networks would put the last of the scales, or None. Figure 4.
    """

    values: FloatArray
    classes: NDArray[np.int64]
    scales: tuple[float, ...]
    units: tuple[str, ...]
    names: tuple[str, ...] | None = None
    every: int = 1
    smooth: int = 1
    sort: str = "index"
    quantity: str = DIFFERENCE
    null: FloatArray | None = None

    def __post_init__(self) -> None:
        expected = (len(self.units), len(self.scales), len(self.classes))
        if self.values.shape != expected:
            raise UsageError(
                "expected values of shape (units, scales, classes) ="
                f" {expected}, got {self.values.shape}"
            )
        bands = (len(self.units), 2, len(self.classes))
        if self.null is not None and self.null.shape != bands:
            raise UsageError(
                f"expected a null of shape (units, 2, classes) = {bands}, got {self.null.shape}"
            )
        if self.names is not None and len(self.names) != len(self.classes):
            raise UsageError(
                f"expected {len(self.classes)} names, one per class, got {len(self.names)}"
            )
        if not len(self.classes):
            raise UsageError(
                "expected labelled images, got none with a label: figure 4 shows classes"
            )
        self._check_points()

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        units: str | Iterable[str] | None = None,
        *,
        scales: Sequence[float] | None = None,
        every: int = 1,
        smooth: int = 1,
        sort: str = "index",
        quantity: str | None = None,
        null: Sequence[AnyMeasurements] = (),
    ) -> ClassCurves:
        """Take the classes of a run; by default of 2_3, 3_4 and 5_3 at 1.0x and 1.5x.

        A network without one of these units shows the last unit of every stage, a run without
        these scales its first two. `quantity` is "difference" or "expected_kernel" (default:
        the summary's own). `null` are measurements of random networks on the same images,
        which make the bands.

        Raises `UnitError` for an unknown unit, `ScaleError` for a scale that the run does not
        have, and `UsageError` for a run without labels, or bad `every`, `smooth` or `sort`.
        """
        known = summary.units
        if units is None:
            paper = [unit for unit in known if unit.name in PAPER_PANELS]
            chosen = paper if len(paper) == len(PAPER_PANELS) else paper_units(known)
        else:
            chosen = select_units(units, known)
        if scales is None and not set(PAPER_SCALES) <= set(summary.scales):
            scales = summary.scales[:2]
        columns = choose_scales(summary.scales, PAPER_SCALES if scales is None else scales)
        rows = [known.index(unit) for unit in chosen]
        kernels = shows_kernels(summary, quantity, chosen)
        table = ClassTable.of(
            summary.measurements, rows, columns, EXPECTED_KERNEL if kernels else QUANTITY
        )
        names = summary.measurements.class_names
        return cls(
            values=table.means,
            classes=table.labels,
            scales=tuple(summary.scales[column] for column in columns),
            units=tuple(unit.name for unit in chosen),
            names=None if names is None else tuple(names[label] for label in table.labels),
            every=every,
            smooth=smooth,
            sort=sort,
            quantity=SHORT_LABEL if kernels else DIFFERENCE,
            null=class_bands(summary, null, rows, columns, table.labels, kernels) if null else None,
        )

    @property
    def named(self) -> bool:
        """Whether every point is one class with its name below it."""
        return self._named(panel_columns(len(self.units)))

    def _named(self, columns: int) -> bool:
        points = math.ceil(len(self.classes) / self.every)
        if self.names is None or self.smooth > 1 or points > MOST_NAMED // columns:
            return False
        # Every name is a line of text on end.
        size = font_points(matplotlib.rcParams["xtick.labelsize"])
        return 1.25 * size * points <= panel_width(columns)

    def shift(self, unit: str) -> FloatArray:
        """Return the shift of every class (K,) from the first to the last scale."""
        values = self.values[self._index(unit)]
        shift: FloatArray = values[-1] - values[0]
        return shift

    def points(self, unit: str) -> tuple[NDArray[np.int64], FloatArray]:
        """Return what is drawn of a unit: classes (N,) by position, and values (V, N).

        With `smooth`, a point carries the first class that it is the mean of.
        """
        order = self._order(unit)
        return self._drawn(order, self.values[self._index(unit)][:, order])

    def _drawn(
        self, order: NDArray[np.int64], values: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray]:
        if self.smooth > 1:
            starts = np.arange(0, len(order), self.smooth)
            return order[starts], _mean_of_groups(values, starts)
        return order[:: self.every], values[:, :: self.every]

    def extremes(self, unit: str, count: int = _EXTREMES) -> tuple[list[str], list[str]]:
        """Name the classes that shift most upwards, and least or most downwards, with numbers."""
        shift = self.shift(unit)
        order = np.argsort(shift)[: np.count_nonzero(~np.isnan(shift))]
        count = min(count, len(order) // 2)
        words = [f"{self._name(index)} {signed(shift[index])}" for index in order]
        return words[::-1][:count], words[:count]

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw one panel per unit on a new figure, or a single unit on `ax`; return the figure.

        Raises `UsageError` for several units on one `ax`.
        """
        if ax is not None:
            if len(self.units) > 1:
                raise UsageError(
                    f"expected one unit to draw on the given axes, got {len(self.units)};"
                    " leave the axes out"
                )
            figure, axes, columns = root_figure(ax), [ax], 1
        else:
            columns, figure, axes = self._panels()
        for index, (panel, unit) in enumerate(zip(axes, self.units, strict=True)):
            lowest = index + columns >= len(self.units)
            named = self._named(columns)
            self._draw(panel, unit, named)
            panel.set_ylabel(self.quantity if index % columns == 0 else "")
            fit_label(panel)
            if named and not (lowest or self.sort == "shift"):
                panel.set_xticklabels([])
            if lowest:
                label, size = (
                    self._x_label(named),
                    font_points(matplotlib.rcParams["axes.labelsize"]),
                )
                # Too long for a narrow panel: without what each point is, which the caption says.
                fits = text_width(label, size) <= size_in_points(panel)[0] + 2 * size
                panel.set_xlabel(label if fits else label.partition(" (")[0])
        if ax is None:
            styles = scale_styles(self.scales, axes[0].get_facecolor())
            handles: list[Artist] = []
            for handle in line_handles(styles):
                if self._named(columns):
                    handle.set_linestyle("")  # the marks of a class are not joined to the next
                handles.append(handle)
            if self.null is not None:
                handles.append(null_handle(scale_labels(self.scales)[-1]))
            figure.legend(handles=handles, loc="upper right", ncols=len(handles))
        return figure

    def _panels(self) -> tuple[int, Figure, list[Axes]]:
        """Make the page, and say in how many columns its panels stand."""
        count = len(self.units)
        columns, _ = on_slide(
            count, panel_columns(count), self._sizes(panel_columns(count)), _NARROWEST
        )
        # In other columns there may be no room for names, and so more for the panels.
        columns, sizes = on_slide(count, columns, self._sizes(columns), _NARROWEST)
        return columns, *panels(count, columns, sizes)

    def _sizes(self, columns: int) -> PanelSizes:
        """Return the heights, with names below each panel, or below the last row only."""
        lines = 1.2 * font_points("small") / font_points("medium")
        head = 2.2 + (2 * lines if len(self.scales) > 1 else 0)
        names = self._name_height() if self._named(columns) else 0.0
        own = self.sort == "shift" and names > 0
        foot = names + 1 if own else 1.0 if names else 2.0
        return PanelSizes(body=10, head=head, foot=foot, last=1.8 if own else 1.8 + names)

    def _draw(self, ax: Axes, unit: str, named: bool) -> None:
        """Draw one unit, with the name of every class or along an axis of numbers."""
        drawn, values = self.points(unit)
        styles = scale_styles(self.scales, ax.get_facecolor())
        position = np.arange(len(drawn))
        along = position if named or self.sort != "index" else self.classes[drawn]
        if self.null is not None:
            order = self._order(unit)
            _, (low, high) = self._drawn(order, self.null[self._index(unit)][:, order])
            step = 1 if named or self.sort == "index" else self._step
            _draw_null(ax, along * step, low, high, named)
        if named:
            _draw_pairs(ax, position, values, styles)
            self._name_ticks(ax, drawn)
        else:
            x = self.classes[drawn] if self.sort == "index" else position * self._step
            _draw_curves(ax, x, values, styles)
            ax.xaxis.set_major_locator(MaxNLocator(min(10, int(room_across(ax) / 4)), integer=True))
        if (
            values.min(initial=0, where=~np.isnan(values))
            < 0
            < values.max(initial=0, where=~np.isnan(values))
        ):
            ax.axhline(0, color=matplotlib.rcParams["text.color"], linewidth=0.6, zorder=1)
        self._describe(ax, unit)

    def _describe(self, ax: Axes, unit: str) -> None:
        """Write above a panel: its unit, how many classes rise, and which shift most."""
        small = font_points("small")
        room = size_in_points(ax)[0]
        title = clean(unit)
        lines = []
        if len(self.scales) > 1:
            shift = self.shift(unit)
            shift = shift[~np.isnan(shift)]
            first, last = scale_labels((self.scales[0], self.scales[-1]))
            count = f"{(shift > 0).sum()} of {len(shift)}"
            spare = room - text_width(title, font_points("medium"), "bold") - small
            words = (f"{count} classes rise from {first} to {last}", f"{count} rise", "")
            lines.append(
                next(word for word in words if not word or text_width(word, small) <= spare)
            )
            lines += [
                text
                for word, names in zip(("most", "least"), self.extremes(unit), strict=True)
                if (text := _listed(word, names, room, small))
            ]
        # The first line stands beside the title, a little above the others.
        heights = [4 + 1.3 * small * index for index in range(len(lines))] or [4]
        heights[-1] += 0.3 * small if len(lines) > 1 else 0
        ax.set_title(title, pad=heights[-1], parse_math=False)
        for index, line in enumerate(reversed(lines)):
            at_title = index == len(lines) - 1
            ax.annotate(
                line,
                (1 if at_title else 0, 1),
                xytext=(0, heights[index]),
                xycoords="axes fraction",
                textcoords="offset points",
                ha="right" if at_title else "left",
                va="bottom",
                size=small,
                parse_math=False,
            )

    def _name_ticks(self, ax: Axes, drawn: NDArray[np.int64]) -> None:
        size = font_points(matplotlib.rcParams["xtick.labelsize"])
        names = [shorten(clean(self._name(index)), 12 * size, size) for index in drawn]
        ax.set_xticks(np.arange(len(names)), names)
        for label in ax.get_xticklabels():
            label.set(rotation=90, parse_math=False)
        ax.set_xlim(-0.7, len(names) - 0.3)
        ax.tick_params(axis="x", length=0)

    def _name_height(self) -> float:
        """Return how high the names below a panel are, in font sizes."""
        size = font_points(matplotlib.rcParams["xtick.labelsize"])
        widths = [text_width(clean(name), size) for name in self.names or ()]
        return min(12 * size, max(widths)) / float(matplotlib.rcParams["font.size"])

    def _x_label(self, named: bool) -> str:
        order = {"index": "class", "shift": "classes, sorted by shift", "name": "classes by name"}
        label = order[self.sort]
        if self.sort == "index" and not named:
            label = "class index"
        if self.smooth > 1:
            label += f" (each point the mean of {self.smooth} successive classes)"
        elif self.every > 1:
            label += f" (every {self.every}th)"
        return label

    @property
    def _step(self) -> int:
        return self.smooth if self.smooth > 1 else self.every

    def _name(self, index: int) -> str:
        return f"class {self.classes[index]}" if self.names is None else self.names[index]

    def _index(self, unit: str) -> int:
        names = [*self.units, *(name.removeprefix("SK_") for name in self.units)]
        if unit not in names:
            raise UnitError(f"unknown unit '{unit}'; this figure has {', '.join(self.units)}")
        return names.index(unit) % len(self.units)

    def _order(self, unit: str) -> NDArray[np.int64]:
        if self.sort == "shift":
            return np.argsort(-self.shift(unit), kind="stable")
        if self.sort == "name":
            words = [self._name(index).casefold() for index in range(len(self.classes))]
            return np.argsort(np.array(words), kind="stable")
        return np.arange(len(self.classes))

    def _check_points(self) -> None:
        for option, number in (("every", self.every), ("smooth", self.smooth)):
            if not 1 <= number <= len(self.classes):
                raise UsageError(
                    f"expected '{option}' from 1 to the {len(self.classes)} classes of the run,"
                    f" got {number}"
                )
        if self.every > 1 and self.smooth > 1:
            raise UsageError("expected 'every' or 'smooth', got both; leave one of them out")
        if self.sort not in SORTS:
            hint = did_you_mean(self.sort, SORTS)
            raise UsageError(f"expected a sort of {', '.join(SORTS)}, got '{self.sort}'.{hint}")
        if self.sort == "name" and self.names is None:
            raise UsageError("expected class names to sort by, got a run without; sort by index")


def _draw_curves(
    ax: Axes, x: NDArray[np.int64], values: FloatArray, styles: Sequence[ScaleStyle]
) -> None:
    """Draw a line per scale; with many points only the lines, thin and solid."""
    dense = len(x) > _MOST_MARKERS
    width = matplotlib.rcParams["lines.linewidth"] * (0.5 if dense else 0.8)
    size = matplotlib.rcParams["lines.markersize"] * (0.75 if len(x) > 50 else 1)
    for style, curve in zip(styles, values, strict=True):
        ax.plot(
            x,
            curve,
            color=style.colour,
            marker="" if dense else style.marker,
            linestyle="-" if dense else style.dash,
            linewidth=width,
            markersize=size,
            label=style.label,
        )
    ax.set_xmargin(0.01)


def _draw_pairs(
    ax: Axes, x: NDArray[np.int64], values: FloatArray, styles: Sequence[ScaleStyle]
) -> None:
    """Draw a mark per scale and class, those of a class joined: classes have no order."""
    known = ~np.isnan(values).all(axis=0)
    low, high = np.nanmin(values[:, known], axis=0), np.nanmax(values[:, known], axis=0)
    ax.vlines(x[known], low, high, color=matplotlib.rcParams["xtick.color"], linewidth=0.9)
    for style, curve in zip(styles, values, strict=True):
        ax.plot(x, curve, color=style.colour, marker=style.marker, linestyle="", label=style.label)


def _draw_null(
    ax: Axes, x: NDArray[np.int64], low: FloatArray, high: FloatArray, named: bool
) -> None:
    """Draw the band of random networks: steps where classes stand side by side, else an area."""
    if named:
        x, low, high = np.stack([x - 0.4, x + 0.4], 1).ravel(), low.repeat(2), high.repeat(2)
        # Apart from one another: classes have no order.
        gaps = np.arange(2, len(x), 2)
        x, low, high = (np.insert(np.asarray(v, float), gaps, np.nan) for v in (x, low, high))
    draw_band(ax, x, low, high)


def _mean_of_groups(values: FloatArray, starts: NDArray[np.int64]) -> FloatArray:
    """Average successive columns, nan left out."""
    present = ~np.isnan(values)
    counts = np.add.reduceat(present, starts, axis=1, dtype=np.int64)
    sums = np.add.reduceat(np.where(present, values, 0.0), starts, axis=1)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def _listed(word: str, names: list[str], room: float, size: float) -> str:
    """Return "most: a +0.1, b +0.2", as many as there is room for, long names cut."""
    if not names:
        return ""
    words: list[str] = []
    for name in names:
        text, _, number = clean(name).rpartition(" ")
        words.append(f"{closed(shorten(text, 11 * size, size))} {number}")
    while len(words) > 1 and text_width(f"{word}: {', '.join(words)}", size) > room:
        words.pop()
    return f"{word}: {', '.join(words)}"
