"""Where the parts of a large figure go: slots in inches, and axes fitted into them.

Each part gets a slot of its own, and its axes shrink until labels and titles are inside too:
so nothing can overlap, and nothing is cut off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.legend import Legend
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox

from skviz.figures.style.palette import held
from skviz.figures.style.text import font_points, wrap

FEWEST_TICKS = 3  # of an axis of values: two do not tell whether it is linear
_SLIDE = (13.333, 7.5)
# Matplotlib asks the settings again when it writes a figure: for ticks, fonts and the page.
_SETTINGS: WeakKeyDictionary[Figure, dict[str, Any]] = WeakKeyDictionary()
_RESERVED: ContextVar[float] = ContextVar("reserved height", default=0.0)


@dataclass(frozen=True)
class Slot:
    """A rectangle of a figure in inches, measured from the upper left corner."""

    left: float
    top: float
    width: float
    height: float


def new_figure(width: float, height: float, *, constrained: bool = False) -> Figure:
    """Return a figure (inches) that needs no display and that pyplot does not know."""
    # An engine is asked for by the settings too; where parts have slots, it must not move them.
    figure = Figure(figsize=(width, height), layout="constrained" if constrained else None)
    if not constrained:
        figure.set_layout_engine("none")
    FigureCanvasAgg(figure)
    settings: Any = matplotlib.rcParams.copy()  # Its own type knows each key by its word.
    _SETTINGS[figure] = dict(settings)
    return figure


@contextmanager
def settings_of(figure: Figure) -> Iterator[None]:
    """Within a `with` block, take the settings that a figure of skviz was begun with.

    So it is written as it was drawn, also outside its style. For any other figure the settings
    stay as they are.
    """
    with matplotlib.rc_context():
        settings: Any = matplotlib.rcParams
        kept = _SETTINGS.get(figure, {})
        # As `rc_context` does it: they were checked before. The backend is not the figure's.
        dict.update(settings, {k: v for k, v in kept.items() if k != "backend"})
        yield


def own_axes(ax: Axes | None, width: float, height: float) -> tuple[Axes, Figure]:
    """Return the axes to draw on and their figure; new ones of that size where `ax` is None."""
    if ax is None:
        ax = new_figure(width, height, constrained=True).add_subplot()
    return ax, root_figure(ax)


def chart_axes(ax: Axes | None, more: float = 0.0, least: float = 0.0) -> tuple[Axes, Figure]:
    """Return `own_axes` of the style's size, some inches higher, for a chart with ticks of values.

    They are `least` inches high at least; a slide stays as it is.
    """
    width, height = figure_size()
    ax, figure = own_axes(ax, width, min(max(height, least) + more, most_height()))
    keep_ticks(ax)
    return ax, figure


def legend_above(ax: Axes, handles: Sequence[Artist], columns: int) -> Legend:
    """Put a legend above the axes: within them there may be no free corner."""
    return ax.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=columns, borderaxespad=0.2
    )


def write_beside(
    ax: Axes, text: str, place: tuple[float, float], by: tuple[float, float], **look: Any
) -> None:
    """Write a text so many points from a place in the axes, which are 1 x 1."""
    ax.annotate(text, place, by, xycoords="axes fraction", textcoords="offset points", **look)


def figure_size() -> tuple[float, float]:
    """Return the size in inches that the style gives to a figure of one chart."""
    width, height = matplotlib.rcParams["figure.figsize"]
    return float(width), float(height)


def most_height() -> float:
    """Return how high a page may be in inches: a slide as high as it is, every other any height.

    A style whose figures are 13.33 x 7.5 in is for slides.
    """
    return figure_size()[1] - _RESERVED.get() if is_slide() else math.inf


def is_slide() -> bool:
    """Whether the style draws for a slide, which is read from the last row."""
    width, height = figure_size()
    return abs(width - _SLIDE[0]) < 0.01 and abs(height - _SLIDE[1]) < 0.01


def reserved(height: float) -> AbstractContextManager[None]:
    """Within a `with` block, keep so many inches of a slide free, for `add_below`."""
    return held(_RESERVED, height)


def add_below(figure: Figure, height: float) -> None:
    """Make a finished figure higher by so many inches, which stay free at its foot."""
    width, old = figure.get_size_inches()
    share = old / (old + height)

    def moved(box: Bbox) -> Bbox:
        return Bbox.from_bounds(box.x0, 1 - share + share * box.y0, box.width, share * box.height)

    to_figure = figure.transFigure.inverted()
    anchors = [legend.get_bbox_to_anchor().transformed(to_figure) for legend in figure.legends]
    figure.set_size_inches(width, old + height)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, 1 - share, 1, share))
    else:
        for ax in figure.axes:
            ax.set_position(moved(ax.get_position(original=True)))
    for text in figure.texts:
        text.set_y(1 - share + share * text.get_position()[1])
    for legend, anchor in zip(figure.legends, anchors, strict=True):
        legend.set_bbox_to_anchor(moved(anchor), figure.transFigure)


def fit_label(ax: Axes) -> None:
    """Break the label of the y axis into two lines where it is longer than the axes now are."""
    label = ax.yaxis.label
    text, size = label.get_text().replace("\n", " "), float(label.get_fontsize())
    label.set_text(text)
    if label.get_window_extent().height > ax.get_window_extent().height + 0.5:
        # Drawn in pixels, text is a little wider than measured.
        label.set_text("\n".join(wrap(text, 0.97 * size_in_points(ax)[1], size, 2)))


def root_figure(ax: Axes) -> Figure:
    """Return the figure that the axes are in, also when they are in a figure of a figure."""
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes without a figure"
    return figure


def keep_ticks(ax: Axes) -> None:
    """Have at least three ticks of values, which do not change outside the style.

    Matplotlib asks the settings of the moment how many labels have room when it draws; so the
    size of the labels is fixed.
    """
    steps = [1, 2, 2.5, 5, 10]
    ax.yaxis.set_major_locator(MaxNLocator("auto", steps=steps, min_n_ticks=FEWEST_TICKS))
    ax.tick_params(axis="x", labelsize=font_points(matplotlib.rcParams["xtick.labelsize"]))
    ax.tick_params(axis="y", labelsize=font_points(matplotlib.rcParams["ytick.labelsize"]))


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes as they are now, in points."""
    box = ax.get_window_extent()
    dpi = root_figure(ax).dpi
    return box.width * 72 / dpi, box.height * 72 / dpi


