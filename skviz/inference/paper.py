"""A run against the paper's published figures 3 (c) and 4, as trends: sign, order, rank.

The paper measured SKNet-50 on ImageNet's validation set. Of another network or other images
no value can be the same, but the direction of the changes can.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from skviz.errors import UsageError
from skviz.frames import Overview, ShowsTable, records
from skviz.inference.compare import between, described, shown, spearman
from skviz.inference.published import (
    CLASS_UNITS,
    SCALES,
    UNITS,
    has_paper_kernels,
    published_class_shifts,
    published_difference,
)
from skviz.inference.summary import Summary, summarise
from skviz.numbers import first_of, signed
from skviz.runs.records import Run
from skviz.scales import scale_label
from skviz.statistics.shifts import CONFIDENCE, RESAMPLES, SEED


@dataclass(frozen=True, eq=False, repr=False)
class PaperComparison(ShowsTable):
    """A run beside the paper's values.

    Attributes
    ----------
    summary
        That of the run.
    units
        Names of the units that both have; `missing` names the published ones that the run lacks.
    scales
        Those of 1.0, 1.5 and 2.0 that the run has.

    Examples
    --------
    >>> found = skviz.compare_with_paper("runs/example", resamples=0)
    >>> found.units, found.missing
    (('SK_3_4',), ('SK_2_3', 'SK_4_6', 'SK_5_3'))
    """

    summary: Summary
    units: tuple[str, ...]
    scales: tuple[float, ...]

    def __repr__(self) -> str:
        run = self.summary.measurements.about["run"]
        return f"PaperComparison({run!r}, {len(self.units)} units)"

    def overview(self) -> Overview:
        """Return the shifts over all scales beside the paper's as they are shown."""
        about = self.summary.measurements.about
        ends = (self.scales[0], self.scales[-1])
        frame = between(self.steps, ends)
        labels = [scale_label(scale) for scale in ends]
        return Overview(
            f"{described(about)}\n"
            f"{len(self.summary.values)} images, beside the paper's SKNet-50 on ImageNet; shift of "
            f"the attention difference from {labels[0]} to {labels[1]}",
            shown(frame, {"here": "here", "paper": "paper"}),
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """The published units that the run does not have."""
        return tuple(name for name in UNITS if name not in self.units)

    @property
    def other_kernels(self) -> tuple[str, ...]:
        """The units whose kernels are not the paper's 3x3 and 5x5, or not known."""
        units = self.summary.units
        return tuple(u.name for u in units if u.name in self.units and not has_paper_kernels(u))

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the two beside each other, a sentence each."""
        if not self.other_kernels:
            return []
        names = ", ".join(self.other_kernels)
        return [
            f"the paper's difference is that of 5x5 and 3x3 kernels, which {names} of this run are"
            " not known to have: the sign of a shift compares, its size does not"
        ]

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row per unit and step from a scale to the next, and over all of them.

        Columns: `unit`, `from_scale`, `to_scale`, `n` (images), `here` (mean paired shift),
        `low` and `high` (bootstrap interval), `paper` (the published shift, figure 3 (c)),
        `same_sign`, and `clear`: whether the interval excludes zero.
        """
        shifts = self.summary.shifts
        shifts = shifts[shifts["unit"].isin(self.units)]
        kept = shifts["from_scale"].isin(self.scales) & shifts["to_scale"].isin(self.scales)
        columns = ["unit", "from_scale", "to_scale", "n", "shift", "low", "high"]
        frame = shifts.loc[kept, columns].rename(columns={"shift": "here"}).reset_index(drop=True)
        frame["paper"] = [
            _published(unit, high) - _published(unit, low)
            for unit, low, high in zip(
                frame["unit"], frame["from_scale"], frame["to_scale"], strict=True
            )
        ]
        frame["same_sign"] = np.sign(frame["here"]) == np.sign(frame["paper"])
        frame["clear"] = (frame["low"] > 0) | (frame["high"] < 0)
        return pd.DataFrame(frame)

    @cached_property
    def successive(self) -> pd.DataFrame:
        """The rows of `steps` from a scale to the next one."""
        following = dict(itertools.pairwise(self.scales))
        next_one = self.steps["from_scale"].map(following) == self.steps["to_scale"]
        return self.steps[next_one].reset_index(drop=True)

    @cached_property
    def order(self) -> pd.DataFrame:
        """One row per scale: the units from the lowest to the highest attention difference.

        Columns: `scale`, `here` and `paper` ("2_3 < 3_4 < ...", the lowest first),
        `pairs` (pairs of units) and `same` (how many of them are in the paper's order).
        """
        means = self.summary.to_frame().set_index(["unit", "scale"])["mean"]
        rows = []
        for scale in self.scales:
            here = {name: float(means[name, scale]) for name in self.units}
            paper = {name: _published(name, scale) for name in self.units}
            pairs = list(itertools.combinations(self.units, 2))
            same = sum((here[a] < here[b]) == (paper[a] < paper[b]) for a, b in pairs)
            rows.append((scale, _ascending(here), _ascending(paper), len(pairs), same))
        return pd.DataFrame(rows, columns=["scale", "here", "paper", "pairs", "same"])

    @property
    def correlation(self) -> float | None:
        """Spearman's correlation with the paper over units and successive steps; None if few.

        No p-value: the points, at most eight, are not independent.
        """
        frame = self.successive
        return spearman(frame["here"].to_numpy(), frame["paper"].to_numpy())

    @cached_property
    def classes(self) -> pd.DataFrame:
        """One row per unit of figure 4: how many classes rise from 1.0x to 1.5x.

        Columns: `unit`, `rising` and `classes` (counts), `share`, `low` and `high` (exact
        binomial interval), and the same of the paper's points: `paper_rising`, `paper_points`,
        `paper_share`, `paper_low`, `paper_high`. Empty without classes or these scales.
        """
        columns = ["unit", "rising", "classes", "share", "low", "high"]
        columns += [f"paper_{name}" for name in ("rising", "points", "share", "low", "high")]
        rows = []
        table, scales = self.summary.class_table, self.summary.scales
        if {1.0, 1.5} <= set(scales) and len(table.labels):
            low, high = scales.index(1.0), scales.index(1.5)
            names = [unit.name for unit in self.summary.units]
            for name in CLASS_UNITS:
                published = published_class_shifts(name)
                if name not in self.units or published is None:
                    continue
                means = table.means[names.index(name)]
                shift = means[high] - means[low]
                shift = shift[~np.isnan(shift)]
                rows.append((name, *self._rising(shift), *self._rising(published)))
        return pd.DataFrame(rows, columns=columns)

    def to_frame(self) -> pd.DataFrame:
        """Return `steps`: one row per unit and pair of scales."""
        return self.steps.copy()

    def to_dict(self) -> dict[str, object]:
        """Return everything as one JSON document; nan becomes None."""
        frame = self.successive
        return {
            "run": dict(self.summary.measurements.about),
            "images": len(self.summary.values),
            "units": list(self.units),
            "missing": list(self.missing),
            "notes": self.notes,
            "scales": list(self.scales),
            "steps": records(self.steps),
            "same_sign": int(frame["same_sign"].sum()),
            "successive": len(frame),
            "order": records(self.order),
            "correlation": self.correlation,
            "classes": records(self.classes),
        }

    def sentences(self) -> list[str]:
        """Say in words how far the run shows the paper's trends."""
        frame = self.successive
        count, same = len(frame), int(frame["same_sign"].sum())
        against = int((~frame["same_sign"] & frame["clear"]).sum())
        agree = int((frame["same_sign"] & frame["clear"]).sum())
        text = f"{same} of {count} steps from a scale to the next have the paper's sign"
        if self.summary.intervals is not None:
            text += f" ({agree} clearly so; {against} clearly have the other sign)"
        said = [f"{text}."]
        if self.correlation is not None:
            said.append(
                f"Over these {count} steps the shifts correlate with the paper's by"
                f" {signed(self.correlation, 2)} (Spearman)."
            )
        pairs, ordered = int(self.order["pairs"].sum()), int(self.order["same"].sum())
        if pairs:
            said.append(
                f"{ordered} of {pairs} pairs of units, over {len(self.scales)} scales, are in the"
                " paper's order."
            )
        return said

    def _rising(self, shift: Any) -> tuple[int, int, float, float, float]:
        from scipy import stats

        rising, count = int((shift > 0).sum()), len(shift)
        if not count:
            return 0, 0, np.nan, np.nan, np.nan
        found = stats.binomtest(rising, count).proportion_ci(
            self.summary.options.confidence, method="exact"
        )
        return rising, count, rising / count, float(found.low), float(found.high)


def compare_with_paper(
    run: Run | str | os.PathLike[str],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = SEED,
) -> PaperComparison:
    """Compare a run with the published values of SK_2_3, SK_3_4, SK_4_6 and SK_5_3.

    Figure 3 (c), right, at 1.0x, 1.5x and 2.0x, and figure 4 at 1.0x and 1.5x.

    Parameters
    ----------
    run
        A run or its folder.
    resamples, confidence, seed
        Those of the bootstrap; 0 resamples: no intervals.

    Returns
    -------
    PaperComparison
        Signs and orders here and in the paper.

    Raises
    ------
    UsageError
        For a network without units of these names, or a run without two of these scales.
    RunError
        For a damaged run.

    Examples
    --------
    >>> found = skviz.compare_with_paper("runs/example", resamples=0)
    >>> found.steps[["unit", "paper"]].round(3).values.tolist()
    [['SK_3_4', 0.03]]
    """
    found = run if isinstance(run, Run) else Run(run)
    units = tuple(unit.name for unit in found.units if unit.name in UNITS and unit.branches > 1)
    if not units:
        names = first_of([unit.name for unit in found.units])
        raise UsageError(
            f"expected units named {', '.join(UNITS)}, which the paper shows, in '{found.path}',"
            f" got {names}; compare two runs instead"
        )
    scales = tuple(scale for scale in SCALES if scale in found.scales)
    if len(scales) < 2:
        have = ", ".join(f"{scale:g}" for scale in found.scales)
        raise UsageError(
            f"expected two of the paper's scales (1, 1.5 and 2) in '{found.path}', got {have};"
            " analyze with --scales 1,1.5,2"
        )
    summary = summarise(found, resamples=resamples, confidence=confidence, seed=seed)
    return PaperComparison(summary, units, scales)


def _published(unit: str, scale: float) -> float:
    value = published_difference(unit, scale_label(scale))
    assert value is not None, f"nothing published for {unit} at {scale}"
    return value


def _ascending(values: dict[str, float]) -> str:
    return " < ".join(name.removeprefix("SK_") for name in sorted(values, key=values.__getitem__))
