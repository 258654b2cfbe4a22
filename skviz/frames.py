"""Results as tables: shown in a notebook and at a prompt, as rows for JSON, and as CSV.

pandas is loaded when a table is asked for.
"""

from __future__ import annotations

import html
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# Longer tables show their beginning and their end.
MOST_ROWS = 60


@dataclass(frozen=True)
class Overview:
    """What is shown of a result: a line that says what it is, and a table of short texts."""

    title: str
    table: pd.DataFrame

    @property
    def html(self) -> str:
        """The overview as HTML; every text in it is escaped."""
        table = self.table.to_html(
            index=False, border=0, max_rows=MOST_ROWS, escape=True, justify="left"
        )
        # Cells are texts; within them "<" is escaped, so that this meets tags only.
        table = table.replace("<td>", '<td style="text-align: left">')
        return f"<div><p>{html.escape(self.title)}</p>{table}</div>"

    @property
    def text(self) -> str:
        """The overview as lines of text."""
        if self.table.empty:
            return self.title
        return f"{self.title}\n{self.table.to_string(index=False, max_rows=MOST_ROWS)}"


class ShowsTable(ABC):
    """A result that shows itself as a table: in a notebook, and when it is printed."""

    @abstractmethod
    def overview(self) -> Overview:
        """Return what is shown of it; quick, whatever its size."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # IPython takes the first of the two names that a class itself has, `__repr__` last.
        cls._repr_pretty_ = ShowsTable._repr_pretty_  # type: ignore[method-assign]

    def _repr_html_(self) -> str:
        return self.overview().html

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the table where it stands alone, and one line within a list or a dictionary."""
        printer.text(repr(self) if len(printer.stack) > 1 else self.overview().text)

    def __str__(self) -> str:
        return self.overview().text


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries that JSON can hold; nan becomes None.

    Examples
    --------
    >>> import pandas as pd
    >>> records(pd.DataFrame({"unit": ["SK_3_4"], "p": [float("nan")]}))
    [{'unit': 'SK_3_4', 'p': None}]
    """
    rows: Sequence[dict[Any, Any]] = frame.to_dict(orient="records")
    return [{str(name): or_none(value) for name, value in row.items()} for row in rows]


def or_none(value: Any) -> Any:
    """Return the value, or None for nan."""
    return None if isinstance(value, float) and math.isnan(value) else value


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV; no cell of it is a formula for a spreadsheet.

    A space stands before a text that a spreadsheet would run.

    Examples
    --------
    >>> import pandas as pd
    >>> csv_text(pd.DataFrame({"image": ["a.png", "=1+1"], "shift": [-1.0, 2.0]})).split()
    ['image,shift', 'a.png,-1.0', '=1+1,2.0']
    """

    def guarded(value: Any) -> Any:
        if isinstance(value, str) and re.match(r"[=+@\t\r]|-(?![\d.]*$)", value):
            return f" {value}"
        return value

    texts = [name for name in frame.columns if frame[name].dtype.kind not in "biuf"]
    safe = frame.assign(**{name: frame[name].astype(object).map(guarded) for name in texts})
    text: str = safe.rename(columns=guarded).to_csv(index=False)
    return text


def parts_frame(parts: Mapping[str, Iterable[pd.DataFrame]]) -> pd.DataFrame:
    """Return the tables below each other; the column `part` says which of a figure's it is.

    What lines call "attention" is a "value" like the others.
    """
    import pandas as pd

    frames = [frame.assign(part=name) for name, tables in parts.items() for frame in tables]
    return pd.concat(
        [frame.rename(columns={"attention": "value"}) for frame in frames], ignore_index=True
    )


def grid_frame(axes: Mapping[str, Iterable[Any]], columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row per cell of arrays that have these axes, the last one fastest.

    Examples
    --------
    >>> import numpy as np
    >>> frame = grid_frame({"unit": ["2_1"], "scale": (1.0, 2.0)}, {"value": np.array([[3, 4]])})
    >>> frame.to_dict("list")
    {'unit': ['2_1', '2_1'], 'scale': [1.0, 2.0], 'value': [3, 4]}
    """
    import pandas as pd

    index = pd.MultiIndex.from_product(list(axes.values()), names=list(axes))
    data = {name: array.ravel() for name, array in columns.items()}
    return pd.DataFrame(data, index=index).reset_index()
