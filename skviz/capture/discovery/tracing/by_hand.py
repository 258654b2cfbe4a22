"""What networks write out instead of calling it: a softmax, and a step from one to another."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from skviz.capture.discovery.tracing.element_sources import storage_key

SHIFTS = {"add", "clamp", "clamp_min", "maximum"}


class ByHand:
    """Recognises weights that are divided by their own sum: exp(x) / exp(x).sum(axis).

    So does anything that has no negative numbers, such as softplus(x) / softplus(x).sum(axis).
    A number that is added to the sum, or a bound for it, keeps the division from overflowing.
    """

    def __init__(self) -> None:
        # By storage. The tensors are kept, so that their addresses are not used again.
        self._exponentials: dict[int, Tensor] = {}
        self._sums: dict[int, tuple[Tensor, Tensor, int]] = {}
        self._log_softmax: dict[int, tuple[Tensor, int]] = {}

    def axis(self, name: str, args: Any) -> int | None:
        """The axis of the sum, if this operation ends such a softmax."""
        if name == "exp" and isinstance(args[0], Tensor):
            found = self._log_softmax.get(storage_key(args[0]))
            return found[1] if found and found[0].shape == args[0].shape else None
        if name != "div" or not all(isinstance(a, Tensor) for a in args[:2]):
            return None
        numerator, denominator = args[:2]
        total = self._sums.get(storage_key(denominator))
        if total is None:
            return None
        _, summed, axis = total
        same = storage_key(summed) == storage_key(numerator) and summed.shape == numerator.shape
        if not same or denominator.ndim != numerator.ndim:
            return None
        spread = denominator.shape[axis] == 1 or denominator.stride(axis) == 0
        return axis if spread else None

    def remember(self, name: str, args: Any, out: Tensor) -> None:
        """Keep what may become part of such a softmax."""
        if name == "exp":
            self._exponentials[storage_key(out)] = out
        elif name == "_log_softmax":
            self._log_softmax[storage_key(out)] = (out, args[1] % out.ndim)
        elif name in ("sum", "linalg_vector_norm"):
            self._remember_sum(name, args, out)
        elif name in SHIFTS and isinstance(args[0], Tensor):
            found = self._sums.get(storage_key(args[0]))
            if found is not None and not any(isinstance(a, Tensor) and a.ndim for a in args[1:]):
                self._sums[storage_key(out)] = (out, *found[1:])

    def _remember_sum(self, name: str, args: Any, out: Tensor) -> None:
        axes = args[1] if name == "sum" and len(args) > 1 else None
        if name == "linalg_vector_norm" and len(args) > 2 and args[1] == 1:
            axes = args[2]
        value = args[0]
        if not isinstance(axes, list | tuple) or len(axes) != 1 or value.ndim < 2:
            return
        source = self._exponentials.get(storage_key(value))
        known = source is not None and source.shape == value.shape
        # Of feature maps it would be a normalisation.
        pixels = value.ndim >= 4 and value.shape[-1] > 1 and value.shape[-2] > 1
        if known or (not pixels and bool((value >= 0).all())):
            self._sums[storage_key(out)] = (out, value, axes[0] % value.ndim)


class Differences:
    """Recognises a step from one tensor to another: start + w * (end - start)."""

    def __init__(self) -> None:
        # By storage: the difference, its end and its start; the product, its weight, and those.
        self._made: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        self._weighed: dict[int, tuple[Tensor, Tensor, Tensor, Tensor]] = {}

    def add(self, end: Tensor, start: Tensor, out: Tensor) -> None:
        """Keep a difference of feature maps."""
        if end.shape == start.shape == out.shape:
            self._made[storage_key(out)] = (out, end, start)

    def weigh(self, weight: Tensor, features: Tensor, out: Tensor) -> None:
        """Keep a difference that is weighed by attention."""
        found = self._made.get(storage_key(features))
        if found is not None and found[0].shape == features.shape:
            self._weighed[storage_key(out)] = (out, weight, *found[1:])

    def end(self, difference: Any, start: Any) -> Tensor | None:
        """The end of a difference that begins at `start`."""
        found = self._made.get(storage_key(difference)) if isinstance(difference, Tensor) else None
        return found[1] if found is not None and _same(found[2], start) else None

    def between(self, name: str, a: Any, b: Any) -> tuple[Tensor, Tensor, Tensor] | None:
        """Start, end and weight, if adding (or subtracting) a and b completes such a step."""
        for base, step in ((a, b), (b, a)) if name == "add" else ((a, b),):
            found = self._weighed.get(storage_key(step)) if isinstance(step, Tensor) else None
            if found is None:
                continue
            _, weight, end, start = found
            if name == "add" and _same(base, start):
                return start, end, weight
            if name == "sub" and _same(base, end):
                return end, start, weight
        return None


def _same(one: Any, two: Any) -> bool:
    """Whether two tensors are the same view of the same numbers."""
    return (
        isinstance(one, Tensor)
        and isinstance(two, Tensor)
        and storage_key(one) == storage_key(two)
        and (one.shape, one.stride()) == (two.shape, two.stride())
        and int(one.storage_offset()) == int(two.storage_offset())
    )
