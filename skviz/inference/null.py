"""What random networks do: the distribution over seeds that a shift is held against.

A network with random weights shifts too when its input is enlarged. How far random networks
shift says how far a network may shift without having learned anything. Pure functions on
arrays; every seed counts as one observation.

The null comes in two ways. "raw" is the mean shift of each random network as it is. "matched"
is that shift in units of how much the attention varies over images at 1.0x, times how much that
of the network in question does: what a random network would show whose attention varied as
much. Training makes attention vary more, and then every change of the input moves it more;
only the matched null takes that away. Where the attention of the network in question varies
less than that of random ones, matching makes the null narrower than what random networks were
seen to do; hence a shift has to be beyond both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from skviz.errors import UsageError
from skviz.scales import Scales, in_numbers
from skviz.statistics.moments import nan_mean, nan_std
from skviz.statistics.shifts import holm
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.runs.measurements import AnyMeasurements as AnyMeasurements

# Of fewer random networks no spread can be told.
FEWEST_SEEDS = 3
COVERAGE = 0.95


@dataclass(frozen=True)
class Place:
    """Where a shift lies among those of `seeds` random networks.

    `mean` and `std` (n - 1) describe them, `low` and `high` hold 95 % of random networks to
    come (t distribution), `above` counts those that the shift exceeds, `p` is the two-sided
    p-value that the shift is one more draw, and `p_holm` the same after Holm's correction over
    the units.
    """

    mean: float
    std: float
    low: float
    high: float
    above: int
    seeds: int
    p: float
    p_holm: float | None = None


@dataclass(frozen=True, eq=False)
class NullShifts:
    """Mean shifts from 1.0x of S random networks, `raw` and `matched`, of shape (S, V, U).

    Scales (V) and units (U) are those of the network in question; `factors` (S, U) is what
    `matched` has over `raw`, nan where the attention of a random network does not vary. `own`
    (V, U) are the mean shifts of the network in question.
    """

    raw: FloatArray
    matched: FloatArray
    factors: FloatArray
    scales: tuple[float, ...]
    units: tuple[str, ...]
    own: FloatArray

    @classmethod
    def of(cls, plain: AnyMeasurements, random: Sequence[AnyMeasurements]) -> NullShifts:
        """Compute the shifts of the random networks, over the same images as `plain`.

        Raises `UsageError` for no random network, and for one with other images, scales or
        units than `plain`.
        """
        if not random:
            raise UsageError("expected measurements of random networks, got none")
        origin = origin_of(plain.scales)
        cube = aligned(plain, plain)
        own, shifts = nan_std(cube[:, origin]), nan_mean(cube - cube[:, [origin]])
        raw, factors = [], []
        for other in random:
            cube = aligned(other, plain)
            raw.append(nan_mean(cube - cube[:, [origin]]))
            spread = nan_std(cube[:, origin])
            ratio = np.full_like(spread, np.nan)
            factors.append(np.divide(own, spread, out=ratio, where=spread > 0))
        stacked, ratios = np.stack(raw), np.stack(factors)
        units = tuple(unit.name for unit in plain.units)
        return cls(stacked, stacked * ratios[:, None], ratios, tuple(plain.scales), units, shifts)

    @property
    def seeds(self) -> int:
        """Number S of random networks."""
        return len(self.raw)

    def band(self) -> tuple[FloatArray, FloatArray]:
        """Return low and high, each (V, U): where random networks would put a shift.

        It holds the bands of the raw and of the matched null, so that a shift outside of it is
        outside of both: exactly where the verdict finds it to be more than random networks do
        (p after Holm's correction over the units at most 5 %).
        """
        return wider(self._band(self.raw), self._band(self.matched))

    def _band(self, null: FloatArray) -> tuple[FloatArray, FloatArray]:
        rows = []
        for v, shifts in enumerate(self.own):
            spots = [place(float(shift), null[:, v, u]) for u, shift in enumerate(shifts)]
            coverage = holm_coverage([None if spot is None else spot.p for spot in spots])
            rows.append(band(null[:, v], coverage))
        low, high = zip(*rows, strict=True)
        return np.stack(low), np.stack(high)


def origin_of(scales: Sequence[float]) -> int:
    """Return the index of 1.0x; raises `UsageError` where it is not among the scales."""
    found = Scales(scales).find(1.0)
    if found is None:
        have = in_numbers(scales)
        raise UsageError(f"expected 1.0 among the scales, which shifts start from, got {have}")
    return found


def aligned(
    other: AnyMeasurements, plain: AnyMeasurements, scales: Sequence[float] | None = None
) -> FloatArray:
    """Return the attention difference (N, V, U) of `other` in the units and scales of `plain`.

    `scales` asks for other scales than those of `plain`. Raises `UsageError` for other images,
    and for a unit or scale that `other` does not have.
    """
    if len(other.difference) != len(plain.difference) or not _same_labels(other, plain):
        raise UsageError(
            f"expected measurements of the same {len(plain.difference)} images, got"
            f" {len(other.difference)} or others; make the runs from one data set"
        )
    names = [unit.name for unit in other.units]
    missing = [unit.name for unit in plain.units if unit.name not in names]
    if missing:
        raise UsageError(f"expected the unit {missing[0]} in every run, got {', '.join(names)}")
    columns = [names.index(unit.name) for unit in plain.units]
    there = Scales(other.scales)
    rows = []
    for scale in plain.scales if scales is None else scales:
        row = there.find(scale)
        if row is None:
            have = in_numbers(there)
            raise UsageError(f"expected the scale {scale:g} in every run, got {have}")
        rows.append(row)
    return np.asarray(other.difference, np.float64)[:, rows][:, :, columns]


def band(shifts: FloatArray, coverage: float = COVERAGE) -> tuple[FloatArray, FloatArray]:
    """Return where that share of random networks to come would lie, from shifts (S, ...).

    A t interval for one more draw: with few seeds it is wide. For fewer than `FEWEST_SEEDS`
    seeds it is their range.
    """
    if len(shifts) < FEWEST_SEEDS:
        return shifts.min(axis=0), shifts.max(axis=0)
    centre, half = shifts.mean(axis=0), reach(len(shifts), coverage) * shifts.std(axis=0, ddof=1)
    return centre - half, centre + half


def holm_coverage(p_values: Sequence[float | None], alpha: float = 1 - COVERAGE) -> float:
    """Return the coverage of bands that agree with Holm's test of all the p-values.

    A value lies outside of its band exactly where the test rejects it: the first p that is not
    rejected is held against `alpha` over the number of those that are left.

    Examples
    --------
    >>> round(holm_coverage([0.001, 0.04]), 3), round(holm_coverage([0.3, 0.04]), 3)
    (0.95, 0.975)
    """
    tested = [p for p in holm(p_values) if p is not None]
    rejected = sum(p <= alpha for p in tested)
    return 1 - alpha / max(1, len(tested) - rejected)


def reach(seeds: int, coverage: float = COVERAGE) -> float:
    """Return how many standard deviations of S seeds from their mean hold that share of more."""
    from scipy import stats

    return float(stats.t.ppf((1 + coverage) / 2, seeds - 1)) * math.sqrt(1 + 1 / seeds)


def wider(
    one: tuple[FloatArray, FloatArray], other: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the band that holds both; what is nan in one of them is taken from the other."""
    return np.fmin(one[0], other[0]), np.fmax(one[1], other[1])


def place(shift: float, null: ArrayLike) -> Place | None:
    """Say where a shift lies among those of random networks (S,).

    None for fewer than `FEWEST_SEEDS` of them, or where a value is nan.
    """
    from scipy import stats

    values = np.asarray(null, np.float64)
    count = len(values)
    if count < FEWEST_SEEDS or np.isnan(values).any() or math.isnan(shift):
        return None
    mean, std = float(values.mean()), float(values.std(ddof=1))
    low, high = band(values)
    spread = std * math.sqrt(1 + 1 / count)
    if spread > 0:
        p = float(2 * stats.t.sf(abs(shift - mean) / spread, count - 1))
    else:  # random networks that never move
        p = 1.0 if shift == mean else 0.0
    above = int((values < shift).sum())
    return Place(mean, std, float(low), float(high), above, count, p)


def places_of(
    plain: AnyMeasurements, random: Sequence[AnyMeasurements]
) -> dict[str, list[Place | None]]:
    """Return, for "raw" and "matched", where each unit's shift to the largest scale lies.

    `p_holm` is corrected over the units. Raises what `NullShifts.of` raises.
    """
    null = NullShifts.of(plain, random)
    cube = aligned(plain, plain)
    shifts = nan_mean(cube[:, -1] - cube[:, origin_of(plain.scales)])
    found = {}
    for kind, values in (("raw", null.raw), ("matched", null.matched)):
        places = [place(float(shift), values[:, -1, u]) for u, shift in enumerate(shifts)]
        adjusted = holm([spot.p if spot else None for spot in places])
        found[kind] = [
            spot and replace(spot, p_holm=p) for spot, p in zip(places, adjusted, strict=True)
        ]
    return found


def _same_labels(one: AnyMeasurements, other: AnyMeasurements) -> bool:
    if one.labels is None or other.labels is None:
        return one.labels is None and other.labels is None
    return bool(np.array_equal(one.labels, other.labels))
