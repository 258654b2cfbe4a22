"""What the page's script works with: an image at every scale, and where classes are drawn."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.runs.classes import ClassCurves
from skviz.reports.document import FigurePart, ImagePart
from skviz.scales import scale_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_QUALITY = 85


def image_data(image: ImagePart) -> dict[str, Any]:
    """Return an image at all its scales, ascending: pictures, classes, curves and bars."""
    result = image.result
    order = [int(i) for i in np.argsort(result.views.scales, kind="stable")]
    lines = [
        ChannelLines.from_attention(result.attention, unit.name) for unit in result.choice.lines
    ]
    names = [unit.name for unit in result.choice.bars]
    bars = UnitBars.from_attention(result.attention, names)
    classes = result.classes
    return {
        "name": image.title,
        "labels": [scale_label(result.views.scales[i]) for i in order],
        "scales": [result.views.scales[i] for i in order],
        "start": order.index(result.reference),
        "views": [_jpeg(result.views.pixels[i]) for i in order] if image.has_views else [],
        "classes": None
        if classes is None
        else [[[name, round(p, 4)] for name, p in classes[i]] for i in order],
        "lines": [
            {
                "unit": chart.unit,
                "label": chart.value_label,
                "x": [int(x) for x in chart.x],
                "curves": _short(chart.curves[order]),
                "means": _short(chart.means[order]),
            }
            for chart in lines
        ],
        "bars": {
            "units": list(bars.units),
            "quantity": bars.quantity,
            "values": _short(bars.values[:, order]),
        },
    }


def class_marks(part: FigurePart, styles: Mapping[str, str]) -> dict[str, Any] | None:
    """Return where each class stands in the curves, as shares of the figure; None without.

    `styles` maps the name of a drawing to its style. Per drawing and panel: `top` and `bottom`
    of the panel, the indices `labels` of the N classes drawn, and their positions `x`. Only
    where every point is one class.
    """
    display = part.display
    if not isinstance(display, ClassCurves) or display.smooth > 1 or display.every > 1:
        return None
    return {name: _panels(part.draw(style), display) for name, style in styles.items()}


def _panels(figure: Figure, display: ClassCurves) -> list[dict[str, Any]]:
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    panels = []
    for ax, unit in zip(figure.axes, display.units, strict=False):
        drawn, _ = display.points(unit)
        # Curves stand at the class's index, classes with names below them at 0, 1, 2, ...
        by_index = display.sort == "index" and not display.named
        x = display.classes[drawn] if by_index else np.arange(len(drawn))
        corners = ax.transData.transform(np.column_stack([x, np.zeros(len(x))]))
        box = ax.get_window_extent()
        panels.append(
            {
                "top": round(1 - box.y1 / height, 4),
                "bottom": round(1 - box.y0 / height, 4),
                "labels": [int(label) for label in display.classes[drawn]],
                "x": [round(float(place) / width, 4) for place in corners[:, 0]],
            }
        )
    return panels


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _short(values: NDArray[Any]) -> Any:
    """Return nested lists of numbers with six digits behind the point; None for nan."""
    if values.ndim:
        return [_short(part) for part in values]
    return None if np.isnan(values) else round(float(values), 6)
