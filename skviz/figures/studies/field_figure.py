"""Figure of a receptive field: its maps and its widths on one page (Luo et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
from matplotlib.figure import Figure

from skviz.figures.caption import Caption, together
from skviz.figures.display import Display
from skviz.figures.layout.footer import with_note
from skviz.figures.layout.page import Slot, fit, new_figure, size_in_points
from skviz.figures.provenance import Provenance
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import EDGE, FieldMaps
from skviz.figures.style.text import font_points, text_width

if TYPE_CHECKING:
    import pandas as pd

    from skviz.studies.receptive_field.result import ReceptiveField

_MAPS_SHARE = 0.62  # of the width of a figure with both parts
_NARROW = 50.0  # font sizes across: below, the widths stand under the maps


@dataclass(frozen=True, eq=False)
class FieldFigure(Display):
    """Maps of branches and mixture, and the width of fields per scale, on one page.

    The widths stand beside the maps, or below them where the style's figure is narrow.

    Attributes
    ----------
    maps
        Of the branches and the mixture.
    widths
        Of all fields.

    Examples
    --------
    >>> field = skviz.receptive_field(
    ...     skviz.load_model(), skviz.example_photo(), "2_1", scales=(1,), progress=False
    ... )
    >>> parts = FieldFigure.from_field(field)
    >>> parts.widths.unit
    'SK_2_1'
    >>> figure = parts.plot().figure_
    """

    maps: FieldMaps
    widths: FieldWidths

    @classmethod
    def from_field(cls, field: ReceptiveField) -> FieldFigure:
        """Take the fields that each part shows."""
        return cls(FieldMaps.from_field(field), FieldWidths.from_field(field))

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption of both parts; what is said of both is said once."""
        parts = [self.maps.caption(provenance), self.widths.caption(provenance)]
        return together(parts, alike=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the widths of all fields; those without an interval are of the maps alone."""
        import pandas as pd

        frame = pd.concat([self.widths.to_frame(), self.maps.to_frame()], ignore_index=True)
        return frame.drop_duplicates(["scale", "field"], ignore_index=True)

    def plot(self) -> Self:
        """Draw both parts on a new figure, and return the display."""
        maps, chart = self.maps, self.widths
        em = float(matplotlib.rcParams["font.size"]) / 72
        width = float(matplotlib.rcParams["figure.figsize"][0]) / em
        tall = chart.height
        if width < _NARROW:
            room, height = width, maps.height(width) + EDGE + tall
            slot = Slot(
                EDGE * em, (height - tall) * em, (width - 2 * EDGE) * em, (tall - EDGE) * em
            )
        else:
            room = _MAPS_SHARE * width
            height = max(maps.height(room), tall)
            slot = Slot(room * em, 0.3 * em, (width - room - EDGE) * em, (height - 0.6) * em)
        figure = new_figure(width * em, height * em)
        maps.draw(figure, room)
        ax = figure.add_axes((0, 0, 1, 1), label="widths")
        chart.plot(ax)
        fit([ax], [slot])
        points = font_points(matplotlib.rcParams["axes.titlesize"])
        if text_width(ax.get_title(loc="left"), points) > size_in_points(ax)[0]:
            ax.set_title("width, 95 % intervals", loc="left", weight="normal")
        return self._drawn(figure)


def draw_field(field: ReceptiveField) -> Figure:
    """Draw a `FieldFigure`; network, images and what the intervals are stand below.

    Parameters
    ----------
    field
        As `skviz.receptive_field` measures it.

    Returns
    -------
    Figure
        As wide as the style says.

    Examples
    --------
    >>> field = skviz.receptive_field(
    ...     skviz.load_model(), skviz.example_photo(), "2_1", scales=(1,), progress=False
    ... )
    >>> files = skviz.save_figure(skviz.draw_field(field), "field.svg", overwrite=True)
    """
    display = FieldFigure.from_field(field)
    return with_note(display.plot, display.caption(Provenance.of_field(field)))
