"""Numbers and trends in words, for captions and alternative texts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skviz import numbers
from skviz.numbers import listed
from skviz.scales import scale_labels
from skviz.units import GATE

UNCHANGED = "is unchanged"
DIGITS = numbers.DIGITS
NO_VALUE = "no value"
MOST_LISTED = 8  # units that an alternative text names one by one


# A value, and a change with its sign, with four decimals or so many, or "no value" for nan.
number = partial(numbers.number, nothing=NO_VALUE)
signed = partial(numbers.signed, nothing=NO_VALUE)


def scales_in_words(scales: Sequence[float]) -> str:
    """Return "1.0x, 1.5x and 2.0x"."""
    return listed(scale_labels(scales))


def trend(values: ArrayLike, scales: Sequence[float], digits: int = DIGITS) -> str:
    """Say how values go with ascending scale: "rises", "falls", "is unchanged", or neither.

    "rises" means at every step, "rises overall" from the first to the last scale only. What
    counts are the values as they are written, with so many decimals. Empty for a single scale,
    and where the first or the last value is nan.
    """
    exact = np.asarray(values, np.float64)[np.argsort(scales, kind="stable")]
    ordered = np.round(exact, digits)
    if len(ordered) < 2 or np.isnan(ordered[[0, -1]]).any():
        return ""
    steps = np.diff(ordered[~np.isnan(ordered)])
    whole = ordered[-1] - ordered[0]
    if (steps == 0).all():
        return UNCHANGED
    if whole == 0:
        return "returns to its first value"
    verb = "rises" if whole > 0 else "falls"
    return verb if (steps * whole > 0).all() else f"{verb} overall"


def per_scale(values: ArrayLike, scales: Sequence[float], digits: int = DIGITS) -> str:
    """Return "0.4100 at 1.0x and 0.4300 at 2.0x"."""
    pairs = zip(np.asarray(values, np.float64), scale_labels(scales), strict=True)
    return listed([f"{number(value, digits)} at {label}" for value, label in pairs])


def ends(scales: Sequence[float]) -> tuple[int, int]:
    """Return the indices of the smallest and the largest scale."""
    return int(np.argmin(scales)), int(np.argmax(scales))


def shifts(values: NDArray[np.float64], scales: Sequence[float]) -> NDArray[np.float64]:
    """Return the change from the smallest to the largest scale; scales are the last axis."""
    first, last = ends(scales)
    change: NDArray[np.float64] = values[..., last] - values[..., first]
    return change


def from_to(scales: Sequence[float]) -> str:
    """Return "from 1.0x to 2.0x", the smallest and the largest scale."""
    labels = scale_labels(scales)
    first, last = ends(scales)
    return f"from {labels[first]} to {labels[last]}"


def extremes(values: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return the indices of the smallest and the largest value, or None where all are nan."""
    if np.isnan(values).all():
        return None
    return int(np.nanargmin(values)), int(np.nanargmax(values))


def upper_first(text: str) -> str:
    """Return the text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def branch_phrase(label: str) -> str:
    """Return a branch's label within a sentence: "the 5x5 kernel", or "branch 1"."""
    if label.startswith("branch"):
        return label
    return "the gate" if label == GATE else f"the {label} kernel"
