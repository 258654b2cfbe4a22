"""Sums, quotients and complements of attention and of weighted features."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from skviz.capture.discovery.tracing.calls import (
    CHANGED,
    MOST_TERMS,
    NEGLIGIBLE,
    SHARED_SUM,
)
from skviz.capture.discovery.tracing.ledger import Ledger


class Sums(Ledger):
    """Follows what is added, divided, shifted or taken from 1."""

    def _scale(self, value: Tensor, other: Any, out: Tensor) -> bool:
        """Attention times numbers that do not depend on the input: it stays, with a note."""
        shadow = self.sources.find(value)
        assert shadow is not None
        if self._is_number(other):
            what = "a learned number, " if isinstance(other, Tensor) and other.ndim else ""
            note = f"the weights are scaled by {what}{float(other):.4g}, before they are used"
        elif (
            isinstance(other, Tensor)
            and out.shape == value.shape
            and self._role(other) is None
            and not self.features.has(other)
        ):
            note = "the weights are scaled by fixed numbers, one for each, before they are used"
        else:
            return False
        self._note(shadow.calls, note)
        self._write(out, self._spread(value, out), "attention", shadow.calls)
        return True

    def _shift(self, value: Any, number: Any, out: Tensor) -> bool:
        """Weights plus a number: they stay, with a note."""
        kept = self._keep(value, number, out)
        shadow = self.sources.find(value) if kept else None
        if shadow is not None and shadow.role == "attention" and abs(float(number)) > NEGLIGIBLE:
            self._note(shadow.calls, f"{float(number):.4g} is added to the weights before use")
        return kept

    def _divide(self, value: Any, other: Any, out: Tensor) -> bool:
        """By one number; or by the sum of the weights, which normalises them."""
        if self._role(other) == "total" and self._role(value) in ("attention", "product"):
            shadow, total = self.sources.find(value), self.sources.find(other)
            assert shadow is not None
            assert total is not None
            if shadow.calls != total.calls or len(total.calls) > 1:
                self._refuse(shadow.calls | total.calls, SHARED_SUM)
                return False
            for call in shadow.calls:
                self.calls[call].normalised = True
            self._write(out, self._spread(value, out), shadow.role, shadow.calls)
            return True
        if self._role(value) == "attention":
            return self._is_number(other) and self._scale(value, 1 / other, out)
        return self._keep(value, other, out) or self._change(value, other, out)

    def _change(self, product: Any, other: Any, out: Tensor) -> bool:
        """A weighted feature, or a changed weight, that is changed again pixel by pixel."""
        shadow = self.sources.find(product) if isinstance(product, Tensor) else None
        if shadow is None or shadow.role == "total" or not self.features.has(other):
            return False
        if shadow.sources.shape[-1] > 1 or all(self.calls[c].is_gate for c in shadow.calls):
            return False  # The sum over branches is complete, or there is none.
        self._write(out, self._spread(product, out), "changed", shadow.calls)
        return True

    def _add(self, a: Any, b: Any, out: Tensor) -> bool:
        first, second = self._role(a), self._role(b)
        if {first, second} <= {"attention", "total"}:
            return self._total(a, b, out)
        if first == second == "changed":
            one, two = self.sources.find(a), self.sources.find(b)
            assert one is not None
            assert two is not None
            self._refuse(one.calls & two.calls, CHANGED)
            return False
        if first == second == "product":
            one, two = self.sources.find(a), self.sources.find(b)
            assert one is not None
            assert two is not None
            left, right = self._spread(a, out), self._spread(b, out)
            gates = all(self.calls[c].is_gate for c in one.calls | two.calls)
            if gates and not one.calls & two.calls:
                # Gates of successive blocks, met in a residual stream.
                later = max(one.calls) > max(two.calls)
                self._write(out, left if later else right, "product", (one if later else two).calls)
                return True
            terms = torch.cat((left, right), dim=-1)
            if terms.shape[-1] > MOST_TERMS:
                return False
            self._write(out, terms, "product", one.calls | two.calls)
            return True
        if self._is_number(b) or self._is_number(a):
            return self._shift(a, b, out) or self._shift(b, a, out)
        for value, role in ((a, first), (b, second)):
            if role == "product" and (first is None or second is None):
                shadow = self.sources.find(value)
                assert shadow is not None
                if shadow.sources.shape[-1] > 1:
                    return False  # The sum over branches is complete: what follows is another.
                self._write(out, self._spread(value, out), "product", shadow.calls)
                return True
        return False

    def _total(self, a: Tensor, b: Tensor, out: Tensor) -> bool:
        """The sum of weights, which they may be divided by."""
        one, two = self.sources.find(a), self.sources.find(b)
        assert one is not None
        assert two is not None
        terms = torch.cat((self._spread(a, out), self._spread(b, out)), dim=-1)
        if terms.shape[-1] > MOST_TERMS:
            return False
        self._write(out, terms, "total", one.calls | two.calls)
        return True

    def _complement(self, value: Any, other: Any, out: Tensor) -> bool:
        """1 minus a weight: the other branch of a selection between two."""
        shadow = self.sources.find(value) if isinstance(value, Tensor) else None
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        if not _is_one(other):
            return False
        self._write(out, self._others(value), "attention", shadow.calls)
        return True

    def _others(self, value: Tensor) -> Tensor:
        """Sources of 1 minus the weights of a tensor that holds those of one call."""
        shadow = self.sources.find(value)
        assert shadow is not None
        call = self.calls[next(iter(shadow.calls))]
        sources = self.sources.read(value)
        back = sources > call.start + call.size
        turned = torch.where(back, sources - call.size, sources + call.size)
        return torch.where(sources > 0, turned, 0).to(torch.int32)

    def _sum(self, name: str, value: Any, dims: Any, out: Tensor) -> bool:
        shadow = self.sources.find(value)
        if shadow is None or dims is None:
            return False
        sources = self.sources.read(value)
        axes = sorted({dim % value.ndim for dim in ([dims] if isinstance(dims, int) else dims)})
        terms = math.prod(value.shape[axis] for axis in axes) * sources.shape[-1]
        if not axes or terms > MOST_TERMS:
            return False
        moved = sources.movedim(axes, list(range(value.ndim - len(axes), value.ndim)))
        summed = moved.reshape(*(n for i, n in enumerate(value.shape) if i not in axes), terms)
        summed = summed.reshape(*out.shape, terms)
        if shadow.role == "changed":
            if bool((summed != summed[..., :1]).any()):
                self._refuse(shadow.calls, CHANGED)
            return False
        if shadow.role == "product":
            self._write(out, summed, "product", shadow.calls)
        elif name == "mean":
            return False
        else:
            self._write(out, summed, "total", shadow.calls)
        return True


def _is_one(value: Any) -> bool:
    """Whether a value is 1, or a tensor of nothing but ones."""
    if isinstance(value, Tensor):
        return bool((value == 1).all())
    return isinstance(value, int | float) and value == 1
