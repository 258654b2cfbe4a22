"""What charts of one value per unit and scale have in common: checks, words, data, the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from skviz.figures.caption import DEVIATION, Caption, unit_title, units_in_words
from skviz.figures.display import RunDisplay
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.provenance import Provenance
from skviz.frames import grid_frame
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd


class UnitValues(RunDisplay):
    """One value per unit and scale: `values` (U, V), and `errors` (U, V) or None."""

    paper_words = "Open diamonds: the paper's values (figure 3 (c))."

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    errors: FloatArray | None
    quantity: str
    null: FloatArray | None
    change: FloatArray | None

    def lay_paper(self, figure: Figure) -> None:
        """Mark the paper's means (figure 3 (c)), of bars its deviations, too."""
        from skviz.figures.runs.published import lay_over_units

        lay_over_units(figure.axes[0], self)

    def _caption(
        self, provenance: Provenance, drawn: tuple[str, ...], spread: str, null: str, alt: str
    ) -> Caption:
        """Write the caption; `spread` names the marks of the errors, `null` explains the band."""
        details = [] if self.errors is None else [f"{spread}: {DEVIATION}."]
        details += [] if self.null is None else [null]
        words = units_in_words(self.values, self.units, self.scales, self.change)
        title = unit_title(self.values, self.units, self.scales, self.quantity, self.change)
        return Caption(title, drawn, tuple(details), provenance, " ".join([alt, *words]))

    def _native(self, shown: float | None, **fields: Any) -> list[NativeChart]:
        """Return the chart, unless it has a band; `shown` is a value that its axis reaches."""
        if self.null is not None:
            return []
        chart = NativeChart(
            x=self.units,
            scales=self.scales,
            values=self.values.T,
            errors=None if self.errors is None else self.errors.T,
            y_title=self.quantity,
            ticks=ticks_of(self.values, self.errors, shown),
            **fields,
        )
        return [chart]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per unit and scale."""
        std = {} if self.errors is None else {"std": self.errors}
        return grid_frame({"unit": self.units, "scale": self.scales}, {"value": self.values, **std})
