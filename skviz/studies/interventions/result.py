"""The folder of a data set's interventions: records, and what they say on the mean."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.errors import RunError
from skviz.runs.records import Run
from skviz.runs.storage import schema
from skviz.runs.storage.checksums import write_shard
from skviz.runs.storage.folder import RunFolder
from skviz.runs.storage.shards import Cells, ShardedRecords, table_bytes, table_file
from skviz.statistics.shifts import bootstrap_mean
from skviz.studies.interventions.kinds import recorded_kinds
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BASELINE = "baseline"
INTERVENTIONS = RunFolder(
    "skviz interventions",
    2,
    "settings.json",
    "interventions",
    "skviz intervene DATASET --out DIR",
    first=BASELINE,
    schema=schema.INTERVENTIONS,
)
# Targets of more than one unit: those that were asked for, and all of the network.
CHOSEN, ALL = "chosen", "all"
# What is measured with the attention replaced, in this order.
MEASURED = ("logit", "probability", "correct", "divergence")
# What the table says of it: changes against the unchanged network, and the divergence.
QUANTITIES = ("logit_change", "probability_change", "top1_change", "divergence")


@dataclass(frozen=True)
class Shard:
    """What was measured on n images at S scales, for T targets and K kinds.

    `truth` (n, S) is the output that counts as the true class: that of the label, or, where
    `labelled` (n,) says that there is none, the class predicted by the unchanged network.
    `before` (n, S, 3) and `after` (n, S, T, K, 4) hold logit, probability and top-1 (1 or 0),
    and `after` the divergence in nats; nan where a kind does not apply.
    """

    scales: Sequence[float]
    targets: Sequence[str]
    kinds: Sequence[str]
    images: Sequence[str]
    labels: NDArray[np.int32]
    truth: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    before: FloatArray
    after: FloatArray

    def write(self, run: Path, number: int) -> None:
        """Write the records, whole or not at all; raises `OutputError`."""
        table = table_file(run, number)
        write_shard(run, number, {table: table_bytes(_columns(self))}, table)


class InterventionRun(ShardedRecords):
    """A folder of interventions, made by `skviz intervene`; complete or not.

    The records have one row per image, scale, target (`unit`) and kind. Columns: `image`,
    `label`, `scale`, `unit`, `kind`, `truth` (the output that counts), `labelled`,
    `logit_before`, `logit`, `probability_before`, `probability`, `correct_before`, `correct`,
    `divergence` (nats). Null where a kind does not apply.

    Parameters
    ----------
    path
        The folder.

    Raises
    ------
    UsageError
        Where the folder holds no interventions.
    RunError
        For a file that is missing or damaged, when it is read; from `table`, `records` and
        `to_frame` also where no image could be read.

    Examples
    --------
    >>> skviz.intervene_dataset(
    ...     "images", skviz.load_model(), out="interventions", scales=(1,), units="3_4",
    ...     kinds="uniform", progress=False,
    ... ).path.name
    'interventions'
    >>> found = skviz.InterventionRun("interventions")
    >>> found.targets, found.complete
    (('SK_3_4', 'all'), True)
    """

    FOLDER = INTERVENTIONS

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self.baseline = Run(self.path / BASELINE)

    @property
    def shards(self) -> int:
        """Number of shards, done or not: those of the baseline."""
        return self.baseline.shards

    @property
    def shard_size(self) -> int:
        """Number of images in every shard but the last."""
        return self.baseline.shard_size

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
    def errors(self) -> list[dict[str, str]]:
        """The images that could not be read: `image` and `reason` of each."""
        return self.baseline.errors

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the records as a PyArrow table; see `records`."""
        table = super().table(columns)
        if not len(table):
            raise RunError(
                f"expected records in '{self.path}', there are none: no image could be read"
            )
        return table

    @cached_property
    def labelled(self) -> bool:
        """Whether the true class is a label everywhere, not the network's own prediction."""
        import pyarrow.compute as pc

        return bool(pc.all(self.table(["labelled"])["labelled"]).as_py())

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
                    for q, name in enumerate(("logit", "probability", "top1")):
                        row[f"{name}_before"] = before[there, s, t, k, q].mean()
                    row["top1_after"] = after[there, s, t, k, 2].mean()
                    rows.append(row)
        return pd.DataFrame(rows)

    def _cube(self) -> tuple[FloatArray, NDArray[np.int64]]:
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


def _columns(shard: Shard) -> dict[str, pa.Array]:
    import pyarrow as pa

    shape = (len(shard.images), len(shard.scales), len(shard.targets), len(shard.kinds))
    cells, real, whole = Cells(shape), pa.float32(), pa.int32()
    before = shard.before[:, :, None, None]
    scales = np.array(shard.scales, np.float32)[None, :, None, None]
    columns = {
        "image": cells.words(shard.images, 0),
        "label": cells.numbers(shard.labels[:, None, None, None], whole),
        "scale": cells.numbers(scales, real),
        "unit": cells.words(shard.targets, 2),
        "kind": cells.words(shard.kinds, 3),
        "truth": cells.numbers(shard.truth[:, :, None, None], whole),
        "labelled": cells.numbers(shard.labelled[:, None, None, None], pa.bool_()),
    }
    for q, name in enumerate(MEASURED):
        kind = pa.bool_() if name == "correct" else real
        if q < before.shape[-1]:
            columns[f"{name}_before"] = cells.numbers(before[..., q], kind)
        columns[name] = cells.numbers(shard.after[..., q], kind)
    return columns
