"""The folder of a data set's interventions: records, and what they say on the mean."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.errors import OutputError, RunError, UsageError
from skviz.files import output_folder, write_bytes, write_json
from skviz.runs.records import Run
from skviz.runs.settings import Settings, differences
from skviz.statistics.shifts import bootstrap_mean
from skviz.studies.interventions.kinds import recorded_kinds

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMAT, VERSION = "skviz interventions", 2
# Targets of more than one unit: those that were asked for, and all of the network.
CHOSEN, ALL = "chosen", "all"
SETTINGS, BASELINE, SHARDS = "settings.json", "baseline", "shards"
# What is measured with the attention replaced, in this order.
MEASURED = ("logit", "probability", "correct", "divergence")
# What the table says of it: changes against the unchanged network, and the divergence.
QUANTITIES = ("logit_change", "probability_change", "top1_change", "divergence")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shard:
    """What was measured on n images at S scales, for T targets and K kinds.

    `truth` (n, S) is the output that counts as the true class: that of the label, or, where
    `labelled` (n,) says that there is none, the class predicted by the unchanged network.
    `before` (n, S, 3) and `after` (n, S, T, K, 4) hold logit, probability and top-1 (1 or 0),
    and `after` the divergence in nats; nan where a kind does not apply.
    """

    images: Sequence[str]
    labels: NDArray[np.int32]
    truth: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    before: Floats
    after: Floats


class InterventionRun:
    """A folder of interventions, made by `skviz intervene`; complete or not.

    Raises `UsageError` where the folder is none, `RunError` for damaged files.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.settings: Settings = _read_settings(self.path)
        self.baseline = Run(self.path / BASELINE)

    def __repr__(self) -> str:
        return f"InterventionRun({str(self.path)!r})"

    @property
    def scales(self) -> tuple[float, ...]:
        """The S scales."""
        return self.baseline.scales

    @property
    def reference(self) -> int:
        """Index of the scale that "patch" takes the attention from."""
        return self.scales.index(self.settings["reference"])

    @property
    def targets(self) -> tuple[str, ...]:
        """What is replaced: names of units alone, then the keys of `together`."""
        return (*self.settings["units"], *self.together)

    @property
    def together(self) -> dict[str, tuple[str, ...]]:
        """The units that are replaced at once: of "chosen" those asked for, of "all" every one.

        "chosen" is left out where these are all units of the network, or only one.
        """
        chosen = tuple(self.settings["units"])
        every = tuple(unit.name for unit in self.baseline.units)
        groups = {CHOSEN: chosen, ALL: every}
        return {
            key: names
            for key, names in groups.items()
            if len(names) > 1 and (key == ALL or len(names) < len(every))
        }

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds in the records: "smallest", "largest", "uniform", ..."""
        return recorded_kinds(self.settings["kinds"], self.baseline.units)

    @property
    def missing(self) -> list[int]:
        """Numbers of the shards that are not done, in order."""
        count = self.baseline.settings["shards"]
        return [n for n in range(count) if not _file(self.path, n).exists()]

    @property
    def complete(self) -> bool:
        """Whether every shard is done."""
        return not self.missing

    @property
    def errors(self) -> list[dict[str, str]]:
        """The images that could not be read: `image` and `reason` of each."""
        return self.baseline.errors

    def table(self) -> pa.Table:
        """Return the records as a PyArrow table; see `records`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        tables = []
        for number in range(self.baseline.settings["shards"]):
            path = _file(self.path, number)
            if not path.exists():
                continue
            try:
                tables.append(pq.read_table(path))
            except Exception as error:
                raise RunError(
                    f"cannot read '{path}': {error}; remove it and run the same "
                    "`skviz intervene` again"
                ) from error
        if not tables or not sum(len(table) for table in tables):
            raise RunError(
                f"expected records in '{self.path}', there are none; run the same "
                "`skviz intervene` again to go on"
            )
        return pa.concat_tables(tables).unify_dictionaries()

    def records(self) -> pd.DataFrame:
        """Return one row per image, scale, target (`unit`) and kind.

        Columns: `image`, `label`, `scale`, `unit`, `kind`, `truth` (the output that counts),
        `labelled`, `logit_before`, `logit`, `probability_before`, `probability`,
        `correct_before`, `correct`, `divergence` (nats). Null where a kind does not apply.
        """
        frame: pd.DataFrame = self.table().to_pandas()
        return frame

    @cached_property
    def labelled(self) -> bool:
        """Whether the true class is a label everywhere, not the network's own prediction."""
        import pyarrow.compute as pc

        return bool(pc.all(self.table()["labelled"]).as_py())

    def to_frame(self) -> pd.DataFrame:
        """Return the mean change per target, kind and scale, one row each.

        Columns: `unit`, `kind`, `scale`, `images` (how many count), then per quantity of
        `logit_change`, `probability_change`, `top1_change` and `divergence` its mean and its
        95 % interval, `_low` and `_high` (drawn over classes, see `bootstrap_mean`; nan where
        there are too few); and the means `logit_before`, `probability_before`, `top1_before`
        and `top1_after`. Kinds that do not apply are left out.
        """
        import pandas as pd

        cube, labels = self._cube()
        before, after = cube[..., :3], cube[..., 3:]
        change = np.concatenate([after[..., :3] - before, after[..., 3:]], axis=-1)
        count = change.shape[0]
        intervals = bootstrap_mean(change.reshape(count, -1), labels)
        shape = change.shape[1:]
        low, high = intervals.low.reshape(shape), intervals.high.reshape(shape)
        rows = []
        for t, target in enumerate(self.targets):
            for k, kind in enumerate(self.kinds):
                for s, scale in enumerate(self.scales):
                    there = ~np.isnan(change[:, s, t, k, 0])
                    if not there.any():
                        continue
                    row: dict[str, Any] = {"unit": target, "kind": kind, "scale": scale}
                    row["images"] = int(there.sum())
                    for q, quantity in enumerate(QUANTITIES):
                        row[quantity] = change[there, s, t, k, q].mean()
                        row[f"{quantity}_low"] = low[s, t, k, q]
                        row[f"{quantity}_high"] = high[s, t, k, q]
                    for q, name in enumerate(("logit_before", "probability_before")):
                        row[name] = before[there, s, t, k, q].mean()
                    row["top1_before"] = before[there, s, t, k, 2].mean()
                    row["top1_after"] = after[there, s, t, k, 2].mean()
                    rows.append(row)
        return pd.DataFrame(rows)

    def _cube(self) -> tuple[Floats, NDArray[np.int64]]:
        """Before and after of every image, (n, S, T, K, 3 + 4), and the labels (n,)."""
        import pyarrow as pa

        table = self.table()
        shape = (-1, len(self.scales), len(self.targets), len(self.kinds))
        if len(table) % int(np.prod(shape[1:])):
            raise RunError(
                f"expected a row per image, scale, unit and kind in '{self.path}', got "
                f"{len(table)} rows: it is damaged; make it again"
            )
        names = [f"{name}_before" for name in MEASURED[:3]] + list(MEASURED)
        columns = [
            table[name].cast(pa.float64()).fill_null(float("nan")).to_numpy() for name in names
        ]
        cube = np.stack([np.asarray(column).reshape(shape) for column in columns], axis=-1)
        labels = np.asarray(table["label"].to_numpy()).reshape(shape)[:, 0, 0, 0]
        return cube, labels.astype(np.int64)


