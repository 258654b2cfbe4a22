"""Where random networks would put a value: a light, hatched band around the value at 1.0x.

The band is that of `skviz.inference.null`: the value at 1.0x plus where random networks to come
would shift to, raw or matched, whichever is wider. Per unit it is the null of the verdict, so
that a value lies outside exactly where the verdict finds more than random networks do; points of
channels and of classes, of which there is no verdict, lie in it by 95 % each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.style.text import font_points, text_width
from skviz.inference.null import (
    FEWEST_SEEDS,
    NullShifts,
    aligned,
    band,
    origin_of,
    reach,
    wider,
)
from skviz.statistics.moments import nan_mean
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.figures.selection import Selection
    from skviz.runs.measurements import AnyMeasurements as AnyMeasurements

LABEL = "shift of random networks"
_HATCH = "////"


def unit_bands(shown: Selection) -> FloatArray:
    """Return low and high of the mean difference per unit and scale, (U, V, 2).

    nan at 1.0x, which shifts start from. Of expected kernel sizes there is no band. Raises
    `UsageError`, also for runs that do not fit.
    """
    measured = shown.summary.measurements
    origin = _origin(shown)
    start = nan_mean(measured.difference)[origin]
    ends = np.stack(NullShifts.of(measured, shown.null).band(), axis=-1) + start[:, None]
    ends[origin] = np.nan
    chosen: FloatArray = ends[np.ix_(shown.columns, shown.rows)].transpose(1, 0, 2)
    return chosen


def channel_band(
    shown: Selection, branch: int, starts: NDArray[np.int64], sizes: NDArray[np.int64]
) -> FloatArray:
    """Return low and high of each point of the unit's line at the last scale, (2, N).

    Channels of random networks have no order, so all points share one spread: that of the
    points' shifts over networks and points.
    """
    origin, scale = _origin(shown), shown.columns[-1]
    summary, name = shown.summary, shown.unit.name
    factors = NullShifts.of(summary.measurements, shown.null).factors[:, shown.rows[0]]
    shifts = []
    for other in shown.null:
        mean = other.channels[name].mean[:, branch]
        scales = np.array(other.scales)
        at = [np.abs(scales - summary.scales[index]).argmin() for index in (origin, scale)]
        shifts.append(np.add.reduceat(mean[at[1]] - mean[at[0]], starts) / sizes)
    raw = np.stack(shifts)
    low, high = wider(_pooled(raw), _pooled(raw * factors[:, None]))
    mean = summary.measurements.channels[name].mean[origin, branch]
    start = np.add.reduceat(mean, starts) / sizes
    return np.stack([start + low, start + high])


def class_bands(shown: Selection, classes: NDArray[np.int64]) -> FloatArray:
    """Return low and high of each class's mean at the last scale drawn, (U, 2, K)."""
    origin, top = _origin(shown), max(shown.columns)
    if origin not in shown.columns or top == origin:
        raise UsageError(
            "expected 1.0x and a larger scale to be drawn, between which random networks shift;"
            " choose others with --scales"
        )
    plain = shown.summary.measurements
    factors = NullShifts.of(plain, shown.null).factors[:, shown.rows]
    labels = plain.labels
    assert labels is not None, "figure 4 has classes"
    members = [labels == label for label in classes]

    def means(measured: AnyMeasurements, scale: int) -> FloatArray:
        cube = aligned(measured, plain)[:, scale][:, shown.rows]
        return np.stack([nan_mean(cube[own]) for own in members], axis=1)

    raw = np.stack([means(other, top) - means(other, origin) for other in shown.null])
    low, high = wider(band(raw), band(raw * factors[..., None]))
    start = means(plain, origin)
    return np.stack([start + low, start + high], axis=1)


def draw_band(ax: Axes, x: NDArray[Any], low: FloatArray, high: FloatArray) -> None:
    """Draw a band along an axis, behind everything else."""
    ax.fill_between(x, low, high, zorder=0.5, **look())


def look(on_bars: bool = False) -> dict[str, Any]:
    """Return how a band is drawn in the style of the moment; over bars it hides their colour."""
    grey = matplotlib.rcParams["axes.edgecolor"]
    ground = matplotlib.rcParams["axes.facecolor"]
    mixed = tuple(0.14 * np.array(to_rgb(grey)) + 0.86 * np.array(to_rgb(ground)))
    return {
        # Light grey without opacity: Matplotlib's SVG draws a hatch with that of the face, on a
        # ground of the face's full colour, in which it would be lost.
        "facecolor": (ground, 0.7) if on_bars else mixed,
        "edgecolor": (grey, 0.9 if on_bars else 0.45),
        "hatch": _HATCH,
        "linewidth": 0.6 if on_bars else 0.4,
    }


def null_handle(scale: str = "", *, on_bars: bool = False, room: float = math.inf) -> Patch:
    """Return the legend entry of a band; `scale` says which line it belongs to: "2.0x".

    Its text has two lines where it is wider than half of the room, in points.
    """
    label = f"{scale}, {LABEL}" if scale else LABEL
    if text_width(label, _legend_size()) > room / 2:
        label = label.replace("networks ", "networks\n")
    return Patch(label=label, **look(on_bars))


def legend_columns(handles: Sequence[Artist], room: float) -> int:
    """Return in how many columns a legend's entries fit into the room, in points."""
    size = _legend_size()
    labels = [str(handle.get_label()).splitlines() for handle in handles]
    widths = [max(text_width(line, size) for line in lines) for lines in labels]
    for rows in range(1, len(widths)):
        # Entries go down the columns; each column is as wide as its widest.
        starts = range(0, len(widths), rows)
        needed = sum(max(widths[start : start + rows]) for start in starts)
        if needed + 5.2 * size * len(starts) <= room:
            return len(starts)
    return 1


def extra_height(null: FloatArray | None) -> float:
    """Return how much higher a band's figure is, in inches, for a legend of more lines."""
    return 0.0 if null is None else 3.6 * _legend_size() / 72


def _legend_size() -> float:
    return font_points(matplotlib.rcParams["legend.fontsize"])


def _origin(shown: Selection) -> int:
    if shown.kernels:
        raise UsageError(
            "expected the attention difference, of which random networks' bands are made, got"
            " expected kernel sizes; leave the random networks out"
        )
    return origin_of(shown.summary.scales)


def _pooled(shifts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the band of one point from shifts (S, N), all points alike; scalars."""
    if len(shifts) < FEWEST_SEEDS:
        return shifts.min(), shifts.max()
    half = reach(len(shifts)) * shifts.std(ddof=1)
    return shifts.mean() - half, shifts.mean() + half
