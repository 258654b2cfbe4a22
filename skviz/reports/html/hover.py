"""What a page tells of the values where a pointer rests on a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.display import Display
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.text import storable
from skviz.figures.wording import signed
from skviz.numbers import number
from skviz.scales import scale_labels
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST = 60  # characters of a name
_UNSIGNED = "attention of"


@dataclass(frozen=True)
class Panel:
    """The marks of one pair of axes: N places along it, and what is there.

    `axes` is the number of the axes in the figure, `at` where the places are in its data
    coordinates, `names` what they are called. `series` has per row a label and N texts.
    `upright` is True where the places go down the y axis.
    """

    axes: int
    at: NDArray[Any]
    names: Sequence[str]
    series: Sequence[tuple[str, Sequence[str]]]
    upright: bool = False


def hover_data(display: Display, figures: Mapping[str, Figure]) -> dict[str, Any] | None:
    """Return the values of a display and where they are in each drawing; None without any.

    `figures` maps the name of a drawing to the figure, which was drawn. Places are shares of its
    width and height: `box` is left, top, right and bottom of a panel, `first` and `step` go from
    `at` to the share along it.
    """
    panels = panels_of(display)
    if not panels:
        return None
    names = list(dict.fromkeys(name for panel in panels for name in panel.names))
    places = {name: index for index, name in enumerate(names)}
    return {
        "names": names,
        "panels": [
            {
                "upright": panel.upright,
                "at": [round(float(at), 3) for at in panel.at],
                "names": [places[name] for name in panel.names],
                "series": [[label, list(texts)] for label, texts in panel.series],
                "drawn": {name: _place(figure, panel) for name, figure in figures.items()},
            }
            for panel in panels
        ],
    }


def class_marks(display: Display, figures: Mapping[str, Figure]) -> dict[str, Any] | None:
    """Return where each class stands in the curves, as shares of the figure; None without.

    `figures` are those of `hover_data`. Per drawing and panel: `top` and `bottom` of the panel,
    the indices `labels` of the N classes drawn, and their positions `x`. Only where every point
    is one class.
    """
    if not isinstance(display, ClassCurves) or display.smooth > 1 or display.every > 1:
        return None
    panels = panels_of(display)
    return {name: [_marks(display, p, figure) for p in panels] for name, figure in figures.items()}


def _marks(curves: ClassCurves, panel: Panel, figure: Figure) -> dict[str, Any]:
    place = _place(figure, panel)
    drawn, _ = curves.points(curves.units[panel.axes])
    _, top, _, bottom = place["box"]
    return {
        "top": top,
        "bottom": bottom,
        "labels": [int(label) for label in curves.classes[drawn]],
        "x": [round(place["first"] + place["step"] * float(at), 4) for at in panel.at],
    }


def _place(figure: Figure, panel: Panel) -> dict[str, Any]:
    ax = figure.axes[panel.axes]
    width, height = figure.bbox.width, figure.bbox.height
    box = ax.get_window_extent()
    (x0, y0), (x1, y1) = ax.transData.transform([(0, 0), (1, 1)])
    ends = (1 - y0 / height, 1 - y1 / height) if panel.upright else (x0 / width, x1 / width)
    edges = (box.x0 / width, 1 - box.y1 / height, box.x1 / width, 1 - box.y0 / height)
    return {
        "box": [round(float(edge), 4) for edge in edges],
        "first": round(float(ends[0]), 5),
        "step": round(float(ends[1] - ends[0]), 7),
    }


def panels_of(display: Display) -> list[Panel]:
    """Return what a display shows, panel by panel; nothing for pictures."""
    if isinstance(display, ChannelLines):
        names = [f"channel {int(x)}" for x in display.x]
        unsigned = display.value_label.startswith(_UNSIGNED)
        return [Panel(0, display.x, names, _rows(display.scales, display.curves, unsigned))]
    if isinstance(display, UnitBars | DepthLines):
        names = [storable(unit) for unit in display.units]
        errors = None if display.errors is None else display.errors.T
        rows = _rows(display.scales, display.values.T, display_errors=errors)
        return [Panel(0, np.arange(len(names)), names, rows)]
    if isinstance(display, ClassCurves):
        return [_class_panel(display, index) for index in range(len(display.units))]
    if isinstance(display, ChannelHeatmap):
        return _map_panels(display)
    if isinstance(display, VerdictRows):
        return [_verdict_panel(display)]
    return []


def _rows(
    scales: Sequence[float],
    values: FloatArray,
    unsigned: bool = False,
    display_errors: FloatArray | None = None,
) -> list[tuple[str, list[str]]]:
    write = number if unsigned else signed
    rows = []
    for index, label in enumerate(scale_labels(scales)):
        texts = [write(value) for value in values[index]]
        if display_errors is not None:
            pairs = zip(texts, display_errors[index], strict=True)
            texts = [f"{text} \N{PLUS-MINUS SIGN} {number(error)}" for text, error in pairs]
        rows.append((label, texts))
    return rows


def _class_panel(curves: ClassCurves, index: int) -> Panel:
    unit = curves.units[index]
    drawn, values = curves.points(unit)
    labels = curves.classes[drawn]
    known = curves.names
    names = [
        f"class {label}" if known is None else storable(str(known[place]))[:_LONGEST]
        for place, label in zip(drawn, labels, strict=True)
    ]
    # Curves stand at the class's index, classes with names below them at 0, 1, 2, ...
    by_index = curves.sort == "index" and not curves.named
    at = labels if by_index else np.arange(len(drawn)) * (1 if curves.named else curves.step)
    return Panel(index, at, names, _rows(curves.scales, values))


def _map_panels(display: ChannelHeatmap) -> list[Panel]:
    values = display.values[:, display.order]
    names = [f"channel {channel}" for channel in display.order]
    at = np.arange(len(names))
    upper = Panel(0, at, names, _rows(display.scales, values, display.quantity is None))
    if len(display.scales) < 2:
        return [upper]
    change = _rows(display.scales[1:], values[1:] - values[0])
    # Beside each map stand the axes of its colours.
    return [upper, Panel(2, at, names, change)]


def _verdict_panel(rows: VerdictRows) -> Panel:
    series = [
        (label, [f"{signed(mean)} ({signed(low)} to {signed(high)})" if mean == mean else ""
                 for mean, low, high in marks])
        for label, marks in zip(rows.labels, rows.values, strict=True)
    ]  # fmt: skip
    names = [storable(unit) for unit in rows.units]
    return Panel(0, np.arange(len(names)), names, series, upright=True)