def check_folder(path: Path) -> None:
    """Check that a folder is new, empty or one of interventions; touches nothing."""
    if path.is_dir():
        others = [p for p in path.iterdir() if p.name not in (SETTINGS, BASELINE, SHARDS)]
        if others and not (path / SETTINGS).exists():
            raise OutputError(
                f"expected a new or empty folder, or one of `skviz intervene`, got '{path}', "
                f"which holds other things such as '{others[0].name}'; choose another folder"
            )
    elif path.exists():
        raise OutputError(f"expected a folder for the interventions, got '{path}', a file")


def begin(path: Path, settings: Settings) -> bool:
    """Write the settings of new interventions, or compare; say whether they were there.

    Raises `UsageError` that shows the differences for other settings.
    """
    file = path / SETTINGS
    if not file.exists():
        output_folder(path / SHARDS)
        write_json(file, settings)
        return False
    found = differences(_read_settings(path), settings)
    if found:
        raise UsageError(
            f"expected the settings that '{path}' was made with, got others:\n  "
            + "\n  ".join(found)
            + "\nUse the same settings to resume it, or another folder with --out"
        )
    output_folder(path / SHARDS)
    return True


def write_shard(run: InterventionRun, number: int, parts: Sequence[Shard]) -> None:
    """Write the records of a shard, whole or not at all; raises `OutputError`."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(_table(run, parts), buffer, compression="zstd")
    write_bytes(_file(run.path, number), buffer.getvalue(), overwrite=True)


def _table(run: InterventionRun, parts: Sequence[Shard]) -> pa.Table:
    import pyarrow as pa

    targets, kinds, scales = run.targets, run.kinds, run.scales
    images = [name for part in parts for name in part.images]
    shape = (len(images), len(scales), len(targets), len(kinds))

    def joined(name: str, empty: tuple[int, ...]) -> NDArray[Any]:
        arrays = [getattr(part, name) for part in parts]
        return np.concatenate(arrays) if arrays else np.empty((0, *empty))

    def column(values: NDArray[Any], kind: pa.DataType) -> Any:
        full = np.broadcast_to(values, shape).reshape(-1)
        null = np.isnan(full) if full.dtype.kind == "f" else None
        if pa.types.is_boolean(kind):
            full = full == 1
        elif full.dtype.kind == "f":
            full = full.astype(kind.to_pandas_dtype())
        return pa.array(full, type=kind, mask=null)

    def words(values: Sequence[str], axis: int) -> Any:
        index = np.arange(shape[axis], dtype=np.int32)
        index = index.reshape([-1 if a == axis else 1 for a in range(4)])
        codes = pa.array(np.broadcast_to(index, shape).reshape(-1), pa.int32())
        return pa.DictionaryArray.from_arrays(codes, pa.array(list(values), pa.string()))

    before = joined("before", (len(scales), 3))[:, :, None, None]
    after = joined("after", (len(scales), len(targets), len(kinds), 4))
    types = (pa.float32(), pa.float32(), pa.bool_(), pa.float32())
    columns = {
        "image": words(images, 0),
        "label": column(joined("labels", ())[:, None, None, None], pa.int32()),
        "scale": column(np.array(scales, np.float32)[None, :, None, None], pa.float32()),
        "unit": words(targets, 2),
        "kind": words(kinds, 3),
        "truth": column(joined("truth", (len(scales),))[:, :, None, None], pa.int32()),
        "labelled": column(joined("labelled", ())[:, None, None, None], pa.bool_()),
    }
    for q, (name, kind) in enumerate(zip(MEASURED, types, strict=True)):
        if q < 3:
            columns[f"{name}_before"] = column(before[..., q], kind)
        columns[name] = column(after[..., q], kind)
    return pa.table(columns)


def _file(path: Path, number: int) -> Path:
    return path / SHARDS / f"{number:05d}.parquet"


def _read_settings(path: Path) -> Settings:
    import json

    file = path / SETTINGS
    if not file.is_file():
        raise UsageError(
            f"expected a folder of interventions, with a {SETTINGS} in it, got '{path}'; make "
            "one with `skviz intervene DATASET --out DIR`"
        )
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise RunError(f"cannot read '{file}': {error}; make the interventions again") from error
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise UsageError(f"expected '{file}' to describe interventions, it describes other work")
    if settings.get("version") != VERSION:
        raise UsageError(
            f"expected interventions of format {VERSION} in '{path}', got "
            f"{settings.get('version')}; use the version of skviz that made them"
        )
    return settings
