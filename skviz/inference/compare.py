"""Two runs on the same images, image by image: where two networks or checkpoints differ."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skviz.frames import Overview, ShowsTable, records
from skviz.inference.paired import Bootstrap, Paired, accuracy, add_holm
from skviz.inference.pairing import Common, UnitPair, common_ground
from skviz.numbers import NOTHING, interval, plain, signed
from skviz.runs.records import Run
from skviz.scales import scale_label
from skviz.statistics.moments import nan_mean
from skviz.statistics.shifts import CONFIDENCE, FEWEST_CLUSTERS, RESAMPLES, SEED
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd

LEVEL, SHIFT = "level", "shift"
_TEXTS = ("what", "unit", "unit_b", "note")


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(ShowsTable):
    """Runs a and b on the same images; every difference is b minus a.

    Attributes
    ----------
    common
        What both runs share.
    table
        What `to_frame` returns.
    resamples, confidence, seed
        Those of the bootstrap; 0 resamples: no intervals.
    drawn
        What it drew, "class" or "image"; None without bootstrap.

    Examples
    --------
    >>> found = skviz.compare("runs/example", "runs/untrained", resamples=0)
    >>> found.scales, [pair.label for pair in found.units]
    ((1.0, 2.0), ['3_4'])
    """

    common: Common
    table: pd.DataFrame
    resamples: int
    confidence: float
    seed: int
    drawn: str | None

    def __repr__(self) -> str:
        sides = (self.common.about_a["run"], self.common.about_b["run"])
        return f"Comparison({sides[0]!r}, {sides[1]!r}, {self.common.images} images)"

    def overview(self) -> Overview:
        """Return the shifts over all common scales, or the levels at one, as they are shown."""
        frame = self.levels
        what = f"at {scale_label(self.scales[0])}"
        if len(self.scales) > 1:
            ends = (self.scales[0], self.scales[-1])
            frame = between(self.shifts, ends)
            what = f"paired shift from {scale_label(ends[0])} to {scale_label(ends[1])}"
        return Overview(
            f"a: {described(self.common.about_a)}\nb: {described(self.common.about_b)}\n"
            f"{self.common.images} images; attention difference, in [-1, 1]: {what}",
            shown(frame, {"a": "a", "b": "b", "difference": "b - a"}),
        )

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales that both runs have, ascending."""
        return self.common.scales

    @property
    def units(self) -> tuple[UnitPair, ...]:
        """The pairs of units that are compared."""
        return self.common.pairs

    @property
    def levels(self) -> pd.DataFrame:
        """The rows of `to_frame` about the attention difference at one scale."""
        return self.table[self.table["what"] == LEVEL].reset_index(drop=True)

    @property
    def shifts(self) -> pd.DataFrame:
        """The rows of `to_frame` about the shift between two scales."""
        return self.table[self.table["what"] == SHIFT].reset_index(drop=True)

    @property
    def accuracy(self) -> dict[str, list[float | None]]:
        """Share of the common images that each network classifies correctly, per scale."""
        common = self.common
        return {"a": accuracy(common.correct_a) or [], "b": accuracy(common.correct_b) or []}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per unit and scale, and one per unit and pair of scales.

        Columns: `what` ("level": the attention difference at `to_scale`; "shift": its paired
        change from `from_scale` to `to_scale`), `unit`, `unit_b` (its partner in b), `n`
        (images with both), `a` and `b` (means), `a_low`, `a_high`, `b_low`, `b_high`,
        `difference` (mean of b minus a), `low` and `high` (bootstrap interval), `std`, `dz`
        (paired effect size), `rank_biserial`, `p` (Wilcoxon), `p_holm` (over the units of one
        scale or pair of scales), `correlation` (Spearman over images, between the networks),
        `kernel_a` and `kernel_b` (mean expected kernel size or its change, in pixels), `note`.
        What the data cannot tell is nan.
        """
        return self.table.copy()

    def to_dict(self) -> dict[str, object]:
        """Return everything as one JSON document; nan becomes None."""
        common = self.common
        bootstrap = None
        if self.drawn is not None:
            names = ("resamples", "confidence", "seed", "drawn")
            bootstrap = {name: getattr(self, name) for name in names}
        return {
            "a": dict(common.about_a),
            "b": dict(common.about_b),
            "images": common.images,
            "scales": list(self.scales),
            "accuracy": self.accuracy,
            "bootstrap": bootstrap,
            "only_a": list(common.only_a),
            "only_b": list(common.only_b),
            "notes": list(common.notes),
            "levels": records(self.levels),
            "shifts": records(self.shifts),
        }

    def sentences(self) -> list[str]:
        """Say in words, per unit, how the shifts over all common scales compare."""
        if len(self.scales) < 2:
            return []
        ends = (self.scales[0], self.scales[-1])
        return [_sentence(row) for row in records(between(self.shifts, ends))]


def compare(
    run_a: Run | str | os.PathLike[str],
    run_b: Run | str | os.PathLike[str],
    *,
    pairs: Iterable[tuple[str, str]] | None = None,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> Comparison:
    """Compare the attention difference of two runs on the images that both have.

    Parameters
    ----------
    run_a, run_b
        Runs or their folders; images are paired by name.
    pairs
        Which units belong together: ("3_4", "2_2"). By default those of one name.
    resamples
        Number of bootstrap resamples over whole classes (0: no intervals).
    confidence
        That of the intervals, in (0, 1).
    seed
        That of the draws.

    Returns
    -------
    Comparison
        Levels, shifts, tests and sentences.

    Raises
    ------
    UsageError
        Where there is no common image, unit or scale, and for pairs or options that make no sense.
    UnitError
        For a unit that its run does not have.
    RunError
        For a damaged run.

    Examples
    --------
    >>> found = skviz.compare("runs/example", "runs/untrained", resamples=100)
    >>> found.shifts[["unit", "from_scale", "to_scale", "n"]].values.tolist()
    [['SK_3_4', 1.0, 2.0, 6]]
    """
    first = run_a if isinstance(run_a, Run) else Run(run_a)
    second = run_b if isinstance(run_b, Run) else Run(run_b)
    common = common_ground(first, second, pairs)
    columns = _columns(len(common.scales))
    a = _changes(common.a, columns)
    b = _changes(common.b, columns)
    missing = np.isnan(a) | np.isnan(b)
    a[missing], b[missing] = np.nan, np.nan
    cells = np.concatenate([a, b, b - a], axis=1).reshape(len(a), -1)
    bounds, drawn = np.full((2, cells.shape[1]), np.nan), None
    if resamples:
        found = Bootstrap(resamples, confidence, seed).of(cells, common.labels)
        bounds, drawn = np.stack([found.low, found.high]), found.by
    kernels = [
        nan_mean(np.where(missing, np.nan, _changes(values, columns)))
        for values in (common.kernel_a, common.kernel_b)
    ]
    intervals = bounds.reshape(2, 3, len(columns), len(common.pairs))
    table = _table(common, columns, a, b, intervals, kernels)
    return Comparison(common, table, resamples, confidence, seed, drawn)


def between(frame: pd.DataFrame, scales: tuple[float, float]) -> pd.DataFrame:
    """Return the rows about the shift from one scale to another."""
    return frame[(frame["from_scale"] == scales[0]) & (frame["to_scale"] == scales[1])]


def shown(frame: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Return rows of a comparison as texts: unit, the columns by their heads, the interval."""
    import pandas as pd

    rows = [
        {
            "unit": row["unit"],
            **{head: plain(signed(row[name])) for name, head in columns.items()},
            "interval": plain(interval(row["low"], row["high"]) or NOTHING),
        }
        for row in records(frame)
    ]
    return pd.DataFrame(rows, columns=["unit", *columns.values(), "interval"])