def place(ax: Axes, slot: Slot) -> None:
    """Let the axes, without their labels, fill a slot."""
    width, height = root_figure(ax).get_size_inches()
    bottom = height - slot.top - slot.height
    ax.set_position((slot.left / width, bottom / height, slot.width / width, slot.height / height))


def fit(axes: Sequence[Axes], slots: Sequence[Slot]) -> None:
    """Place axes so that each is inside its slot with all labels; their frames line up.

    The margins are measured and are the same for all the axes of one call.
    """
    for ax, slot in zip(axes, slots, strict=True):
        place(ax, slot)
    # Ticks depend on the size of the axes, and margins on the ticks: twice is enough.
    for _ in range(2):
        margins = [_margins(ax) for ax in axes]
        left, top, right, bottom = (max(side) for side in zip(*margins, strict=True))
        for ax, slot in zip(axes, slots, strict=True):
            inner = Slot(
                slot.left + left,
                slot.top + top,
                max(slot.width - left - right, 0.1 * slot.width),
                max(slot.height - top - bottom, 0.1 * slot.height),
            )
            place(ax, inner)


def _margins(ax: Axes) -> tuple[float, float, float, float]:
    """Return how far labels reach beyond the axes, in inches: left, top, right, bottom."""
    figure = root_figure(ax)
    box, outer = ax.get_window_extent(), ax.get_tightbbox()
    if outer is None:
        return (0.0, 0.0, 0.0, 0.0)
    reach = (box.x0 - outer.x0, outer.y1 - box.y1, outer.x1 - box.x1, box.y0 - outer.y0)
    left, top, right, bottom = (max(0.0, pixels / figure.dpi) for pixels in reach)
    return left, top, right, bottom
