"""A run of what a `BatchAnalyzer` gave: rows in any order, from any number of processes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.errors import UsageError
from skviz.files import json_bytes
from skviz.runs.batches import BATCH, ERROR, MOMENTS, SETTINGS, read_moments
from skviz.runs.storage.checksums import shard_file, write_shard
from skviz.runs.storage.folder import Settings
from skviz.runs.storage.settings import versions
from skviz.runs.storage.shards import table_file

if TYPE_CHECKING:
    import pandas as pd

    from skviz.runs.records import Run

_ADDED = (BATCH, MOMENTS, SETTINGS, ERROR)


def run_from_frame(frame: Any, out: str | os.PathLike[str] | None = None) -> Run:
    """Write the rows of a `BatchAnalyzer` as a run; see `Run.from_frame`."""
    import pandas as pd

    from skviz.runs.records import RUN, Run

    table = _as_pandas(frame)
    missing = [name for name in (*_ADDED, "image", "unit", "scale") if name not in table.columns]
    if missing or not len(table):
        raise UsageError(
            "expected the rows that skviz.BatchAnalyzer returns, "
            + (f"without {', '.join(missing)} there is no run" if missing else "got none")
        )
    # `datasets.map` keeps the type of a column that it knows: names of pictures become pictures.
    cells: list[Any] = [
        cell.get("path") if isinstance(cell, dict) else cell for cell in table["image"]
    ]
    table = table.assign(image=pd.Series(cells, table.index, dtype=object))
    given = table[SETTINGS].dropna().unique()
    if len(given) != 1:
        raise UsageError(
            f"expected rows of one analyzer, these are of {len(given)}, which differ in network, "
            "scales, units or classes"
        )
    settings: Settings = json.loads(given[0])
    batches = [part for _, part in table.groupby(BATCH, sort=True)]
    counts = [int(part["image"].nunique()) for part in batches]
    images = sum(counts)
    names = table["image"].unique().tolist()
    if len(names) != images:
        raise UsageError(
            f"expected every picture once, {images - len(names)} names are there twice; give the "
            "pictures names of their own"
        )
    labels = table["label"].dropna()
    numbered = [str(number) for number in range(int(labels.max()) + 1)] if len(labels) else []
    settings["dataset"] |= {
        "images": images,
        "classes": settings["dataset"]["classes"] or numbered,
        "digest": hashlib.sha256("\0".join(sorted(names)).encode()).hexdigest(),
    }
    settings |= {"shard_size": max(counts), "shards": len(batches), "versions": versions()}
    settings["created"] = datetime.now(UTC).isoformat(timespec="seconds")
    kept = tempfile.TemporaryDirectory(prefix="skviz-run-") if out is None else None
    path = Path(kept.name if kept is not None else os.fspath(out or ""))
    RUN.begin(path, settings)
    for number, part in enumerate(batches):
        rows = part[part[ERROR].isna()]
        moments = part[MOMENTS].dropna()
        whole = len(settings["units"]) * len(settings["scales"])
        readable = 0 if not len(moments) else int(read_moments(moments.iloc[0])["count"])
        if len(moments) != 1 or len(rows) != readable * whole:
            raise UsageError(
                f"expected all rows of batch {part[BATCH].iloc[0]}, {len(rows)} of "
                f"{readable * whole} are there; keep every row that the analyzer returns"
            )
        failed = part[part[ERROR].notna()]
        errors = [
            {"image": str(image), "reason": str(reason)}
            for image, reason in zip(failed["image"], failed[ERROR], strict=True)
        ]
        target = table_file(path, number)
        files = {
            shard_file(path, "moments", number): bytes(moments.iloc[0]),
            shard_file(path, "errors", number): json_bytes(errors),
            target: _table(rows, settings),
        }
        write_shard(path, number, files, target)
    run = Run(path)
    run._kept = kept
    return run


def _as_pandas(frame: Any) -> pd.DataFrame:
    import pandas as pd

    if isinstance(frame, (str, os.PathLike)):
        return pd.read_parquet(frame)
    for method in ("to_pandas", "toPandas"):
        if hasattr(frame, method):
            found: pd.DataFrame = getattr(frame, method)()
            return found
    return frame if isinstance(frame, pd.DataFrame) else pd.DataFrame(frame)


def _table(rows: pd.DataFrame, settings: Settings) -> bytes:
    """Return the rows as a shard's table, in the order of a run."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from skviz.runs.attention import table_types
    from skviz.runs.storage.shards import table_bytes

    units = [unit["name"] for unit in settings["units"]]
    ordered = rows.assign(
        _image=pd.factorize(rows["image"])[0],
        _scale=[np.abs(np.subtract(settings["scales"], scale)).argmin() for scale in rows["scale"]],
        _unit=[units.index(unit) for unit in rows["unit"]],
    ).sort_values(["_image", "_scale", "_unit"], kind="stable")
    columns = {}
    for name, kind in table_types(settings).items():
        values = [None if value is None or value != value else value for value in ordered[name]]
        if pa.types.is_integer(kind):
            values = [None if value is None else int(value) for value in values]
        column = pa.array(values, kind)
        columns[name] = column.dictionary_encode() if pa.types.is_string(kind) else column
    return table_bytes(columns)
