"""What charts of one value per unit and scale have in common: their checks and their data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skviz.errors import UsageError
from skviz.figures.display import RunDisplay
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd


class UnitValues(RunDisplay):
    """One value per unit and scale: `values` (U, V), and `errors` (U, V) or None."""

    values: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    errors: FloatArray | None

    def _check_shape(self, name: str, array: FloatArray | None, more: str = "") -> None:
        """Raise `UsageError` for an array that is not (U, V), or (U, V, 2) with `more`."""
        expected = (len(self.units), len(self.scales), *((2,) if more else ()))
        if array is not None and array.shape != expected:
            raise UsageError(
                f"expected {name} of shape (units, scales{more}) = {expected}, got {array.shape}"
            )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per unit and scale."""
        import pandas as pd

        units, count = self.values.shape
        columns = {
            "unit": np.repeat(np.array(self.units, dtype=object), count),
            "scale": np.tile(self.scales, units),
            "value": self.values.ravel(),
        }
        if self.errors is not None:
            columns["std"] = self.errors.ravel()
        return pd.DataFrame(columns)
