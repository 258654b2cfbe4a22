"""What the page's script works with: an image at every scale."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.reports.document import ImagePart
from skviz.scales import scale_label

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
        "views": [_jpeg(result.views.pixels[i]) for i in order if result.views.pixels.size],
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


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _short(values: NDArray[Any]) -> Any:
    """Return nested lists of numbers with six digits behind the point; None for nan."""
    if values.ndim:
        return [_short(part) for part in values]
    return None if np.isnan(values) else round(float(values), 6)
