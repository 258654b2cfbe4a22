"""The width of receptive fields per scale, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import offset_copy

from skviz.errors import UsageError
from skviz.figures.caption import Caption, mean_of, message
from skviz.figures.display import Display
from skviz.figures.layout.page import keep_ticks, own_axes
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import error_bars, scale_styles
from skviz.figures.style.text import clean, storable
from skviz.figures.wording import per_scale, scales_in_words, upper_first
from skviz.frames import grid_frame
from skviz.numbers import counted, listed
from skviz.scales import scale_labels
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from skviz.studies.receptive_field.result import ReceptiveField

FIELD = "effective receptive field (gradient of the central output with respect to the input)"
KINDS = ("mixed", "clamped", "fixed")
# Fields of nearly the same width stand beside each other, so many steps of the axis apart.
_APART = 0.06
# In font sizes: of axes and title, of ticks and label below.
_BODY, _LABELS = 13.0, 3.6
_ENOUGH = 36.0  # font sizes across


class MeasuredFields(Display):
    """Q receptive fields of a unit at S scales, with their widths (S, Q) in pixels of the input."""

    widths: FloatArray
    scales: tuple[float, ...]
    labels: tuple[str, ...]
    unit: str

    def _caption(
        self, provenance: Provenance, drawn: str, marks: tuple[str, ...], alt: str
    ) -> Caption:
        """Write the caption; its title tells of the mixed field, or without it of the last one."""
        labels = [storable(label) for label in self.labels]
        chosen = labels.index("mixed") if "mixed" in labels else -1
        quantity = f"the width of the {labels[chosen]} field in pixels"
        unit, widths = storable(self.unit), self.widths[:, chosen]
        words = [
            f"{upper_first(label)}: width in pixels {per_scale(column, self.scales, 1)}."
            for label, column in zip(labels, self.widths.T, strict=True)
        ]
        title = message(unit, quantity, widths, self.scales, digits=1)
        return Caption(title, (drawn,), marks, provenance, " ".join([alt, *words]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per scale and field: its width in pixels of the input."""
        axes = {"unit": [self.unit], "scale": self.scales, "field": self.labels}
        return grid_frame(axes, {"width": self.widths})


@dataclass(frozen=True, eq=False)
class FieldWidths(MeasuredFields):
    """Width of Q receptive fields at S scales, one line per field.

    Attributes
    ----------
    widths, low, high
        Shape (S, Q), in pixels of the input; the last two are the ends of intervals, nan where
        there are none.
    scales
        S of them.
    labels
        The names of the Q fields.
    unit
        The unit's name.

    Examples
    --------
    >>> import numpy as np
    >>> widths, none = np.array([[30.0], [34.0]]), np.full((2, 1), np.nan)
    >>> chart = FieldWidths(widths, none, none, (1.0, 2.0), ("mixed",), "SK_2_1")
    >>> chart.to_frame()["width"].tolist()
    [30.0, 34.0]
    >>> figure = chart.plot().figure_
    """

    widths: FloatArray
    low: FloatArray
    high: FloatArray
    scales: tuple[float, ...]
    labels: tuple[str, ...]
    unit: str

    def __post_init__(self) -> None:
        expected = (len(self.scales), len(self.labels))
        shapes = {self.widths.shape, self.low.shape, self.high.shape}
        if shapes != {expected}:
            got = ", ".join(str(x.shape) for x in (self.widths, self.low, self.high))
            raise UsageError(
                f"expected widths, low and high of shape (scales, fields) = {expected}, got {got}"
            )

    @classmethod
    def from_field(cls, field: ReceptiveField, kinds: Sequence[str] = KINDS) -> FieldWidths:
        """Take the fields of these kinds: "branch", "mixed", "clamped", "fixed"."""
        columns = [index for index, one in enumerate(field.fields) if one.kind in kinds]
        frame = field.to_frame()
        shape = (len(field.scales), len(field.fields))
        widths, low, high = (
            frame[name].to_numpy(np.float64).reshape(shape)[:, columns]
            for name in ("width", "low", "high")
        )
        labels = tuple(field.fields[index].label for index in columns)
        return cls(widths, low, high, field.scales, labels, field.unit.name)

    @property
    def height(self) -> float:
        """How high the chart with its legend should be at least, in font sizes."""
        return _BODY + _LABELS + 1.5 * len(self.labels) + 1

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        unit, labels = storable(self.unit), [storable(label) for label in self.labels]
        drawn = (
            f"{mean_of(provenance, f'width of the {FIELD} of {unit}')}, per scale"
            f" ({scales_in_words(self.scales)}): {listed(labels)}."
        )
        known = np.isfinite(self.low).any()
        marks = ("Bars: 95 % bootstrap intervals over images.",) if known else ()
        alt = f"Line chart of the width of {counted(len(labels), 'field')} of {unit}."
        return self._caption(provenance, drawn, marks, alt)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per field and scale: the width in pixels, with its interval."""
        return super().to_frame().assign(low=self.low.ravel(), high=self.high.ravel())

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the lines on `ax`, or on a new figure, and return the figure."""
        width, _ = matplotlib.rcParams["figure.figsize"]
        points = float(matplotlib.rcParams["font.size"])
        # Narrow pages are filled.
        across = max(0.6 * width, min(width, _ENOUGH * points / 72))
        ax, figure = own_axes(ax, across, self.height * points / 72)
        keep_ticks(ax)
        # The looks of scales serve for fields: a colour, a marker and a dash each.
        looks = scale_styles(range(1, len(self.labels) + 1), ax.get_facecolor())
        order = np.arange(len(self.scales))
        for index, (look, label) in enumerate(zip(looks, self.labels, strict=True)):
            shift = (index - (len(looks) - 1) / 2) * _APART
            middle = self.widths[:, index]
            ax.errorbar(
                order + shift,
                middle,
                yerr=error_bars(middle, self.low[:, index], self.high[:, index]),
                capsize=2,
                elinewidth=matplotlib.rcParams["axes.linewidth"],
                capthick=matplotlib.rcParams["axes.linewidth"],
                **(look.line | {"label": clean(label)}),
            )
        ax.set_xticks(order, scale_labels(self.scales))
        ax.set_xlim(-0.4, len(self.scales) - 0.6)
        ax.margins(y=0.1)
        ax.set_xlabel("object scale")
        ax.set_ylabel("width (input pixels)")
        ax.set_title("width of the field, 95 % intervals", loc="left", weight="normal")
        # Below the label of the x axis, however high the axes are.
        corner = offset_copy(ax.transAxes, figure, y=-_LABELS * points, units="points")
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(0, 0),
            bbox_transform=corner,
            borderaxespad=0,
            handlelength=3.2,
        )
        for text in ax.get_legend().get_texts():  # type: ignore[union-attr]
            text.set_parse_math(False)
        return self._drawn(figure, ax)
