"""Maps of receptive fields, side by side (Luo et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from matplotlib.transforms import offset_copy
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.caption import Caption, mean_of
from skviz.figures.layout.page import (
    Slot,
    is_slide,
    most_height,
    new_figure,
    place,
    root_figure,
    size_in_points,
    write_beside,
)
from skviz.figures.provenance import Provenance
from skviz.figures.studies.field_widths import FIELD, MeasuredFields
from skviz.figures.style.text import clean, font_points, shorten, storable, text_width
from skviz.figures.wording import scales_in_words
from skviz.numbers import counted, listed
from skviz.scales import scale_labels
from skviz.studies.receptive_field.widths import moments
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.studies.receptive_field.result import ReceptiveField

KINDS = ("branch", "mixed")
COLOURS = "cividis"
_BOX = "#FFFFFF"
# In font sizes: of a map at most, of its label, between maps, above rows, of the colour bar.
_CELL, _LABEL, EDGE, _HEAD, _ROW_HEAD, _BAR = 13.0, 2.2, 0.8, 4.2, 1.5, 6.5
_SMALL_CELL, _BELOW = 5.4, 4.6  # a map that leaves no room beside it; the colour bar below
_AROUND = 1.0  # what is shown around the widest field


@dataclass(frozen=True, eq=False)
class FieldMaps(MeasuredFields):
    """Maps of receptive fields: a row per field, a column per scale.

    A white square around a field's centre has its width. All maps share one colour scale, whose
    steps are those of the square root, and the same part of the picture.

    Attributes
    ----------
    maps
        Shape (S, Q, H, W), each summing to 1.
    widths
        Shape (S, Q), in pixels of the input.
    scales
        S of them.
    labels
        The names of the Q fields.
    unit
        The unit's name.

    Examples
    --------
    >>> import numpy as np
    >>> maps = np.full((1, 1, 8, 8), 1 / 64, dtype=np.float32)
    >>> fields = FieldMaps(maps, np.array([[4.0]]), (1.0,), ("mixed",), "SK_2_1")
    >>> figure = fields.plot().figure_
    """

    maps: NDArray[np.float32]
    widths: FloatArray
    scales: tuple[float, ...]
    labels: tuple[str, ...]
    unit: str

    def __post_init__(self) -> None:
        expected = (len(self.scales), len(self.labels))
        if self.maps.ndim != 4 or self.maps.shape[:2] != expected or self.widths.shape != expected:
            raise UsageError(
                f"expected maps of shape (scales, fields, H, W) and widths (scales, fields) with "
                f"{expected}, got {self.maps.shape} and {self.widths.shape}"
            )

    @classmethod
    def from_field(cls, field: ReceptiveField, kinds: Sequence[str] = KINDS) -> FieldMaps:
        """Take the fields of these kinds: "branch", "mixed", "clamped", "fixed"."""
        rows = [index for index, one in enumerate(field.fields) if one.kind in kinds]
        return cls(
            maps=field.maps[:, rows],
            widths=field.widths[:, rows],
            scales=field.scales,
            labels=tuple(field.fields[index].label for index in rows),
            unit=field.unit.name,
        )

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        unit, labels = storable(self.unit), [storable(label) for label in self.labels]
        what = f"{FIELD} of {unit}"
        drawn = (
            f"{mean_of(provenance, what)}: one row per field ({listed(labels)}), one column per"
            f" scale ({scales_in_words(self.scales)}). All maps share one colour scale, spaced by"
            " the square root."
        )
        marks = (
            "White squares: the width of the field, the side of the box of the same variance, in"
            " pixels of the input.",
        )
        alt = f"{counted(self.widths.size, 'map')} of the effective receptive field of {unit}."
        return self._caption(provenance, drawn, marks, alt)

    def plot(self) -> Self:
        """Draw the maps on a new figure, and return the display."""
        em = float(matplotlib.rcParams["font.size"]) / 72
        width = float(matplotlib.rcParams["figure.figsize"][0])
        figure = new_figure(width, self.height(width / em) * em)
        self.draw(figure, width / em)
        return self._drawn(figure)

    def height(self, room: float) -> float:
        """How high the maps are where there is so much room across, in font sizes."""
        cell, beside = self._layout(room)
        return _HEAD + len(self.labels) * (cell + _ROW_HEAD) + (EDGE if beside else _BELOW)

    def draw(self, figure: Figure, room: float) -> None:
        """Draw into the left part of a figure, `room` font sizes wide."""
        em = float(matplotlib.rcParams["font.size"]) / 72
        cell, beside = self._layout(room)
        left = _LABEL
        half = self._half()
        top = float(np.nanmax(self.maps, initial=0)) or 1.0
        shown = PowerNorm(0.5, 0, top)
        small = font_points("small")
        size = 72 * em
        title = f"{clean(self.unit)}: effective receptive field"
        figure.text(
            EDGE * em / figure.get_figwidth(),
            1 - 0.4 * em / figure.get_figheight(),
            shorten(title, 0.95 * (room - 2 * EDGE) * size, size, weight="bold", keep_end=True),
            va="top",
            weight="bold",
            parse_math=False,
        )
        for row, label in enumerate(self.labels):
            for column, scale in enumerate(scale_labels(self.scales)):
                ax = figure.add_axes((0, 0, 1, 1), label=f"{label} {scale}")
                y = _HEAD + row * (cell + _ROW_HEAD)
                x = left + column * (cell + EDGE)
                place(ax, Slot(x * em, y * em, cell * em, cell * em))
                image = self._draw_map(ax, column, row, half, shown)
                if row == 0:
                    write_beside(ax, scale, (0, 1), (0, 1.55 * small), weight="bold")
                if (row, column) == (len(self.labels) - 1, 0):
                    self._scale_bar(ax, half)
                if column == 0:
                    ax.set_ylabel(label, parse_math=False, labelpad=0.4 * small)
        tall = len(self.labels) * (cell + _ROW_HEAD) - _ROW_HEAD
        if beside:
            across = left + len(self.scales) * (cell + EDGE)
            slot = Slot(across * em, _HEAD * em, 0.9 * em, min(tall, 2 * _CELL) * em)
        else:
            slot = Slot(left * em, (_HEAD + tall + 2.2) * em, 14 * em, 0.8 * em)
        self._colour_bar(figure, image, slot, top)

    def _colour_bar(self, figure: Figure, image: AxesImage, slot: Slot, top: float) -> None:
        """Draw the colour bar, on end or lying as its slot is, and say what its numbers are."""
        side, small = figure.add_axes((0, 0, 1, 1), label="colours"), font_points("small")
        place(side, slot)
        lies = slot.width > slot.height
        bar = figure.colorbar(image, cax=side, orientation="horizontal" if lies else "vertical")
        # Steps of the square root crowd at the upper end.
        bar.locator = MaxNLocator(2 if lies else 4)
        bar.formatter = PercentFormatter(1, decimals=max(1, 1 - int(np.floor(np.log10(100 * top)))))
        bar.update_ticks()
        size = _smaller(small)
        if lies:
            text, by = "of the gradient per pixel", (1.2 * small, 0)
            write_beside(side, text, (1, 0.5), by, size=size, va="center")
            return
        # Above the uppermost label of the bar, which reaches beyond its end.
        text = "of the gradient\nper pixel"
        side.set_title(text, weight="normal", size=size, loc="left", pad=0.7 * small)

    def _draw_map(
        self, ax: Axes, column: int, row: int, half: float, shown: Normalize
    ) -> AxesImage:
        """Draw one map with the square of its width, and say how wide it is."""
        field, width = self.maps[column, row], self.widths[column, row]
        tall, wide = field.shape
        # Pixels from the middle of the picture.
        extent = (-wide / 2, wide / 2, tall / 2, -tall / 2)
        image = ax.imshow(field, cmap=COLOURS, norm=shown, extent=extent, interpolation="nearest")
        ax.set(xlim=(-half, half), ylim=(half, -half), xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
        y, x = moments(field)[:2]
        if np.isfinite(width):
            corner = (x - width / 2, y - width / 2)
            ax.add_patch(Rectangle(corner, width, width, fill=False, edgecolor=_BOX, linewidth=1.0))
        size = font_points("small")
        room = size_in_points(ax)[0]
        texts = [f"{width:.1f} px", f"{width:.1f}"] if np.isfinite(width) else ["no gradient"]
        fitting = [text for text in texts if text_width(text, size) <= room]
        text = fitting[0] if fitting else shorten(texts[-1], room, size)
        ax.set_title(text, loc="left", weight="normal", size=size, pad=0.25 * size)
        return image

    def _scale_bar(self, ax: Axes, half: float) -> None:
        """A bar of a round number of pixels, below the first map of the last row."""
        length, small = _round(half), font_points("small")
        figure = root_figure(ax)
        below = offset_copy(ax.transData, figure, y=-0.7 * small, units="points")
        beside = offset_copy(below, figure, x=0.4 * small, units="points")
        end, colour = length - half, matplotlib.rcParams["text.color"]
        look: dict[str, Any] = {"linewidth": 2, "solid_capstyle": "butt", "clip_on": False}
        ax.plot([-half, end], [half, half], color=colour, transform=below, **look)
        text = f"{length:g} px"
        ax.text(end, half, text, va="center", size=_smaller(small), transform=beside)

    def _half(self) -> float:
        """Half the side of the part that is shown, in pixels from the middle of the picture."""
        size = float(max(self.maps.shape[-2:]))
        centres = np.abs(moments(self.maps)[..., :2]).max(axis=-1)
        reach = centres + _AROUND * self.widths
        known = reach[np.isfinite(reach)]
        return min(size / 2, float(known.max())) if len(known) else size / 2

    def _layout(self, room: float) -> tuple[float, bool]:
        """Return the side of a map, and whether the colour bar stands beside the maps."""
        count, rows = len(self.scales), len(self.labels)
        widths = [(room - _LABEL - bar) / count - EDGE for bar in (_BAR, 0)]
        beside = widths[0] >= _SMALL_CELL
        page = 72 * most_height() / float(matplotlib.rcParams["font.size"])
        on_slide = (page - _HEAD - (EDGE if beside else _BELOW)) / rows - _ROW_HEAD
        return min(_CELL, on_slide, widths[0] if beside else widths[1]), beside


def _round(value: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50, ... up to a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step * power for step in (1, 2, 5) if step * power <= value))


def _smaller(small: float) -> float:
    """Return the size of the least important type, in points; on a slide it is no smaller."""
    return small if is_slide() else 0.85 * small
