"""Products of attention and features: where an attention weighs something."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from skviz.capture.discovery.tracing.calls import (
    CHANGED,
    MOST_TERMS,
)
from skviz.capture.discovery.tracing.sums import Sums


class Products(Sums):
    """Follows what attention is multiplied with, also in matrix products and interpolations."""

    def _multiply(self, a: Any, b: Any, out: Tensor, onto: Tensor | None = None) -> bool:
        if self._role(a) != "attention" or (self._role(b) == "attention" and self._softer(a, b)):
            a, b = b, a
        if self._role(a) in ("product", "changed", "total") and onto is None:
            return self._keep(a, b, out) or self._change(a, b, out)
        if self._role(b) in ("product", "changed") and self._role(a) is None and onto is None:
            return self._keep(b, a, out) or self._change(b, a, out)
        if self._role(a) != "attention":
            return False
        shadow = self.sources.find(a)
        assert shadow is not None
        if onto is None and self._scale(a, b, out):
            return True
        sources = self.sources.read(a)
        if self._role(b) == "attention":  # A gate on the attention: it stays at its place.
            if a.shape != out.shape:
                return False
            self._note(shadow.calls, "the weights are multiplied by a gate before they are used")
            self._write(out, sources, "attention", shadow.calls)
            return True
        if not self.features.has(b):
            self._explain(shadow.calls, "it multiplies weights, not features")
            return False
        if _is_shared(a, b, self.images):
            # One number for several channels, another for each pixel: a map that changes the
            # weights, and no features of their channels.
            self._refuse(shadow.calls, CHANGED)
            return False
        only_gates = all(self.calls[call].is_gate for call in shadow.calls)
        spread = sources[..., 0].broadcast_to(out.shape)
        if only_gates and len(torch.unique(sources)) * 2 > out.numel():
            return False  # Number by number, such as x * sigmoid(x): no gate on a feature map.
        self._weighs(spread, b.broadcast_to(out.shape), self.features.of(b, out), shadow.calls)
        product = spread.unsqueeze(-1)
        calls = shadow.calls
        if onto is not None and self._role(onto) == "product":
            before = self.sources.find(onto)
            assert before is not None
            product = torch.cat((self.sources.read(onto), product), dim=-1)
            calls = calls | before.calls
        self._write(out, product, "product", calls)
        self.differences.weigh(a, b, out)
        return True

    def _lerp(self, start: Tensor, end: Tensor, weight: Any, out: Tensor) -> bool:
        """(1 - w) * start + w * end: a selection between two, with a weight w."""
        shadow = self.sources.find(weight) if isinstance(weight, Tensor) else None
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
        assert shadow is not None
        if shadow.role != "attention":
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


def _is_shared(attention: Tensor, features: Tensor, images: int) -> bool:
    """Whether all weights of an image multiply the same numbers, which differ by pixel.

    Then those are a map that changes the weights, and no features of their channels.
    """
    sizes = [1] * max(0, attention.ndim - features.ndim) + list(features.shape)
    pairs = zip(attention.shape, sizes[len(sizes) - attention.ndim :], strict=True)
    free = math.prod(weights for weights, numbers in pairs if numbers == 1)
    return free > 1 and attention.numel() // free <= images < features.numel()