def described(about: Mapping[str, Any]) -> str:
    """Say which run it is, and of which network, as its measurements tell."""
    model = about["model"]
    return f"{about['run']}: {model['name']}, weights: {model['weights']}"


def _columns(scales: int) -> list[tuple[int | None, int]]:
    """Return every scale (with None before it), then every pair of scales, by index."""
    levels: list[tuple[int | None, int]] = [(None, scale) for scale in range(scales)]
    return levels + list(itertools.combinations(range(scales), 2))


def _changes(cube: FloatArray, columns: Sequence[tuple[int | None, int]]) -> FloatArray:
    """Return levels and shifts per image, (N, columns, U), of a cube (N, V, U)."""
    parts = [
        cube[:, high] if low is None else cube[:, high] - cube[:, low] for low, high in columns
    ]
    return np.stack(parts, axis=1)


def _table(
    common: Common,
    columns: Sequence[tuple[int | None, int]],
    a: FloatArray,
    b: FloatArray,
    intervals: FloatArray,
    kernels: Sequence[FloatArray],
) -> pd.DataFrame:
    import pandas as pd

    parts: list[list[dict[str, Any]]] = []
    for c, (low, high) in enumerate(columns):
        part = []
        for u, pair in enumerate(common.pairs):
            present = ~np.isnan(a[:, c, u])
            left, right = a[present, c, u], b[present, c, u]
            tests = asdict(Paired.of(right - left))
            row: dict[str, Any] = {
                "what": LEVEL if low is None else SHIFT,
                "unit": pair.a.name,
                "unit_b": pair.b.name,
                "from_scale": math.nan if low is None else common.scales[low],
                "to_scale": common.scales[high],
                **tests,
                "a": nan_mean(left),
                "b": nan_mean(right),
                "difference": tests["mean"],
                "correlation": spearman(left, right),
                "kernel_a": kernels[0][c, u],
                "kernel_b": kernels[1][c, u],
                "note": pair.note,
            }
            for index, name in enumerate(("a_", "b_", "")):
                row[f"{name}low"], row[f"{name}high"] = intervals[:, index, c, u]
            part.append(row)
        add_holm(part)
        parts.append(part)
    # Units first, then scales, as in a summary: levels before shifts.
    count = len(common.scales)
    rows = [
        row
        for some in (parts[:count], parts[count:])
        for unit in zip(*some, strict=True)
        for row in unit
    ]
    names = [
        "what", "unit", "unit_b", "from_scale", "to_scale", "n", "a", "a_low", "a_high", "b",
        "b_low", "b_high", "difference", "low", "high", "std", "dz", "rank_biserial", "p",
        "p_holm", "correlation", "kernel_a", "kernel_b", "note",
    ]  # fmt: skip
    numbers = [name for name in names if name not in (*_TEXTS, "n")]
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(numbers, float) | {"n": int})


def spearman(a: FloatArray, b: FloatArray) -> float | None:
    """Return Spearman's rank correlation of two samples (n,); None where either is constant."""
    from scipy import stats

    if len(a) < FEWEST_CLUSTERS or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(stats.spearmanr(a, b).statistic)


def _sentence(row: dict[str, Any]) -> str:
    name = row["unit"] if row["unit"] == row["unit_b"] else f"{row['unit']} and {row['unit_b']}"
    start = f"{name}: from {scale_label(row['from_scale'])} to {scale_label(row['to_scale'])} "
    if row["difference"] is None:
        return f"{start}there are no images to compare."
    text = f"{start}a shifts by {signed(row['a'])}, b by {signed(row['b'])}; b minus a is "
    text += signed(row["difference"])
    if row["low"] is None:
        return f"{text}."
    apart = row["low"] > 0 or row["high"] < 0
    ends = interval(row["low"], row["high"])
    return f"{text} (interval {ends}: {'they differ' if apart else 'no clear difference'})."
