"""How results show themselves in a notebook and at a prompt: as a table, in HTML and in text."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
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
