"""The width of receptive fields per scale, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import offset_copy

from skviz.errors import UsageError
from skviz.figures.layout.page import keep_tick_labels, own_axes
from skviz.figures.style.palette import scale_labels, scale_styles
from skviz.figures.style.text import clean
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.studies.receptive_field.result import ReceptiveField

KINDS = ("mixed", "clamped", "fixed")
# Fields of nearly the same width stand beside each other, so many steps of the axis apart.
_APART = 0.06
# In font sizes: of axes and title, of ticks and label below.
_BODY, _LABELS = 13.0, 3.6
_ENOUGH = 36.0  # font sizes across


@dataclass(frozen=True, eq=False)
class FieldWidths:
    """Width of Q receptive fields at S scales, one line per field.

    `widths`, `low` and `high` have shape (S, Q), in pixels of the input; `low` and `high` are
    the ends of intervals, nan where there are none. `labels` names the fields.
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

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the lines on `ax`, or on a new figure, and return the figure."""
        width, _ = matplotlib.rcParams["figure.figsize"]
        points = float(matplotlib.rcParams["font.size"])
        # Narrow pages are filled.
        across = max(0.6 * width, min(width, _ENOUGH * points / 72))
        ax, figure = own_axes(ax, across, self.height * points / 72)
        keep_tick_labels(ax)
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
        return figure
