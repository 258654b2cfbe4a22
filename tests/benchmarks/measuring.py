"""Ratios that a shared machine cannot fool: every way in turn, divided by its neighbours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

# What times of processes differ by from one to the next, where only one was measured.
NOISE = 0.1
# Below so many rounds quartiles say little: the spread is then that of all rounds.
_ROUNDS_FOR_QUARTILES = 5


@dataclass(frozen=True)
class Bound:
    """What a median has to keep to: `limit` at most, or at least."""

    limit: float
    at_most: bool = True

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.limit:g}"

    def beyond(self, value: float) -> bool:
        """Whether a value breaks the bound."""
        return value > self.limit if self.at_most else value < self.limit


@dataclass(frozen=True)
class Result:
    """What was measured: one value per round, in `unit` (such as "of the bare pass").

    `low` and `high` are the spread: quartiles, or minimum and maximum of fewer than five
    rounds. A bound is broken where the median is beyond it by more than that spread. One round
    has no spread: `assumed` is the share of its value that is taken for one.
    """

    name: str
    values: tuple[float, ...]
    unit: str
    bound: Bound | None = None
    note: str = ""
    assumed: float = 0.0

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return self._spread()[0]

    @property
    def high(self) -> float:
        return self._spread()[1]

    @property
    def verdict(self) -> str:
        """ "ok", "behind", "within its spread", or "" without a bound."""
        if self.bound is None:
            return ""
        if not self.bound.beyond(self.median):
            return "ok"
        nearest = self.low if self.bound.at_most else self.high
        return "behind" if self.bound.beyond(nearest) else "within its spread"

    def _spread(self) -> tuple[float, float]:
        if len(self.values) == 1:
            (value,) = self.values
            return value * (1 - self.assumed), value * (1 + self.assumed)
        if len(self.values) < _ROUNDS_FOR_QUARTILES:
            return min(self.values), max(self.values)
        first, _, third = quantiles(self.values, n=4, method="inclusive")
        return first, third

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as the JSON report has it."""
        bound = None
        if self.bound is not None:
            bound = {"limit": self.bound.limit, "at_most": self.bound.at_most}
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "low": self.low,
            "high": self.high,
            "rounds": len(self.values),
            "values": list(self.values),
            "bound": bound,
            "verdict": self.verdict,
            "note": self.note,
            "assumed": self.assumed,
        }

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Result:
        """Return the result that `to_dict` wrote."""
        bound = entry["bound"] and Bound(**entry["bound"])
        values, unit = tuple(entry["values"]), entry["unit"]
        return cls(entry["name"], values, unit, bound, entry["note"], entry["assumed"])


@dataclass(frozen=True)
class NotRun:
    """Something that could not be measured here, and why."""

    name: str
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything, as the JSON report has it."""
        return {"name": self.name, "not run": self.reason}


Measured = Result | NotRun


def measured_from_dict(entry: Mapping[str, Any]) -> Measured:
    """Return what either `to_dict` wrote."""
    if "not run" in entry:
        return NotRun(entry["name"], entry["not run"])
    return Result.from_dict(entry)


@dataclass
class Rounds:
    """What interleaved rounds gave: seconds of the base, and per way ratios to the base."""

    base: list[float] = field(default_factory=list)
    ratios: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)


def timed(run: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved(
    base: Callable[[], float],
    ways: Mapping[str, Callable[[], float]],
    seconds: float,
    least: int = 3,
    most: int = 31,
) -> Rounds:
    """Measure each way between two measurements of the base, round after round.

    `base` and the ways return what they measured, in seconds. A way's ratio is its own over
    the mean of the base just before and just after it, so that a machine that slows down slows
    both. Rounds go on for about `seconds`, `least` at least and `most` at most; the order of
    the ways turns from round to round.
    """
    found = Rounds([], {name: [] for name in ways}, {name: [] for name in ways})
    for number in rounds(seconds, least, most):
        names = list(ways)
        turn = number % len(names)
        before = base()
        found.base.append(before)
        for name in names[turn:] + names[:turn]:
            own = ways[name]()
            after = base()
            found.base.append(after)
            found.seconds[name].append(own)
            found.ratios[name].append(own / ((before + after) / 2))
            before = after
    return found


def rounds(seconds: float, least: int, most: int) -> Iterator[int]:
    """Count rounds for about so many seconds: another one starts if it should fit."""
    start = time.perf_counter()
    for number in range(most):
        spent = time.perf_counter() - start
        if number >= least and spent + spent / number > seconds:
            return
        yield number
