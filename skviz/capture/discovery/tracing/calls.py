"""The calls of softmax and sigmoid in a forward pass, and what became of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from torch import Tensor

# More terms than this in a sum are no selection between branches.
MOST_TERMS = 64
# Nor are more weights than this, for two images, weights of branches and channels.
MOST_WEIGHTS = 2**23
CHANGED = (
    "the weights are changed after it by values that differ from pixel to pixel, so that a "
    "channel has no one weight"
)
SHARED_SUM = (
    "the weights are divided by a sum to which those of other calls belong, so that they are "
    "not the ones that are used"
)
# What is added to a sum so that nothing is divided by zero.
NEGLIGIBLE = 1e-3


Key = tuple[str, int, str, int]


@dataclass
class Call:
    """One call of a softmax or sigmoid: where it ran, on what, and what became of it.

    `key` tells the same call of another pass (module, call of the module, operation, index).
    `axis` is the softmax's own axis, None for a sigmoid. Numbers of the result have the
    sources `start + 1` to `start + size`; those of 1 minus the result follow. `extremes` (2,
    sources) are the largest and the smallest number that each of them multiplies.

    `normalised` says that the weights are divided by their sum over the branches before use,
    `refused` why they are none of a unit although they weigh features; `notes` what else
    happens to them, `lost` the operations through which they are not followed.
    """

    key: Key
    axis: int | None
    shape: tuple[int, ...]
    values: Tensor
    start: int
    where: tuple[tuple[str, int], ...]
    follows_input: bool
    labels: Tensor
    alive: Tensor
    extremes: Tensor
    selected_in: tuple[tuple[str, int], ...] | None = None
    selection: Tensor | None = None
    terms: int = 0
    normalised: bool = False
    refused: str = ""
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many numbers the result holds."""
        return math.prod(self.shape)

    @property
    def is_gate(self) -> bool:
        """Whether it is a sigmoid, not a softmax."""
        return self.axis is None
