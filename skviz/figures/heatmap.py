"""The attention of one kernel, channel by scale, and how it changes: a heat map per unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from skviz.errors import UnitError, UsageError, did_you_mean
from skviz.figures.layout import new_figure, root_figure
from skviz.figures.lines import ChannelLocator, branch_phrase
from skviz.figures.palette import scale_labels
from skviz.figures.panels import choose_scales
from skviz.figures.text import clean, font_points
from skviz.units import select_units

if TYPE_CHECKING:
    from skviz.analysis.summary import Summary

FloatArray = NDArray[np.float64]
SORTS = ("index", "shift")


@dataclass(frozen=True, eq=False)
class ChannelHeatmap:
    """Mean attention of one branch of a unit: rows are scales, columns channels.

    `values` has shape (V, C), in [0, 1]. The upper map shows them, the lower one the change
    from the first scale. `sort` "shift" orders the channels by their change from the first to
    the last scale, largest first.
    """

    values: FloatArray
    scales: tuple[float, ...]
    unit: str
    branch_label: str
    sort: str = "index"

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.scales):
            raise UsageError(
                f"expected values of shape ({len(self.scales)} scales, channels),"
                f" got {self.values.shape}"
            )
        if self.sort not in SORTS:
            hint = did_you_mean(self.sort, SORTS)
            raise UsageError(f"expected a sort of {', '.join(SORTS)}, got '{self.sort}'.{hint}")

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        unit: str,
        *,
        branch: int | None = None,
        scales: Sequence[float] | None = None,
        sort: str = "index",
    ) -> ChannelHeatmap:
        """Take one unit of a run; the branch is the one of the largest kernel by default.

        Raises `UnitError` for an unknown unit or branch, `ScaleError` for an unknown scale.
        """
        found = select_units(unit, summary.units)
        if len(found) != 1:
            raise UnitError(f"expected the name of one unit, got '{unit}'")
        chosen = found[0]
        index = checked_branch(chosen.branches, branch, chosen.largest, chosen.name)
        columns = choose_scales(summary.scales, scales)
        return cls(
            values=summary.measurements.channels[chosen.name].mean[columns, index],
            scales=tuple(summary.scales[column] for column in columns),
            unit=chosen.name,
            branch_label=chosen.branch_label(index),
            sort=sort,
        )

    @property
    def order(self) -> NDArray[np.int64]:
        """The channels in the order of the columns, shape (C,)."""
        if self.sort == "index":
            return np.arange(self.values.shape[1])
        return np.argsort(self.values[0] - self.values[-1], kind="stable")

    def plot(self, figure: Figure | SubFigure | None = None) -> Figure:
        """Draw the maps on a new figure, or within a part of one; return the figure."""
        if figure is None:
            figure = new_figure(*self.size(), constrained=True)
        values = self.values[:, self.order]
        labels = scale_labels(self.scales)
        changes = len(labels) > 1
        axes = figure.subplots(
            1 + changes,
            1,
            sharex=True,
            squeeze=False,
            height_ratios=[len(labels), len(labels) - 1] if changes else [1],
        )[:, 0]
        low, high = _limits(values)
        self._map(axes[0], values, labels, "cividis", Normalize(low, high))
        what = f"{clean(self.unit)}: attention of {branch_phrase(self.branch_label)}"
        axes[0].set_title(what, parse_math=False)
        if changes:
            change = values[1:] - values[0]
            most = float(np.nanmax(np.abs(change), initial=0)) or 1e-6
            norm = TwoSlopeNorm(0, -most, most)
            self._map(axes[1], change, labels[1:], "PuOr_r", norm)
            axes[1].set_title(
                f"change from {labels[0]}", weight="normal", size=font_points("small")
            )
        by_shift = "channel, sorted by its change"
        axes[-1].set_xlabel("channel" if self.sort == "index" else by_shift)
        return root_figure(axes[0])

    def size(self) -> tuple[float, float]:
        """Return width and height in inches that the maps take."""
        width = float(matplotlib.rcParams["figure.figsize"][0])
        em = float(matplotlib.rcParams["font.size"]) / 72
        rows = 2 * len(self.scales) - 1
        return width, (7 + 2 * max(rows, 3) + 5 * (rows > 1)) * em

    def _map(
        self,
        ax: Axes,
        values: FloatArray,
        labels: Sequence[str],
        colours: str,
        norm: Normalize,
    ) -> None:
        image = ax.imshow(
            values,
            aspect="auto",
            interpolation="nearest",
            cmap=colours,
            norm=norm,
            extent=(-0.5, values.shape[1] - 0.5, len(values) - 0.5, -0.5),
        )
        ax.set_yticks(range(len(labels)), labels)
        ax.xaxis.set_major_locator(ChannelLocator())
        ax.grid(False)
        ax.tick_params(axis="y", length=0)
        bar = ax.figure.colorbar(image, ax=ax, pad=0.01, aspect=6 + 2 * len(labels))
        bar.locator = MaxNLocator(3)
        bar.update_ticks()


def checked_branch(branches: int, branch: int | None, default: int, unit: str) -> int:
    """Return the branch asked for, or the default; raises `UnitError` if there is no such."""
    if branch is None:
        return default
    if not 0 <= branch < branches:
        raise UnitError(f"expected a branch from 0 to {branches - 1} for {unit}, got {branch}")
    return branch


def _limits(values: FloatArray) -> tuple[float, float]:
    """Return the ends of the colour scale, apart even where all values are the same."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - 1e-6, high + 1e-6)
