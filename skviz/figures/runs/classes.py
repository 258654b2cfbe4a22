"""The attention difference per class (paper, figure 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from skviz.figures.caption import Caption, null_words
from skviz.figures.display import Display, RunDisplay, check_shape
from skviz.figures.layout.panels import panel_columns
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.provenance import Provenance
from skviz.figures.runs.class_panels import MOST_NAMED, draw_classes, named
from skviz.figures.runs.class_points import ClassPoints
from skviz.figures.runs.null_bands import class_bands
from skviz.figures.selection import Selection, has_differences
from skviz.figures.style.text import storable
from skviz.figures.wording import per_scale, scales_in_words, upper_first
from skviz.frames import grid_frame
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name
from skviz.inference.class_table import ClassTable
from skviz.numbers import counted, listed, signed
from skviz.quantities import DIFFERENCE
from skviz.scales import scale_labels
from skviz.statistics.moments import nan_mean
from skviz.typing import FloatArray
from skviz.units import paper_units

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.null import AnyMeasurements
    from skviz.inference.summary import Summary

PAPER_PANELS = ("SK_2_3", "SK_3_4", "SK_5_3")
PAPER_SCALES = (1.0, 1.5)
_LISTED = 5  # classes that notes name at either end


@dataclass(frozen=True, eq=False)
class ClassCurves(ClassPoints, RunDisplay):
    """The mean attention difference of each class: a panel per unit, a curve per scale (figure 4).

    The shift of a class goes from the first to the last of the V scales.

    Attributes
    ----------
    values
        Shape (U, V, K), in [-1, 1], nan where a class has no images.
    classes
        Shape (K,): the class indices, ascending.
    scales
        V of them.
    units
        The names of the U units.
    names
        One name per class, or None.
    every
        Draws each so manieth class only, in the order of `sort`.
    smooth
        Draws the mean of so many successive classes, in the order of `sort`.
    sort
        "index", "shift" or "name".
    quantity
        The label of the y axis.
    null
        Shape (U, 2, K): where random networks would put the last of the scales, or None.
    change
        Shape (U, 2): the intervals over images of the change of each unit's mean, or None.
    counts
        What rises, "classes" or something else.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[[-0.2, -0.1], [0.1, -0.2]]])
    >>> curves = ClassCurves(values, np.array([3, 7]), (1.0, 2.0), ("SK_3_4",))
    >>> curves.shift("SK_3_4").round(1).tolist()
    [0.3, -0.1]
    >>> figure = curves.plot().figure_
    """

    paper_words = (
        "Wide pale lines: the paper's (figure 4). The classes of this run are taken to be"
        " ImageNet's, in the same order."
    )

    quantity: str = DIFFERENCE.label
    null: FloatArray | None = None
    change: FloatArray | None = None
    counts: str = "classes"

    def __post_init__(self) -> None:
        super().__post_init__()
        bands = (len(self.units), 2, len(self.classes))
        check_shape("a null", self.null, "units, 2, classes", bands)

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
        if units is None:
            paper = [unit for unit in summary.units if unit.name in PAPER_PANELS]
            units = PAPER_PANELS if len(paper) == len(PAPER_PANELS) else None
        if scales is None:
            paper_has = set(PAPER_SCALES) <= set(summary.scales)
            scales = PAPER_SCALES if paper_has else summary.scales[:2]
        shown = Selection.of(summary, units, scales=scales, quantity=quantity, null=null)
        table = ClassTable.of(summary.measurements, shown.rows, shown.columns, shown.quantity)
        names = summary.measurements.class_names
        return cls(
            values=table.means,
            classes=table.labels,
            scales=shown.scales,
            units=tuple(unit.name for unit in shown.units),
            names=None if names is None else tuple(names[label] for label in table.labels),
            every=every,
            smooth=smooth,
            sort=sort,
            quantity=shown.quantity.label,
            null=class_bands(shown, table.labels) if null else None,
            change=shown.change,
        )

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return the classes of the paper's units at the smallest and the largest scale."""
        if not has_differences(summary.units) or len(summary.class_table.labels) < 2:
            return []
        paper = [unit.name for unit in paper_units(summary.units)]
        ends = tuple(dict.fromkeys((summary.scales[0], summary.scales[-1])))
        return [(name, cls.from_summary(summary, paper, scales=ends))]

    def lay_paper(self, figure: Figure) -> None:
        """Draw the paper's curves (figure 4) behind ours."""
        from skviz.figures.runs.published import lay_over_classes

        lay_over_classes(figure, self)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one panel per unit on a new figure, or a single unit on `ax`; return the display.

        Raises `UsageError` for several units on one `ax`.
        """
        return self._drawn(draw_classes(self, ax), ax)

    @property
    def named(self) -> bool:
        """Whether every point is one class with its name below it."""
        return named(self, panel_columns(len(self.units)))

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        scales, total, quantity = self.scales, len(self.classes), self.quantity
        panels = f"one panel per unit ({listed([storable(unit) for unit in self.units])})"
        text = [self._sentence(provenance, f"; {panels}")]
        marks = () if self.null is None else (null_words(scales),)
        every = counted(total, "class", "classes")
        alt = [f"{counted(len(self.units), 'panel')} with the {quantity} of {every}."]
        counts = []
        for index, unit in enumerate(self.units):
            name, values = storable(unit), self.values[index]
            alt.append(f"{name}: mean over classes {per_scale(nan_mean(values, axis=1), scales)}.")
            if len(scales) > 1:
                count = f"{self.rising(unit)} {self.counts} rise in {name}{self._unclear(index)}"
                counts.append(count)
                most, least = self.extremes(unit, 1)
                if most and least:
                    count += f": most {storable(most[0])}, least {storable(least[0])}"
                alt.append(f"{count}.")
        labels = scale_labels(scales)
        title = f"{upper_first(quantity)} of {every} at {labels[0]}"
        if counts:
            title = f"From {labels[0]} to {labels[-1]}, {listed(counts)}"
        return Caption(title, tuple(text), marks, provenance, " ".join(alt))

    def _unclear(self, index: int) -> str:
        """Say so where the mean of a unit does not clearly change, whatever the classes do."""
        change = None if self.change is None else self.change[index]
        return f" ({NO_CLEAR_CHANGE})" if change_name(change) == NO_CLEAR_CHANGE else ""

    def _sentence(self, provenance: Provenance, panels: str = "") -> str:
        if self.smooth > 1:
            points = f"each point the mean of {self.smooth} consecutive classes"
        elif self.every > 1:
            points = f"every {self.every}th class"
        else:
            points = "one point per class"
        order = {"index": "index", "shift": "shift, the largest first", "name": "name"}[self.sort]
        return (
            f"Mean {self.quantity} per class over {provenance.source}, {points}, in the order of"
            f" their {order}{panels}, one colour per scale ({scales_in_words(self.scales)})."
        )

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return one chart per unit: a slide has room for one panel."""
        if self.null is not None:
            return []
        if caption.provenance is not None:
            caption = replace(caption, drawn=(self._sentence(caption.provenance),))
        return [self._chart(unit, caption) for unit in self.units]

    def _chart(self, unit: str, caption: Caption) -> NativeChart:
        drawn, values = self.points(unit)
        names, step = self.names, self.step
        named = names is not None and self.smooth == 1 and len(drawn) <= MOST_NAMED
        label = self.order_label(named)
        if step > 1:
            how = f"every {step}th" if self.every > 1 else f"means of {step} consecutive classes"
            label += f" ({how})"
        title, alt, numbers = self._words(unit)
        if len(self.units) > 1:
            caption = replace(caption, title=title, alt=alt)
        return NativeChart(
            kind="line" if named else "xy",
            caption=caption,
            x=tuple(names[index] for index in drawn)
            if names and named
            else self.along(drawn, False).astype(np.float64),
            scales=self.scales,
            values=values,
            x_title=label,
            y_title=self.quantity,
            ticks=ticks_of(values),
            joined=not named,  # classes with names have no order
            numbers=numbers,
        )

    def _words(self, unit: str) -> tuple[str, str, str]:
        """Return title, alternative text and numbers of one panel."""
        values, scales = self.values[self.units.index(unit)], self.scales
        means = f"Mean over classes: {per_scale(nan_mean(values, axis=1), scales)}."
        kind = f"Chart of the {self.quantity} of {len(self.classes):,} classes in {unit}."
        if len(scales) < 2:
            return f"{unit}: {self.quantity} of every class", f"{kind} {means}", means
        first, last = scale_labels((scales[0], scales[-1]))
        count = f"{self.rising(unit)} {self.counts} rise from {first} to {last}"
        count += self._unclear(self.units.index(unit))
        shift = float(nan_mean(self.shift(unit)))
        lines = [means] if np.isnan(shift) else [means, f"Mean shift {signed(shift)}."]
        most, least = self.extremes(unit, _LISTED)
        if most:
            lines += [f"Most: {', '.join(most)}.", f"Least: {', '.join(least)}."]
        numbers = "\n".join(lines)
        return f"{unit}: {count}", f"{kind} {count}. {' '.join(numbers.splitlines())}", numbers

    def to_frame(self) -> pd.DataFrame:
        """Return one row per unit, scale and class."""
        axes = {"unit": self.units, "scale": self.scales, "label": self.classes}
        frame = grid_frame(axes, {"value": self.values})
        if self.names is not None:
            names = dict(zip(self.classes.tolist(), self.names, strict=True))
            frame.insert(3, "name", frame["label"].map(names))
        return frame
