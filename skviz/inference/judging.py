"""Is the effect real? What a unit's shift is made of, and what may be said of it.

Pure functions on arrays. T is the total shift: the attention difference at the largest scale
minus that at 1.0x, paired over images. Each control gives a shift of its own, over the same
images: B when only resolution is lost (blur), O when only context is lost (object). What is
left, T - B and T - O, is paired per image too. Random networks say how far one shifts without
having learned anything (`skviz.inference.null`).

Intervals are bootstrap intervals over classes and are not corrected for the number of units;
the comparison with random networks is (Holm). A verdict needs every check at once, so that
correction holds for the verdict as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.inference.null import Place, aligned, origin_of, places_of
from skviz.inference.paired import Bootstrap
from skviz.inference.verdicts import BLUR, NEGLIGIBLE, OBJECTS, ZOOM, Estimate, Verdict
from skviz.statistics.moments import nan_mean
from skviz.statistics.shifts import FEWEST_CLUSTERS, holm, signed_rank
from skviz.typing import FloatArray

if TYPE_CHECKING:
    from skviz.runs.measurements import AnyMeasurements as AnyMeasurements

ALPHA = 0.05


@dataclass(frozen=True)
class Evidence:
    """What verdicts are drawn from: measurements of the same images through several networks.

    `controls` by name: "blur", "object-constant", "object-blurred", "masked",
    "zoom-out-mean", "zoom-out-reflect", "resample-bilinear", ... `random` are networks drawn
    anew, `others` those drawn anew in part, by name. `high_resolution` (N,) says which images
    need no interpolation at the largest scale.
    """

    plain: AnyMeasurements
    controls: Mapping[str, AnyMeasurements] = field(default_factory=dict)
    random: Sequence[AnyMeasurements] = ()
    others: Mapping[str, AnyMeasurements] = field(default_factory=dict)
    high_resolution: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class JudgeOptions(Bootstrap):
    """How intervals are made, and the family-wise level of the null."""

    alpha: float = ALPHA


def judge(evidence: Evidence, options: JudgeOptions | None = None) -> tuple[Verdict, ...]:
    """Return one verdict per unit, in the order of the units.

    Raises `UsageError` for runs that do not fit together: other images, units or scales, no
    1.0x, or no scale above it.
    """
    options = options or JudgeOptions()
    plain = evidence.plain
    origin, top = origin_of(plain.scales), len(plain.scales) - 1
    if plain.scales[top] <= 1 + 1e-6:
        raise UsageError(
            f"expected a scale above 1.0, at which objects are larger, got {plain.scales[top]:g}"
        )
    ends = (plain.scales[origin], plain.scales[top])
    cube = aligned(plain, plain)
    total = cube[:, top] - cube[:, origin]
    shifts = {name: _shift(name, run, plain, ends) for name, run in evidence.controls.items()}
    others = {name: _shift(name, run, plain, ends) for name, run in evidence.others.items()}
    columns = {"": total, **{f"={name}": shift for name, shift in shifts.items()}}
    columns |= {f"-{name}": rest for name, rest in _left(total, shifts).items()}
    columns |= {f"~{name}": shift for name, shift in others.items()}
    parts = _parts(columns, plain.labels, options)
    sharp, count = _sharp(evidence.high_resolution, total, plain.labels, options)
    nothing: list[Place | None] = [None] * len(plain.units)
    places = places_of(plain, evidence.random) if evidence.random else {}
    raw, matched = places.get("raw", nothing), places.get("matched", nothing)
    steps = np.diff(nan_mean(cube[:, origin:]), axis=0) if len(cube) else None
    tests = [signed_rank(total[:, u]) for u in range(total.shape[1])]
    paired = holm([test.p if test else None for test in tests])
    verdicts = []
    for u, unit in enumerate(plain.units):
        own = parts[""][u]
        way = 1 if own.mean > 0 else -1
        p, verb = paired[u], "rises" if way > 0 else "falls"
        moves = () if steps is None else tuple(float(step) for step in steps[:, u])
        verdict = Verdict(
            unit=unit.name,
            scale=ends[1],
            images=int((~np.isnan(total[:, u])).sum()),
            total=own,
            steps=moves,
            steady=bool(moves) and all(way * step > NEGLIGIBLE for step in moves),
            shifts=_of(parts, "=", u),
            left=_of(parts, "-", u),
            high_resolution=None if sharp is None else sharp[u],
            sharp_images=count,
            raw=raw[u],
            matched=matched[u],
            others=_of(parts, "~", u),
            paired_p=p,
            paired="no clear change" if p is None or p > options.alpha else verb,
        )
        verdicts.append(_judged(verdict, options.alpha))
    return tuple(verdicts)


def _judged(verdict: Verdict, alpha: float) -> Verdict:
    """Give the verdict: the first check that fails, or what it claims."""
    missing = []
    if verdict.raw is None:
        missing.append("random networks")
    elif verdict.matched is None:  # The attention of a random network does not vary over images.
        missing.append("matched random networks")
    if BLUR not in verdict.shifts:
        missing.append(BLUR)
    if not any(name in verdict.shifts for name in OBJECTS):
        missing.append("object")
    sign = verdict.sign
    reasons = []
    if math.isnan(verdict.total.low):
        outcome = "not enough data"
    elif not sign:
        outcome = "no clear change"
    else:
        reasons = _reasons(verdict, sign, alpha) + (["missing"] if missing else [])
        verb = "rises" if sign > 0 else "falls"
        held = "larger" if sign > 0 else "smaller"
        outcome = f"{verb}, {reasons[0]}" if reasons else held
    return replace(verdict, missing=tuple(missing), reasons=tuple(reasons), outcome=outcome)


def _reasons(verdict: Verdict, sign: int, alpha: float) -> list[str]:
    """Return which checks fail, the most telling one first."""
    failed: list[str] = []
    left = verdict.left
    for reason, spot in (("random", verdict.raw), ("matched", verdict.matched)):
        if not failed and spot is not None and not _beyond(spot, verdict.total.mean, sign, alpha):
            failed.append(reason)
    if BLUR in left and not left[BLUR].clear(sign):
        failed.append("blur")
    if any(name in left and not left[name].clear(sign) for name in OBJECTS):
        failed.append("context")
    if not {"blur", "context"} & set(failed) and not _survives_both(verdict, sign):
        failed.append("both")
    if not verdict.steady:
        failed.append("steps")
    return failed


def _beyond(spot: Place, shift: float, sign: int, alpha: float) -> bool:
    """Whether a shift is more than random networks do, to the side that it goes to."""
    return spot.p_holm is not None and spot.p_holm <= alpha and (shift - spot.mean) * sign > 0


def _survives_both(verdict: Verdict, sign: int) -> bool:
    """Whether something is left when blur and lost context are both taken off.

    A control that works against the shift is not taken off: that would help the shift.
    """

    def gives(name: str) -> bool:
        return name in verdict.shifts and verdict.shifts[name].mean * sign > 0

    pairs = [name for name in OBJECTS if gives(BLUR) and gives(name)]
    return all(verdict.left[f"{BLUR} + {name}"].clear(sign) for name in pairs)


def _shift(
    name: str, run: AnyMeasurements, plain: AnyMeasurements, ends: tuple[float, float]
) -> FloatArray:
    """Return the shift of a control per image and unit (N, U)."""
    if name.startswith(ZOOM):
        ends = (1 / ends[1], ends[0])
    cube = aligned(run, plain, ends)
    return cube[:, 1] - cube[:, 0]


def _left(total: FloatArray, shifts: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return what is left of the shift without what a control gives, per image and unit."""
    taken = [name for name in shifts if name in (BLUR, *OBJECTS) or name.startswith("resample")]
    left = {name: total - shifts[name] for name in taken}
    if BLUR in shifts:
        for name in OBJECTS:
            if name in shifts:
                left[f"{BLUR} + {name}"] = total - shifts[BLUR] - shifts[name]
    return left


