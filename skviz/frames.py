"""What the tables of several rooms have in common: rows for JSON, and attention as a tidy table.

pandas is loaded when a table is asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skviz.units import Unit

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


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


def channel_frame(
    unit: Unit, column: str, entries: Sequence[float], values: Mapping[str, NDArray[Any]]
) -> pd.DataFrame:
    """Return one row per entry (such as a scale), branch and channel of a unit.

    `values` are arrays (entries, M, C), each a column after `unit`, the entry's `column`,
    `branch`, `kernel` (its label) and `channel`.
    """
    import pandas as pd

    _, branches, channels = next(iter(values.values())).shape
    index = pd.MultiIndex.from_product(
        [entries, range(branches), range(channels)], names=[column, "branch", "channel"]
    )
    columns = {name: array.reshape(-1) for name, array in values.items()}
    frame = pd.DataFrame(columns, index=index).reset_index()
    frame.insert(0, "unit", unit.name)
    labels = {branch: unit.branch_label(branch) for branch in range(branches)}
    frame.insert(3, "kernel", frame["branch"].map(labels))
    return frame


def parts_frame(parts: Mapping[str, Iterable[pd.DataFrame]]) -> pd.DataFrame:
    """Return the tables below each other; the column `part` says which of a figure's it is.

    What lines call "attention" is a "value" like the others.
    """
    import pandas as pd

    frames = [frame.assign(part=name) for name, tables in parts.items() for frame in tables]
    return pd.concat(
        [frame.rename(columns={"attention": "value"}) for frame in frames], ignore_index=True
    )
