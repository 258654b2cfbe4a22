"""What an intervention puts in the place of a unit's attention."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skviz.errors import CaptureError, UnitError
from skviz.units import Unit

EXTREMES = ("smallest", "largest")


@dataclass(frozen=True)
class Replacement:
    """Attention to put in a unit's place: `make(attention, unit)` returns (B, M, C) or (M, C).

    `name` says what it is. `depends` says that it is made from the unit's own attention, so
    that gradients would flow through it. `check(unit)` raises what is wrong before any pass.
    """

    name: str
    make: Callable[[Tensor, Unit], Tensor]
    depends: bool = False
    check: Callable[[Unit], object] | None = None


# What may be given in place of one: "smallest", "largest" or "uniform", an array, a function.
Given = Replacement | str | NDArray[Any] | Tensor | Callable[[Tensor], Tensor]


def branch(which: int | str) -> Replacement:
    """All weight on one branch: its index, also negative, or "smallest" or "largest" kernel.

    Raises `UnitError`, before the network runs, for a branch that a unit does not have.
    """

    def index(unit: Unit) -> int:
        if which in EXTREMES:
            return unit.largest if which == "largest" else unit.smallest
        if isinstance(which, str) or not -unit.branches <= which < unit.branches:
            raise UnitError(
                f"expected a branch from 0 to {unit.branches - 1} for {unit.name}, 'smallest' or "
                f"'largest', got {which!r}"
            )
        return which % unit.branches

    def make(attention: Tensor, unit: Unit) -> Tensor:
        forced = torch.zeros_like(attention)
        forced[:, index(unit)] = 1
        return forced

    return Replacement(f"branch {which}", make, check=index)


def uniform() -> Replacement:
    """The same weight, 1 / M, for every branch of every channel."""

    def make(attention: Tensor, unit: Unit) -> Tensor:
        return torch.full_like(attention, 1 / unit.branches)

    return Replacement("uniform", make)


def fixed(array: Any) -> Replacement:
    """A given attention, (M, C) for all images or (B, M, C): an array or a tensor.

    The mean of a data set, or attention captured elsewhere ("patching"). Raises `CaptureError`
    for another number of axes, and in the pass for a shape that does not fit.
    """
    given = torch.as_tensor(np.asarray(array) if not isinstance(array, Tensor) else array)
    if given.ndim not in (2, 3):
        raise CaptureError(
            "expected attention of shape (branches, channels) or (images, branches, channels), "
            f"got {tuple(given.shape)}"
        )

    def make(attention: Tensor, unit: Unit) -> Tensor:
        return given.to(attention.device, attention.dtype)

    def check(unit: Unit) -> None:
        if tuple(given.shape[-2:]) != (unit.branches, unit.channels):
            raise CaptureError(
                f"expected attention of {unit.branches} branches and {unit.channels} channels "
                f"for {unit.name}, got {tuple(given.shape)}; name the units one by one"
            )

    return Replacement("fixed", make, check=check)


def unchanged() -> Replacement:
    """The unit's own attention: with `constant`, the same network without its gradient."""
    return Replacement("unchanged", lambda attention, unit: attention, depends=True)


def shuffled_channels(seed: int = 0) -> Replacement:
    """The unit's own attention with its channels in another order, the same for all images."""

    def make(attention: Tensor, unit: Unit) -> Tensor:
        order = torch.randperm(unit.channels, generator=_generator(seed, unit))
        return attention[:, :, order.to(attention.device)]

    return Replacement("shuffled channels", make, depends=True)


def shuffled_images(seed: int = 0) -> Replacement:
    """Every image gets the attention of another image of its batch; none keeps its own.

    Raises `CaptureError` for a batch of one.
    """

    def make(attention: Tensor, unit: Unit) -> Tensor:
        count = len(attention)
        if count < 2:
            raise CaptureError(
                f"expected a batch of two images or more to exchange the attention of {unit.name}"
                f" between, got {count}"
            )
        order = torch.randperm(count, generator=_generator(seed, unit))
        # Each takes from the next in a random circle: none from itself.
        other = torch.empty_like(order).scatter_(0, order, order.roll(1))
        return attention[other.to(attention.device)]

    return Replacement("shuffled images", make, depends=True)


def as_replacement(given: Given) -> Replacement:
    """Return a replacement, by its name or from an array; any function of attention makes one."""
    if isinstance(given, Replacement):
        return given
    if isinstance(given, str) and given in EXTREMES:
        return branch(given)
    if isinstance(given, str) and given == "uniform":
        return uniform()
    if isinstance(given, np.ndarray | Tensor):
        return fixed(given)
    if not callable(given):
        raise CaptureError(
            "expected a Replacement, 'smallest', 'largest' or 'uniform', an array (M, C) or "
            f"(B, M, C), or a function from attention (B, M, C) to attention, got {given!r}"
        )
    return Replacement("function", lambda attention, unit: given(attention), depends=True)


def _generator(seed: int, unit: Unit) -> torch.Generator:
    # Another order for every unit, the same in every pass.
    return torch.Generator().manual_seed(seed + zlib.crc32(unit.name.encode()))
