"""The summary of a run: means, shifts between scales, trends, and what the tests say."""

from __future__ import annotations

import itertools
import os
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skviz.errors import RunError
from skviz.frames import Overview, ShowsTable, records
from skviz.inference.class_table import (
    ClassTable,
    channel_kernel_rows,
    channel_rows,
    class_rows,
)
from skviz.inference.paired import Bootstrap, Paired, accuracy, add_holm, count_mean_std
from skviz.numbers import NOTHING, counted, number, plain, signed
from skviz.quantities import (
    DIFFERENCE,
    EXPECTED_KERNEL,
    Quantity,
    find_quantity,
    require_kernels,
)
from skviz.runs.measurements import AnyMeasurements, RunMeasurements
from skviz.runs.records import Run
from skviz.scales import scale_label
from skviz.statistics.shifts import (
    CONFIDENCE,
    RESAMPLES,
    SEED,
    Intervals,
    page_trend,
    share_above_zero,
)
from skviz.units import Unit


@dataclass(frozen=True)
class SummaryOptions(Bootstrap):
    """How intervals are made, and the quantity: "difference" or "expected_kernel"."""

    quantity: str = DIFFERENCE.key

    def __post_init__(self) -> None:
        find_quantity(self.quantity)


@dataclass(frozen=True, eq=False, repr=False)
class Summary(ShowsTable):
    """What a run says, per unit (U), scale (V, ascending), class (K) and channel (C).

    The quantity is the attention difference in [-1, 1]: per image the mean over channels of
    the attention of the largest kernel minus that of the smallest (section 4.4); with
    `options.quantity` "expected_kernel" shifts, trends and classes are those of the expected
    kernel size in pixels. Every table is computed when it is first asked for.

    Attributes
    ----------
    measurements
        The arrays it stands on.
    options
        How intervals are made, and the quantity.

    Examples
    --------
    >>> found = skviz.summarise("runs/example", resamples=0)
    >>> found.to_frame()[["unit", "scale", "n"]].values.tolist()
    [['SK_3_4', 1.0, 6], ['SK_3_4', 2.0, 6]]
    """

    measurements: AnyMeasurements
    options: SummaryOptions = SummaryOptions()

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units of the run, in the order of execution."""
        return self.measurements.units

    @property
    def scales(self) -> tuple[float, ...]:
        """The V scales, ascending."""
        return self.measurements.scales

    @property
    def quantity(self) -> Quantity:
        """What shifts, trends and classes are about."""
        return find_quantity(self.options.quantity)

    @property
    def values(self) -> NDArray[np.float32]:
        """The quantity per image, scale and unit, shape (N, V, U); nan where there is none."""
        return self.quantity.per_image(self.measurements)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Every pair of scales by index, the smaller scale first."""
        return list(itertools.combinations(range(len(self.scales)), 2))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per unit and scale.

        Columns: `unit`, `scale`, `n` (images), `mean` and `std` of the attention difference
        (std with n - 1; figure 3 (c), right), `expected_kernel` and `expected_kernel_std` in
        pixels, nan where kernels are unknown.
        """
        rows = []
        expected = self.measurements.expected_kernel
        for u, v in itertools.product(range(len(self.units)), range(len(self.scales))):
            n, mean, std = count_mean_std(self.measurements.difference[:, v, u])
            _, size, size_std = count_mean_std(expected[:, v, u])
            rows.append((self.units[u].name, self.scales[v], n, mean, std, size, size_std))
        columns = ["unit", "scale", "n", "mean", "std", "expected_kernel", "expected_kernel_std"]
        return pd.DataFrame(rows, columns=columns)

    def to_numpy(self) -> dict[str, NDArray[np.float32]]:
        """Return a dictionary from unit name to the quantity per image and scale, (N, V)."""
        return {unit.name: self.values[:, :, u] for u, unit in enumerate(self.units)}

    def overview(self) -> Overview:
        """Return mean and standard deviation per unit and scale as they are shown in a notebook."""
        values, rows = self.values, []
        for u, unit in enumerate(self.units):
            found = [count_mean_std(values[:, v, u]) for v in range(len(self.scales))]
            shown = [
                plain(f"{signed(mean)} ± {number(std)}" if n else NOTHING) for n, mean, std in found
            ]
            kernels = " ".join(unit.branch_label(branch) for branch in range(unit.branches))
            rows.append((unit.name, kernels, *shown))
        name = self.measurements.about.get("model")
        known = name.get("name") if isinstance(name, dict) else name
        count = counted(len(values), "image")
        what = f"{self.quantity.axis_label}, mean ± standard deviation over images"
        columns = ["unit", "kernels", *(scale_label(scale) for scale in self.scales)]
        title = f"{known or 'network'}, {count}: {what}"
        return Overview(title, pd.DataFrame(rows, columns=columns))

    def __repr__(self) -> str:
        return self.overview().text

    @cached_property
    def shifts(self) -> pd.DataFrame:
        """How each unit shifts between each pair of scales, over the images that have both.

        Columns: `unit`, `from_scale`, `to_scale`, `n`, `shift` (mean paired change), `std`,
        `low` and `high` (bootstrap interval), `dz` (paired Cohen's d), `rank_biserial`, `p`
        (Wilcoxon signed-rank, two-sided) and `p_holm` (Holm over the units of one pair of
        scales), the shares that rise, of `images`, `classes` and `channels`, and a `note`.
        What the data cannot tell is nan.
        """
        frames = [self._shift(low, high) for low, high in self.pairs]
        columns = [
            "unit", "from_scale", "to_scale", "n", "shift", "std", "low", "high", "dz",
            "rank_biserial", "p", "p_holm", "images", "classes", "channels", "note",
        ]  # fmt: skip
        frame = pd.DataFrame(
            [row for unit in zip(*frames, strict=True) for row in unit], columns=columns
        )
        numbers = [name for name in columns if name not in ("unit", "n", "note")]
        return frame.astype(dict.fromkeys(numbers, float) | {"n": int})

    @cached_property
    def trends(self) -> pd.DataFrame:
        """Whether each unit rises over all scales: Page's test, one-sided.

        Columns: `unit`, `n`, `statistic` (Page's L), `correlation` (mean over images of
        Spearman's, with the scale), `p` (near 1 where it falls), `p_holm`, `note`.
        """
        rows: list[dict[str, Any]] = []
        for u, unit in enumerate(self.units):
            row: dict[str, Any] = {"unit": unit.name, "n": 0, "p": None, "note": ""}
            found = page_trend(self.values[:, :, u])
            if found is not None:
                row |= asdict(found)
            else:
                few = len(self.scales) < 3
                row["note"] = "fewer than three scales" if few else "not enough data"
            rows.append(row)
        add_holm(rows)
        columns = ["unit", "n", "statistic", "correlation", "p", "p_holm", "note"]
        return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[2:6], float))

    @cached_property
    def class_table(self) -> ClassTable:
        """The mean of the quantity per class, as arrays; see `ClassTable`."""
        return ClassTable.of(self.measurements, quantity=self.quantity)

    @cached_property
    def classes(self) -> pd.DataFrame:
        """One row per class, unit and scale: `label`, `name`, `unit`, `scale`, `n`, `mean`.

        Empty where the images have no labels (figure 4).
        """
        return class_rows(self.class_table, self.measurements)

    @cached_property
    def channels(self) -> pd.DataFrame:
        """One row per unit, scale, branch and channel, from the streamed moments (figure 3, left).

        Columns: `unit`, `scale`, `branch`, `kernel` (its label), `channel`, `n`, `mean` in
        [0, 1], `std` (with n - 1).
        """
        return channel_rows(self.measurements)

    @cached_property
    def channel_kernels(self) -> pd.DataFrame:
        """One row per unit, scale and channel: its expected kernel size, over all images.

        Columns: `unit`, `scale`, `channel`, `n`, `expected_kernel` in pixels: the sum over
        branches of mean attention times effective kernel size, nan where kernels are unknown.
        """
        return channel_kernel_rows(self.measurements)

    @property
    def accuracy(self) -> list[float | None]:
        """Share of labelled images that the network classifies correctly, per scale."""
        return accuracy(self.measurements.correct) or [None] * len(self.scales)

    @cached_property
    def intervals(self) -> Intervals | None:
        """Bootstrap intervals of all shifts, in the order unit by pair; None without bootstrap.

        Whole classes are drawn where the images have labels; all units and pairs share the
        draws.
        """
        if not self.options.resamples or not self.pairs:
            return None
        cube = self.values.astype(np.float64)
        low, high = (list(side) for side in zip(*self.pairs, strict=True))
        changes = (cube[:, high] - cube[:, low]).transpose(0, 2, 1).reshape(len(cube), -1)
        return self.options.of(changes, self.measurements.labels)

    def to_dict(self) -> dict[str, object]:
        """Return everything but classes and channels as one JSON document; nan becomes None."""
        intervals = self.intervals
        bootstrap = None
        if intervals is not None:
            names = ("resamples", "confidence", "seed")
            bootstrap = {name: getattr(self.options, name) for name in names}
            bootstrap |= {"drawn": intervals.by, "clusters": intervals.clusters}
        return {
            **self.measurements.about,
            "images": len(self.measurements.difference),
            "classes": len(self.class_table.labels),
            "scales": list(self.scales),
            "quantity": self.options.quantity,
            "accuracy": self.accuracy,
            "bootstrap": bootstrap,
            "units": records(self.to_frame()),
            "shifts": records(self.shifts),
            "trends": records(self.trends),
        }

    def _shift(self, low: int, high: int) -> list[dict[str, Any]]:
        """Return one row per unit for a pair of scales."""
        cube, table = self.values, self.class_table
        rows: list[dict[str, Any]] = []
        for u, unit in enumerate(self.units):
            change = cube[:, high, u].astype(np.float64) - cube[:, low, u]
            found = asdict(Paired.of(change))
            row = {"unit": unit.name, "from_scale": self.scales[low], "to_scale": self.scales[high]}
            row |= found | {"shift": found["mean"], "images": share_above_zero(change)}
            row["classes"] = share_above_zero(table.means[u, high] - table.means[u, low])
            # Of channels it is the mean over images.
            mean = self.quantity.of(self.measurements.channels[unit.name].mean, unit, axis=1)
            row["channels"] = share_above_zero(mean[high] - mean[low])
            if self.intervals is not None:
                column = u * len(self.pairs) + self.pairs.index((low, high))
                row["low"], row["high"] = self.intervals.low[column], self.intervals.high[column]
            rows.append(row)
        add_holm(rows)
        return rows


def summarise(
    run: Run | str | os.PathLike[str],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
    quantity: str = DIFFERENCE.key,
) -> Summary:
    """Return the summary of a run; its records are read when they are needed.

    Parameters
    ----------
    run
        A run or its folder.
    resamples
        Number of bootstrap resamples (0: no intervals).
    confidence
        That of the intervals, in (0, 1).
    seed
        That of the draws.
    quantity
        What shifts, trends and classes are about: "difference" or "expected_kernel".

    Returns
    -------
    Summary
        Means, shifts, trends, classes and channels as tables.

    Raises
    ------
    RunError
        For a run without images.
    UsageError
        For a folder that is no run, for an unknown quantity, and for the expected kernel size of
        a network none of whose units has known kernels.

    Examples
    --------
    >>> shift = skviz.summarise("runs/example", resamples=100).shifts.iloc[0]
    >>> shift["unit"], bool(shift["low"] <= shift["shift"] <= shift["high"])
    ('SK_3_4', True)
    """
    run = run if isinstance(run, Run) else Run(run)
    if not run.images:
        raise RunError(
            f"expected records in '{run.path}', there are none; finish `skviz analyze` first"
        )
    options = SummaryOptions(resamples, confidence, seed, quantity)
    if quantity == EXPECTED_KERNEL.key:
        require_kernels(run.units)
    return Summary(RunMeasurements(run), options)
