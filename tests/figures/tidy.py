"""What is wrong with the layout of a figure: text cut off, or on top of other text."""

from __future__ import annotations

from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator
from matplotlib.transforms import Bbox

from skviz.figures.layout.page import FEWEST_TICKS

LOWEST, NARROWEST = 20.0, 36.0  # points, of axes
_SLACK = 0.5  # pixels


def troubles(figure: Figure) -> list[str]:
    """Return one line per fault: text beyond the page, overlapping text or axes, tiny axes."""
    figure.draw_without_rendering()
    page = Bbox.from_bounds(
        -_SLACK, -_SLACK, figure.bbox.width + 2 * _SLACK, figure.bbox.height + 2 * _SLACK
    )
    texts = [(text, text.get_window_extent()) for text in visible_texts(figure)]
    boxes = [(repr(text.get_text()), box) for text, box in texts]
    boxes += [("a legend", legend.get_window_extent()) for legend in _legends(figure)]
    found = [f"{name} leaves the page" for name, box in boxes if not _inside(box, page)]
    for (one, a), (other, b) in combinations(texts, 2):
        if _shrunk(a).overlaps(_shrunk(b)):
            found.append(f"{one.get_text()!r} is on {other.get_text()!r}")
    charts = [(ax, ax.get_tightbbox()) for ax in figure.axes]
    for (one_ax, a), (other_ax, b) in combinations(charts, 2):
        if a is not None and b is not None and _shrunk(a).overlaps(_shrunk(b)):
            found.append(f"axes {_name(one_ax)} are on axes {_name(other_ax)}")
    for ax in figure.axes:
        box, point = ax.get_window_extent(), figure.dpi / 72
        bar = hasattr(ax, "_colorbar")
        if (box.height < LOWEST * point or box.width < NARROWEST * point) and not bar:
            size = f"{box.width:.0f} x {box.height:.0f} pixels"
            found.append(f"axes {_name(ax)} are too small: {size}")
        found += _labels_and_ticks(ax)
    return found


def _labels_and_ticks(ax: Axes) -> list[str]:
    """Return labels that are longer than their axes, and value axes of too few ticks."""
    box, found = ax.get_window_extent(), []
    if not ax.axison or not ax.get_visible():
        return []
    label = ax.yaxis.label
    if label.get_text() and label.get_window_extent().height > box.height + _SLACK:
        found.append(f"{label.get_text()!r} is taller than its axes")
    if not isinstance(ax.yaxis.get_major_locator(), FixedLocator) and not ax.images:
        low, high = sorted(ax.yaxis.get_view_interval())
        ticks = [tick for tick in ax.yaxis.get_majorticklocs() if low <= tick <= high]
        if len(ticks) < FEWEST_TICKS:
            found.append(f"axes {_name(ax)} have {len(ticks)} ticks")
    return found


def visible_texts(figure: Figure) -> list[Text]:
    """Return all texts that are drawn; ticks beyond the ends of their axis are not."""
    hidden: set[Text] = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * (high - low)
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not ax.axison or not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {tick.label1, tick.label2}
        if not ax.axison:
            hidden |= {ax.xaxis.label, ax.yaxis.label}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    return [t for t in texts if t.get_visible() and t.get_text().strip() and t not in hidden]


def _legends(figure: Figure) -> list:
    return [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]


def _inside(box: Bbox, page: Bbox) -> bool:
    return page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1


def _shrunk(box: Bbox) -> Bbox:
    return Bbox.from_extents(box.x0 + _SLACK, box.y0 + _SLACK, box.x1 - _SLACK, box.y1 - _SLACK)


def _name(ax: Axes) -> str:
    return ax.get_title(loc="left") or ax.get_title() or ax.get_ylabel() or ax.get_label() or "?"
