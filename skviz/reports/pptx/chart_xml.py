"""What charts in PowerPoint files can have, but python-pptx has no words for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from lxml import etree
from pptx.oxml.ns import qn

# What stands behind the error bars of a series, per kind of chart (ISO 29500-1, 21.2.2).
_AFTER = ("c:cat", "c:xVal", "c:val", "c:yVal", "c:smooth", "c:shape", "c:extLst")


def add_error_bars(
    series: Any, lengths: Iterable[float], colour: str, *, vertical: bool = False
) -> None:
    """Give a series error bars of its own lengths to either side; `vertical` for XY charts."""
    bars = etree.Element(qn("c:errBars"))
    if vertical:  # other charts have no other direction
        _child(bars, "c:errDir", "y")
    _child(bars, "c:errBarType", "both")
    _child(bars, "c:errValType", "cust")
    _child(bars, "c:noEndCap", "0")
    values = [0.0 if math.isnan(length) else float(length) for length in lengths]
    for side in ("c:plus", "c:minus"):
        numbers = etree.SubElement(etree.SubElement(bars, qn(side)), qn("c:numLit"))
        etree.SubElement(numbers, qn("c:formatCode")).text = "General"
        _child(numbers, "c:ptCount", str(len(values)))
        for index, value in enumerate(values):
            point = etree.SubElement(numbers, qn("c:pt"), idx=str(index))
            etree.SubElement(point, qn("c:v")).text = repr(value)
    line = etree.SubElement(etree.SubElement(bars, qn("c:spPr")), qn("a:ln"), w="12700")
    fill = etree.SubElement(line, qn("a:solidFill"))
    etree.SubElement(fill, qn("a:srgbClr"), val=colour.lstrip("#").upper())
    element = series._element
    behind = next(child for child in element if child.tag in {qn(name) for name in _AFTER})
    behind.addprevious(bars)


def round_joins(series: Any) -> None:
    """Draw a line with round joins: spikes of sharp ones look like values."""
    line = series._element.find(f"{qn('c:spPr')}/{qn('a:ln')}")
    if line is not None and line.find(qn("a:round")) is None:
        etree.SubElement(line, qn("a:round"))


def turn_labels(axis: Any) -> None:
    """Write the names of an axis upright, where they do not fit side by side."""
    body = axis.tick_labels.font._element.getparent().getparent().getparent().find(qn("a:bodyPr"))
    body.set("rot", "-5400000")
    body.set("vert", "horz")


def _child(parent: Any, name: str, value: str) -> None:
    etree.SubElement(parent, qn(name), val=value)
