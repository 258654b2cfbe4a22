"""Where the parts of figure 3 (a) go on the page, for any number of units and scales."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import matplotlib

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.layout.page import Slot, most_height

# All lengths are in font sizes ("em"), so that every style gets the same proportions.
_EDGE = 1.0
_GAP = 1.6
_BAND = 14.5  # height of images and bars above a grid of charts
_CAPTIONS = 3.5  # and of captions within it
_LONG_NAME, _LONG_NAMES = 8, 3.0  # characters, and height of longer names on end
_ROW_GAP = 0.8  # charts in a grid bring space for a label below each
_CHART = 13.0  # height of a chart in a grid
_LARGEST_IMAGE, _ON_SLIDE = 11.0, 7.5
_NARROWEST = 30.0
_NARROW = 44.0  # below, everything goes below each other
_NARROWEST_CHART = 12.5  # of a chart in a grid
_LEAST_SHARE = 0.65  # of the usual heights, for what is to stay on a slide
_SLIDE = 0.5625  # height of a 16:9 slide by its width
_MOST_BESIDE = 12  # units, or a quarter of the bars, that fit beside the images


@dataclass(frozen=True)
class Arrangement:
    """Slots in inches for every part, and the size of the page.

    `columns` is the number of columns of the images (None: what makes them largest).
    """

    width: float
    height: float
    images: Slot
    columns: int | None
    charts: tuple[Slot, ...]
    bars: Slot

    def moved(self, down: float) -> Arrangement:
        """Return it so many inches further down on a page of several."""

        def lower(slot: Slot) -> Slot:
            return replace(slot, top=slot.top + down)

        charts = tuple(map(lower, self.charts))
        return replace(self, images=lower(self.images), charts=charts, bars=lower(self.bars))

    @property
    def first(self) -> tuple[bool, ...]:
        """Per chart, whether it is the first one of its row."""
        tops = [slot.top for slot in self.charts]
        return tuple(top not in tops[:index] for index, top in enumerate(tops))

    @property
    def lowest(self) -> tuple[bool, ...]:
        """Per chart, whether no other one is below it."""
        lefts = [round(slot.left, 6) for slot in self.charts]
        return tuple(left not in lefts[index + 1 :] for index, left in enumerate(lefts))


def page_width() -> tuple[float, float]:
    """Return the width of the page in inches, as the style has it, and one em."""
    em = float(matplotlib.rcParams["font.size"]) / 72
    return max(float(matplotlib.rcParams["figure.figsize"][0]), _NARROWEST * em), em


def inner_width() -> float:
    """Return the width between the page's margins, in inches."""
    width, em = page_width()
    return width - 2 * _EDGE * em


def arrange(
    images: Thumbnails, charts: int, bars: UnitBars, header: float, footer: float
) -> Arrangement:
    """Arrange the parts below a header and above a footer of these heights in inches.

    One chart stands below the images, with the bars to the right, as in the paper. More go in
    a grid below both. Where the bars are many they get a row of their own.
    """
    width, em = page_width()
    inner, edge, gap = inner_width(), _EDGE * em, _GAP * em
    top = edge + header
    columns: int | None = None
    band = (_BAND + (_CAPTIONS if images.captions else 0)) * em
    if max(len(name) for name in bars.units) > _LONG_NAME:
        band += _LONG_NAMES * em
    if len(bars.units) > _MOST_BESIDE or bars.values.size > 4 * _MOST_BESIDE:
        slots, span = _crowded(charts, Slot(edge, top, inner, band), em)
        first, last, chart_slots = slots[0], slots[span - 1], slots[span:]
        image_slot = replace(first, width=last.left + last.width - first.left)
        bars_slot = Slot(edge, _bottom(slots) + gap, inner, _BAND * em)
    elif charts == 1 and width < _NARROW * em:
        columns = min(len(images.scales), 3)
        tall = images.height_for(72 * inner, 72 * _LARGEST_IMAGE * em, columns) / 72
        image_slot = Slot(edge, top, inner, tall)
        chart_slots = [Slot(edge, top + tall + gap, inner, _CHART * em)]
        bars_slot = Slot(edge, _bottom(chart_slots) + gap, inner, _CHART * em)
    elif charts == 1:
        left = 0.56 * (inner - gap)
        count = len(images.scales)
        columns = count if count <= 5 else -(-count // 2)
        largest = _LARGEST_IMAGE if math.isinf(most_height()) else _ON_SLIDE
        tall = images.height_for(72 * left, 72 * largest * em, columns) / 72
        # The page becomes a slide, unless the chart would be too flat then.
        least = 15 if math.isinf(most_height()) else 9
        chart = max(least * em, _SLIDE * width - top - tall - gap - footer - edge)
        image_slot = Slot(edge, top, left, tall)
        chart_slots = [Slot(edge, top + tall + gap, left, chart)]
        bars_slot = Slot(edge + left + gap, top, inner - gap - left, tall + gap + chart)
    else:
        wide = _chart_columns(charts, inner)
        rows = -(-charts // wide)
        apart = gap + (rows - 1) * _ROW_GAP * em
        share = (most_height() - top - apart - footer - edge) / (band + rows * _CHART * em)
        # On a slide all is a little lower, if that is enough to stay on it.
        share = share if _LEAST_SHARE <= share < 1 else 1.0
        band *= share
        image_slot, bars_slot = _grid(Slot(edge, top, inner, band), gap, 2, 2)
        below = Slot(edge, top + band + gap, inner, share * _CHART * em)
        chart_slots = _grid(below, gap, wide, charts, _ROW_GAP * em)
    height = _bottom([image_slot, bars_slot, *chart_slots]) + footer + edge
    return Arrangement(width, height, image_slot, columns, tuple(chart_slots), bars_slot)


def _crowded(charts: int, area: Slot, em: float) -> tuple[list[Slot], int]:
    """Put images and charts in one grid; the images span what the charts leave of a row."""
    per_row = 2 if charts == 1 else _chart_columns(charts, area.width)
    span = -charts % per_row or per_row
    row = Slot(area.left, area.top, area.width, area.height if charts == 1 else _CHART * em)
    return _grid(row, _GAP * em, per_row, charts + span, _ROW_GAP * em), span


def _grid(row: Slot, gap: float, columns: int, count: int, row_gap: float = 0.0) -> list[Slot]:
    """Return `count` equal slots, from left to right, in rows like the given one."""
    width = (row.width - (columns - 1) * gap) / columns
    return [
        Slot(
            row.left + index % columns * (width + gap),
            row.top + index // columns * (row.height + row_gap),
            width,
            row.height,
        )
        for index in range(count)
    ]


def _bottom(slots: list[Slot]) -> float:
    return max(slot.top + slot.height for slot in slots)


def _chart_columns(count: int, width: float) -> int:
    """Return how many charts go side by side, so that few places stay empty."""
    _, em = page_width()
    most = max(1, int(width / (_NARROWEST_CHART * em)))
    if count <= 3:
        wanted = count
    elif count <= 16:
        wanted = 2 if count == 4 else 3 if count in (5, 6, 9) else 4
    else:
        wanted = 5
    return min(wanted, most)
