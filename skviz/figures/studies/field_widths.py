"""The width of receptive fields per scale, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from skviz.figures.style.palette import scale_styles
from skviz.figures.style.text import clean, storable
from skviz.figures.wording import per_scale, scales_in_words, upper_first
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


@dataclass(frozen=True, eq=False)
class FieldWidths(Display):
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
        text = [
            f"{mean_of(provenance, f'width of the {FIELD} of {unit}')}, per scale"
            f" ({scales_in_words(self.scales)}): {listed(labels)}."
        ]
        known = np.isfinite(self.low).any()
        marks = ["Bars: 95 % bootstrap intervals over images."] if known else []
        alt = [f"Line chart of the width of {counted(len(labels), 'field')} of {unit}."]
        alt += widths_in_words(self.widths, self.scales, labels)
        title = field_title(self.unit, self.labels, self.widths, self.scales)
        return Caption(title, tuple(text), tuple(marks), provenance, " ".join(alt))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per field and scale: the width in pixels, with its interval."""
        return widths_frame(
            self.unit, self.scales, self.labels, width=self.widths, low=self.low, high=self.high
        )

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
            look = replace(look, label=clean(label))
            shift = (index - (len(looks) - 1) / 2) * _APART
            middle = self.widths[:, index]
            known = np.isfinite(self.low[:, index]) & np.isfinite(self.high[:, index])
            below = np.where(known, middle - self.low[:, index], 0)
            above = np.where(known, self.high[:, index] - middle, 0)
            ax.errorbar(
                order + shift,
                middle,
                yerr=np.clip([below, above], 0, None),
                color=look.colour,
                marker=look.marker,
                linestyle=look.dash,
                label=look.label,
                capsize=2,
                elinewidth=matplotlib.rcParams["axes.linewidth"],
                capthick=matplotlib.rcParams["axes.linewidth"],
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


def field_title(
    unit: str, labels: Sequence[str], all_widths: FloatArray, scales: Sequence[float]
) -> str:
    """Return what becomes of the mixed field, or of the last one where there is none."""
    chosen = labels.index("mixed") if "mixed" in labels else len(labels) - 1
    label, widths = storable(labels[chosen]), all_widths[:, chosen]
    quantity = f"the width of the {label} field in pixels"
    return message(storable(unit), quantity, widths, scales, digits=1)


def widths_in_words(widths: FloatArray, scales: tuple[float, ...], labels: list[str]) -> list[str]:
    """Return a sentence per field."""
    return [
        f"{upper_first(label)}: width in pixels {per_scale(column, scales, 1)}."
        for label, column in zip(labels, widths.T, strict=True)
    ]


def widths_frame(
    unit: str, scales: Sequence[float], labels: Sequence[str], **columns: FloatArray
) -> pd.DataFrame:
    """Return tidy columns of arrays of shape (V, F), scales by fields."""
    import pandas as pd

    index = pd.MultiIndex.from_product([scales, labels], names=["scale", "field"])
    frame = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index=index)
    frame = frame.reset_index()
    frame.insert(0, "unit", unit)
    return frame
