"""What is multiplied, added, divided or shifted: where an attention weighs something."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from skviz.capture.discovery.tracing.calls import CHANGED, MOST_TERMS, NEGLIGIBLE, SHARED_SUM
from skviz.capture.discovery.tracing.ledger import Ledger


class Arithmetic(Ledger):
    """Follows attention and weighted features through products, sums, quotients, complements."""

    def _multiply(self, a: Any, b: Any, out: Tensor, onto: Tensor | None = None) -> bool:
        if self._role(a) != "attention" or (self._role(b) == "attention" and self._softer(a, b)):
            a, b = b, a
        if self._role(a) in ("product", "changed", "total") and onto is None:
            return self._keep(a, b, out) or self._change(a, b, out)
        if self._role(b) in ("product", "changed") and self._role(a) is None and onto is None:
            return self._keep(b, a, out) or self._change(b, a, out)
        if self._role(a) != "attention":
            return False
        shadow = self.sources[a]
        if onto is None and self._scale(a, b, out):
            return True
        if self._role(b) == "attention":  # A gate on the attention: it stays at its place.
            if a.shape != out.shape:
                return False
            self._note(shadow.calls, "the weights are multiplied by a gate before they are used")
            return self._pass_on(a, out)
        if not self.features.has(b):
            self._explain(shadow.calls, "it multiplies weights, not features")
            return False
        if _is_shared(a, b, self.images):
            # One number for several channels, another for each pixel: a map that changes the
            # weights, and no features of their channels.
            self._refuse(shadow.calls, CHANGED)
            return False
        sources = self.sources.read(a)
        spread = sources[..., 0].broadcast_to(out.shape)
        if self._only_gates(shadow.calls) and len(torch.unique(sources)) * 2 > out.numel():
            return False  # Number by number, such as x * sigmoid(x): no gate on a feature map.
        self._weighs(spread, b.broadcast_to(out.shape), self.features.of(b, out), shadow.calls)
        product = spread.unsqueeze(-1)
        calls = shadow.calls
        if onto is not None and self._role(onto) == "product":
            product = torch.cat((self.sources.read(onto), product), dim=-1)
            calls = calls | self.sources[onto].calls
        self._write(out, product, "product", calls)
        self.differences.weigh(a, b, out)
        return True

    def _lerp(self, start: Tensor, end: Tensor, weight: Any, out: Tensor) -> bool:
        """(1 - w) * start + w * end: a selection between two, with a weight w."""
        shadow = self.sources.find(weight)
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        if not (self.features.has(start) and self.features.has(end)):
            return False
        terms = []
        for features, found in ((end, self.sources.read(weight)), (start, self._others(weight))):
            spread = found[..., 0].broadcast_to(out.shape)
            labels = self.features.of(features, out)
            self._weighs(spread, features.broadcast_to(out.shape), labels, shadow.calls)
            terms.append(spread)
        self._write(out, torch.stack(terms, dim=-1), "product", shadow.calls)
        return True

    def _towards(self, name: str, args: Any, out: Tensor) -> bool:
        """start + w * (end - start), in any order: the same selection, written out."""
        found = self.differences.between(name, args[0], args[1])
        return found is not None and self._lerp(*found, out)

    def _addcmul(self, start: Tensor, a: Tensor, b: Tensor, out: Tensor) -> bool:
        weight, features = (a, b) if self._role(a) == "attention" else (b, a)
        end = self.differences.end(features, start)
        if end is not None and self._lerp(start, end, weight, out):
            return True
        return self._multiply(a, b, out, onto=start)

    def _matrix(self, name: str, a: Any, b: Any, out: Tensor) -> bool:
        """Batched matrix product of one row (or column) of attention with rows of features."""
        attention_left = self._role(a) == "attention"
        attention = a if attention_left else b
        shadow = self.sources.find(attention)
        if shadow is None or shadow.role != "attention":
            return False
        if name == "mm" or attention.shape[1 if attention_left else 2] != 1:
            self._explain(shadow.calls, "it mixes positions or channels in a matrix product")
            return False
        features = b if attention_left else a
        if not self.features.has(features):
            self._explain(shadow.calls, "it multiplies weights, not features")
            return False
        sources = self.sources.read(attention)[..., 0]
        # To (N, summed, other): attention (N, M, 1), features (N, M, P).
        weights = sources.transpose(1, 2) if attention_left else sources
        aligned = features if attention_left else features.transpose(1, 2)
        spread = weights.expand(-1, -1, aligned.shape[2])
        labels = self.features.of(features, features)
        if isinstance(labels, Tensor) and not attention_left:
            labels = labels.transpose(1, 2)
        self._weighs(spread, aligned, labels, shadow.calls)
        if spread.shape[1] > MOST_TERMS:
            self._explain(shadow.calls, "it sums over more than the branches")
            return False
        terms = spread.transpose(1, 2).reshape(*out.shape, spread.shape[1])
        self._write(out, terms, "product", shadow.calls)
        return True

    def _scale(self, value: Tensor, other: Any, out: Tensor) -> bool:
        """Attention times numbers that do not depend on the input: it stays, with a note."""
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
        self._note(self.sources[value].calls, note)
        return self._pass_on(value, out, "attention")

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
            shadow, total = self.sources[value], self.sources[other]
            if shadow.calls != total.calls or len(total.calls) > 1:
                self._refuse(shadow.calls | total.calls, SHARED_SUM)
                return False
            for call in shadow.calls:
                self.calls[call].normalised = True
            return self._pass_on(value, out)
        if self._role(value) == "attention":
            return self._is_number(other) and self._scale(value, 1 / other, out)
        return self._keep(value, other, out) or self._change(value, other, out)

    def _change(self, product: Any, other: Any, out: Tensor) -> bool:
        """A weighted feature, or a changed weight, that is changed again pixel by pixel."""
        shadow = self.sources.find(product)
        if shadow is None or shadow.role == "total" or not self.features.has(other):
            return False
        if shadow.sources.shape[-1] > 1 or self._only_gates(shadow.calls):
            return False  # The sum over branches is complete, or there is none.
        return self._pass_on(product, out, "changed")

    def _add(self, a: Any, b: Any, out: Tensor) -> bool:
        first, second = self._role(a), self._role(b)
        if {first, second} <= {"attention", "total"}:
            return self._join(a, b, out, "total")
        if first == second == "changed":
            self._refuse(self.sources[a].calls & self.sources[b].calls, CHANGED)
            return False
        if first == second == "product":
            one, two = self.sources[a].calls, self.sources[b].calls
            if self._only_gates(one | two) and not one & two:
                # Gates of successive blocks, met in a residual stream.
                return self._pass_on(a if max(one) > max(two) else b, out)
            return self._join(a, b, out, "product")
        if self._is_number(b) or self._is_number(a):
            return self._shift(a, b, out) or self._shift(b, a, out)
        for value, role in ((a, first), (b, second)):
            if role == "product" and (first is None or second is None):
                if self.sources[value].sources.shape[-1] > 1:
                    return False  # The sum over branches is complete: what follows is another.
                return self._pass_on(value, out)
        return False

    def _join(self, a: Tensor, b: Tensor, out: Tensor, role: str) -> bool:
        """A sum over branches; or "total", of weights, which they may be divided by."""
        terms = torch.cat((self._spread(a, out), self._spread(b, out)), dim=-1)
        if terms.shape[-1] > MOST_TERMS:
            return False
        self._write(out, terms, role, self.sources[a].calls | self.sources[b].calls)
        return True

    def _complement(self, value: Any, other: Any, out: Tensor) -> bool:
        """1 minus a weight: the other branch of a selection between two."""
        shadow = self.sources.find(value)
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        if not _is_one(other):
            return False
        self._write(out, self._others(value), "attention", shadow.calls)
        return True

    def _others(self, value: Tensor) -> Tensor:
        """Sources of 1 minus the weights of a tensor that holds those of one call."""
        call = self.calls[next(iter(self.sources[value].calls))]
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
        if name == "mean" and shadow.role != "product":
            return False
        role = "product" if shadow.role == "product" else "total"
        self._write(out, summed, role, shadow.calls)
        return True


def _is_shared(attention: Tensor, features: Tensor, images: int) -> bool:
    """Whether all weights of an image multiply the same numbers, which differ by pixel.

    Then those are a map that changes the weights, and no features of their channels.
    """
    sizes = [1] * max(0, attention.ndim - features.ndim) + list(features.shape)
    pairs = zip(attention.shape, sizes[len(sizes) - attention.ndim :], strict=True)
    free = math.prod(weights for weights, numbers in pairs if numbers == 1)
    return free > 1 and attention.numel() // free <= images < features.numel()


def _is_one(value: Any) -> bool:
    """Whether a value is 1, or a tensor of nothing but ones."""
    if isinstance(value, Tensor):
        return bool((value == 1).all())
    return isinstance(value, int | float) and value == 1
