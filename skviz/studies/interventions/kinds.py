"""Which attention takes the place of a unit's own: the kinds of intervention on a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UsageError, did_you_mean
from skviz.units import Unit

if TYPE_CHECKING:
    from torch import Tensor

# What can be asked for, and what it does. "branches" is one kind for each branch.
KINDS = {
    "branches": "all weight on one branch",
    "uniform": "the same weight for every branch",
    "mean": "the data set's mean attention at the same scale",
    "channels": "its own attention, the channels shuffled",
    "images": "the attention of another image at the same scale",
    "patch": "the attention of the same image at the reference scale",
}
SMALLEST, LARGEST = "smallest", "largest"
_BRANCH = "branch-"


def check_kinds(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds in their own order, each once; "all" means all of them.

    Raises `UsageError` for an unknown one, or none.
    """
    for kind in wanted:
        if kind not in KINDS and kind != "all":
            hint = did_you_mean(kind, KINDS)
            raise UsageError(
                f"expected kinds out of {', '.join(KINDS)}, or all, got '{kind}'.{hint}"
            )
    found = tuple(kind for kind in KINDS if kind in wanted or "all" in wanted)
    if not found:
        raise UsageError(f"expected at least one kind out of {', '.join(KINDS)}, got none")
    return found


def recorded_kinds(wanted: Sequence[str], units: Sequence[Unit]) -> tuple[str, ...]:
    """Return the names in the records: for "branches" smallest, largest, and those between.

    A branch that is neither the smallest nor the largest kernel is called "branch-1", by its
    index. Gates have one branch: nothing to choose, so "branches" adds nothing for them.
    """
    branches: list[str] = []
    if "branches" in wanted and any(unit.branches > 1 for unit in units):
        between = sorted({m for unit in units for m in _between(unit)})
        branches = [SMALLEST, *(f"{_BRANCH}{m}" for m in between), LARGEST]
    return (*branches, *(kind for kind in wanted if kind != "branches"))


def kind_label(kind: str) -> str:
    """Return a recorded kind in words, for tables and figures."""
    if kind in (SMALLEST, LARGEST):
        return f"{kind} kernel"
    if kind.startswith(_BRANCH):
        return f"branch {kind.removeprefix(_BRANCH)}"
    return {
        "mean": "mean of the data set",
        "channels": "channels shuffled",
        "images": "images exchanged",
        "patch": "patched from the reference scale",
    }.get(kind, kind)


def replaced_attention(
    kind: str,
    units: Sequence[Unit],
    attention: Mapping[str, Tensor],
    means: Mapping[str, NDArray[np.float64]],
    *,
    scales: Sequence[float],
    reference: int,
    seed: int,
    others: NDArray[np.int64] | None,
) -> dict[str, Tensor]:
    """Return what replaces the attention of the units, per name (n * S, M, C).

    `attention` is what the same views have in the unchanged network, (n * S, M, C), the scales
    of an image beside each other; `means` per unit (S, M, C); `reference` is the index of the
    scale that "patch" takes from; `others` (n,) names for every image another one, None where
    there is none. A unit that the kind does not apply to is left out.
    """
    import torch

    from skviz.capture.replacements import branch, shuffled_channels, uniform

    found: dict[str, Tensor] = {}
    count = len(scales)
    for unit in units:
        own = attention[unit.name]
        views = own.reshape(-1, count, *own.shape[1:])
        if kind == "uniform":
            found[unit.name] = uniform().make(own, unit)
        elif kind == "mean":
            mean = torch.from_numpy(means[unit.name]).to(own.device, own.dtype)
            found[unit.name] = mean.repeat(len(own) // count, 1, 1)
        elif kind == "channels":
            found[unit.name] = shuffled_channels(seed).make(own, unit)
        elif kind == "images" and others is not None:
            found[unit.name] = views[torch.from_numpy(others).to(own.device)].flatten(0, 1)
        elif kind == "patch":
            found[unit.name] = views[:, [reference] * count].flatten(0, 1)
        elif (chosen := _branch(kind, unit)) is not None:
            found[unit.name] = branch(chosen).make(own, unit)
    return found


def _between(unit: Unit) -> list[int]:
    return [m for m in range(unit.branches) if m not in (unit.smallest, unit.largest)]


def _branch(kind: str, unit: Unit) -> int | None:
    if unit.branches < 2:
        return None
    if kind in (SMALLEST, LARGEST):
        return unit.largest if kind == LARGEST else unit.smallest
    branch = int(kind.removeprefix(_BRANCH)) if kind.startswith(_BRANCH) else -1
    return branch if branch in _between(unit) else None
