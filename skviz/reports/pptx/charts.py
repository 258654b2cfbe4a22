"""Native charts on a slide: every number can be edited in PowerPoint and its relatives."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from lxml import etree
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import (
    XL_CHART_TYPE,
    XL_LEGEND_POSITION,
    XL_MARKER_STYLE,
    XL_TICK_LABEL_POSITION,
    XL_TICK_MARK,
)
from pptx.enum.dml import MSO_LINE, MSO_PATTERN
from pptx.oxml import parse_xml
from pptx.oxml.ns import nsdecls, qn
from pptx.util import Pt

from skviz.figures.native import NativeChart, numbers_along
from skviz.figures.style.palette import ScaleStyle, of_scales, scale_styles
from skviz.figures.style.text import clean, text_width
from skviz.reports.pptx.geometry import Box
from skviz.reports.pptx.template import Look
from skviz.reports.words import fitted, for_office, plain

# The palette's markers, in its order, and the nearest that PowerPoint has of marker and dash.
_LOOKS = {
    "o": (XL_MARKER_STYLE.CIRCLE, None),
    "s": (XL_MARKER_STYLE.SQUARE, MSO_LINE.DASH),
    "^": (XL_MARKER_STYLE.TRIANGLE, MSO_LINE.ROUND_DOT),
    "D": (XL_MARKER_STYLE.DIAMOND, MSO_LINE.DASH_DOT),
    "v": (XL_MARKER_STYLE.DASH, MSO_LINE.LONG_DASH),
    "P": (XL_MARKER_STYLE.PLUS, MSO_LINE.DASH_DOT_DOT),
    "X": (XL_MARKER_STYLE.X, MSO_LINE.SQUARE_DOT),
    "*": (XL_MARKER_STYLE.STAR, MSO_LINE.LONG_DASH_DOT),
}
_PATTERNS = {
    "///": MSO_PATTERN.LIGHT_UPWARD_DIAGONAL,
    "...": MSO_PATTERN.PERCENT_20,
    "\\\\\\": MSO_PATTERN.LIGHT_DOWNWARD_DIAGONAL,
    "xxx": MSO_PATTERN.DOTTED_DIAMOND,
    "---": MSO_PATTERN.LIGHT_HORIZONTAL,
    "|||": MSO_PATTERN.LIGHT_VERTICAL,
    "+++": MSO_PATTERN.SMALL_GRID,
}
# What stands behind the error bars of a series, per kind of chart (ISO 29500-1, 21.2.2).
_AFTER = ("c:cat", "c:xVal", "c:val", "c:yVal", "c:smooth", "c:shape", "c:extLst")
_NAME_WIDTH = 175.0  # points of a class's name below the axis
_PLOT = 0.85  # of a chart's width, for what is drawn
_LABEL, _HEAD = 14.0, 16.0  # points of tick labels; of titles of axes and of the legend


def rgb(colour: str) -> RGBColor:
    """Return "#0072B2" as python-pptx takes it."""
    found: RGBColor = RGBColor.from_string(colour.lstrip("#").upper())
    return found


def add_chart(slide: Any, chart: NativeChart, box: Box, look: Look) -> Any:
    """Put a chart on a slide and return its graphic frame."""
    provenance = chart.caption.provenance
    with of_scales(provenance.scales if provenance is not None else ()):
        styles = scale_styles(chart.scales, look.background)
    kinds = {
        "xy": XL_CHART_TYPE.XY_SCATTER_LINES,
        "line": XL_CHART_TYPE.LINE_MARKERS,
        "bars": XL_CHART_TYPE.COLUMN_CLUSTERED,
    }
    frame = slide.shapes.add_chart(kinds[chart.kind], *box.emu, _data(chart, styles))
    native = frame.chart
    native.has_title = False
    native.font.size, native.font.color.rgb = Pt(_LABEL), rgb(look.text)
    native.has_legend = True
    native.legend.position = XL_LEGEND_POSITION.TOP
    native.legend.include_in_layout = False
    native.legend.font.size, native.legend.font.color.rgb = Pt(_HEAD), rgb(look.text)
    _axes(native, chart, box, look)
    plot = native.plots[0]
    if chart.kind == "bars":
        plot.gap_width, plot.overlap = 40, 0
    for index, (series, style) in enumerate(zip(plot.series, styles, strict=True)):
        if chart.kind == "bars":
            _fill(series, style, look, chart.hatched)
        else:
            _line(series, style, chart)
        if chart.errors is not None:
            _add_error_bars(series, chart.errors[index], look.text, vertical=chart.kind == "xy")
    return frame


def _data(chart: NativeChart, styles: tuple[ScaleStyle, ...]) -> Any:
    if chart.kind == "xy":
        points: Any = XyChartData(number_format="General")
        for style, row in zip(styles, chart.values, strict=True):
            series = points.add_series(style.label)
            for x, y in zip(chart.x, row, strict=True):
                if not math.isnan(y):  # a point that is not there
                    series.add_data_point(float(x), float(y))
        return points
    data: Any = CategoryChartData(number_format="General")
    data.categories = [for_office(fitted(str(name), _NAME_WIDTH, _LABEL)) for name in chart.x]
    for style, row in zip(styles, chart.values, strict=True):
        data.add_series(style.label, [None if math.isnan(y) else float(y) for y in row])
    return data


def _axes(native: Any, chart: NativeChart, box: Box, look: Look) -> None:
    across, up = native.category_axis, native.value_axis
    for axis, title in ((across, chart.x_title), (up, chart.y_title)):
        axis.has_title = True
        frame = axis.axis_title.text_frame
        frame.text = plain(title)
        font = frame.paragraphs[0].runs[0].font
        font.size, font.bold, font.color.rgb = Pt(_HEAD), False, rgb(look.text)
        axis.tick_labels.font.size = Pt(_LABEL)
        axis.tick_labels.font.color.rgb = rgb(look.text)
        axis.format.line.color.rgb = rgb(look.line)
        axis.major_tick_mark = XL_TICK_MARK.NONE
        axis.has_major_gridlines = axis is up
    up.major_gridlines.format.line.color.rgb = rgb(look.grid)
    up.major_gridlines.format.line.width = Pt(0.75)
    low, high, step = chart.ticks
    up.minimum_scale, up.maximum_scale, up.major_unit = low, high, step
    up.tick_labels.number_format = _number_format(step)
    up.tick_labels.number_format_is_linked = False
    # Names below the chart, not in the middle of it, where values are negative.
    across.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    if chart.kind == "xy":
        across.minimum_scale, across.maximum_scale, across.major_unit = numbers_along(
            np.asarray(chart.x, np.float64)
        )
        across.tick_labels.number_format = "#,##0"
        across.tick_labels.number_format_is_linked = False
        # The value axis stands on the left, whatever the numbers.
        across.crosses_at = across.minimum_scale
    elif not _beside(chart, box):
        body = across.tick_labels.font._element.getparent().getparent().getparent()
        body.find(qn("a:bodyPr")).set("rot", "-5400000")  # upright
        body.find(qn("a:bodyPr")).set("vert", "horz")
    up.crosses_at = chart.base if chart.kind == "bars" else (0 if low < 0 < high else low)


def _beside(chart: NativeChart, box: Box) -> bool:
    """Whether the names of an axis fit side by side below it."""
    names = [clean(fitted(str(name), _NAME_WIDTH, _LABEL)) for name in chart.x]
    widest = max(text_width(name, _LABEL) for name in names)
    return widest + _LABEL / 2 < _PLOT * 72 * box.width / len(names)


def _line(series: Any, style: ScaleStyle, chart: NativeChart) -> None:
    marker, dash = _LOOKS[style.marker]
    series.smooth = False
    line = series.format.line
    line.color.rgb = rgb(style.colour)
    line.width = Pt(2.25 if chart.marked else 1)
    if chart.joined and dash is not None and chart.marked:
        line.dash_style = dash
    if not chart.joined:
        line.fill.background()
    elif chart.marked:
        # Spikes of sharp joins look like values.
        etree.SubElement(series._element.find(f"{qn('c:spPr')}/{qn('a:ln')}"), qn("a:round"))
    if not chart.marked:
        series.marker.style = XL_MARKER_STYLE.NONE
        return
    series.marker.style = marker
    series.marker.size = 8 if chart.values.shape[1] <= 60 else 5
    series.marker.format.fill.solid()
    series.marker.format.fill.fore_color.rgb = rgb(style.colour)
    series.marker.format.line.color.rgb = rgb(style.colour)


def _fill(series: Any, style: ScaleStyle, look: Look, hatched: bool) -> None:
    series.invert_if_negative = False
    fill = series.format.fill
    if hatched and style.hatch:
        fill.patterned()
        fill.pattern = _PATTERNS[style.hatch]
        fill.fore_color.rgb, fill.back_color.rgb = rgb(look.background), rgb(style.colour)
    else:
        fill.solid()
        fill.fore_color.rgb = rgb(style.colour)
    series.format.line.color.rgb = rgb(style.colour)
    series.format.line.width = Pt(0.75)


def _add_error_bars(
    series: Any, lengths: Iterable[float], colour: str, *, vertical: bool = False
) -> None:
    """Give a series error bars of its own lengths to either side; `vertical` for XY charts.

    python-pptx has no words for them.
    """
    values = [0.0 if math.isnan(length) else float(length) for length in lengths]
    points = "".join(
        f'<c:pt idx="{n}"><c:v>{value!r}</c:v></c:pt>' for n, value in enumerate(values)
    )
    numbers = (
        "<c:numLit><c:formatCode>General</c:formatCode>"
        f'<c:ptCount val="{len(values)}"/>{points}</c:numLit>'
    )
    direction = '<c:errDir val="y"/>' if vertical else ""  # other charts have no other direction
    bars = parse_xml(
        f'<c:errBars {nsdecls("c", "a")}>{direction}<c:errBarType val="both"/>'
        f'<c:errValType val="cust"/><c:noEndCap val="0"/><c:plus>{numbers}</c:plus>'
        f'<c:minus>{numbers}</c:minus><c:spPr><a:ln w="12700"><a:solidFill>'
        f'<a:srgbClr val="{rgb(colour)}"/></a:solidFill></a:ln></c:spPr></c:errBars>'
    )
    after = {qn(name) for name in _AFTER}
    next(child for child in series._element if child.tag in after).addprevious(bars)


def _number_format(step: float) -> str:
    """Return the format of an axis with this step; a minus is a minus, not a hyphen."""
    decimals = next(n for n in range(12) if n == 11 or abs(round(step, n) - step) < 1e-6 * step)
    number = "0" + ("." + "0" * decimals if decimals else "")
    return f"{number};\N{MINUS SIGN}{number}"