def _parts(
    columns: Mapping[str, FloatArray], labels: NDArray[np.int64] | None, options: JudgeOptions
) -> dict[str, list[Estimate]]:
    """Return per name one part per unit; all share the draws of the bootstrap."""
    table = np.concatenate(list(columns.values()), axis=1)
    found = options.of(table, labels)
    ends = zip(nan_mean(table), found.low, found.high, strict=True)
    parts = [Estimate(float(mean), float(low), float(high)) for mean, low, high in ends]
    units = table.shape[1] // len(columns)
    return {name: parts[i * units : (i + 1) * units] for i, name in enumerate(columns)}


def _sharp(
    chosen: NDArray[np.bool_] | None,
    total: FloatArray,
    labels: NDArray[np.int64] | None,
    options: JudgeOptions,
) -> tuple[list[Estimate] | None, int]:
    """Return T over the images that need no interpolation, and how many they are."""
    if chosen is None:
        return None, 0
    count = int(chosen.sum())
    if count < FEWEST_CLUSTERS:
        return None, count
    part = _parts({"": total[chosen]}, None if labels is None else labels[chosen], options)
    return part[""], count


def _of(parts: Mapping[str, list[Estimate]], mark: str, unit: int) -> dict[str, Estimate]:
    return {name[1:]: part[unit] for name, part in parts.items() if name[:1] == mark}
