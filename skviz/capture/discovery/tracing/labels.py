"""What feature maps are made of: the label of every tensor that depends on the input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from skviz.capture.discovery.tracing import operations as op
from skviz.capture.discovery.tracing.element_sources import (
    storage_key,
    storage_length,
    strided_like,
)
from skviz.capture.discovery.tracing.graph import Convolution, Graph, Node

MIXING = {"addmm", "bmm", "linear", "matmul", "mm"}


class FeatureLabels:
    """Labels of storages: one for the whole, or one for each number where they differ.

    A storage without a label does not depend on the input. See `graph.py`.
    """

    def __init__(self, inputs: Iterable[Tensor]) -> None:
        self.graph = Graph()
        self._labels: dict[int, int | Tensor] = {}
        for tensor in inputs:
            self._labels[storage_key(tensor)] = self.graph.add(Node("input"))

    def has(self, value: Any) -> bool:
        """Whether a value is a tensor that depends on the input."""
        label = self._labels.get(storage_key(value)) if isinstance(value, Tensor) else None
        return isinstance(label, Tensor) or (label is not None and label >= 0)

    def of(self, value: Tensor, out: Tensor) -> int | Tensor:
        """Label of a tensor, or of each of its numbers, in the shape of `out`."""
        label = self._labels[storage_key(value)]
        if isinstance(label, int):
            return label
        return strided_like(label, value)[..., 0].broadcast_to(out.shape)

    def update(
        self, func: Any, name: str, args: Any, kwargs: Any, inputs: Any, outputs: list[Tensor]
    ) -> None:
        """Label what an operation made."""
        out = outputs[0]
        made = name in op.FACTORIES  # `zeros_like(x)` has the shape of x, and nothing else.
        labelled = [tensor for tensor in inputs if self.has(tensor) and not made]
        mutates = bool(func._schema.is_mutable)
        if not labelled:
            if not mutates:
                for tensor in outputs:
                    self._labels.pop(storage_key(tensor), None)
            return
        label: int | Tensor
        if name in op.CONVOLUTIONS and self.has(args[0]):
            parents = tuple(self._labels_in(args[0]))
            label = self.graph.add(Node("convolution", parents, _convolution(name, args, kwargs)))
        elif name in op.REARRANGING:
            label = self._rearranged_label(func, name, args, kwargs, out)
        elif "pool" not in name and name not in MIXING:
            label = self._pointwise_label(name, labelled, out)
        else:
            label = self._other(name, labelled)
        for tensor in outputs:
            if mutates and tensor.numel() < storage_length(tensor):
                self._set_part(tensor, label)
            elif isinstance(label, int):
                self._labels[storage_key(tensor)] = label
            elif tensor is out:
                self._set_part(tensor, label, fresh=True)

    def _labels_in(self, value: Tensor) -> list[int]:
        label = self.of(value, value)
        if isinstance(label, int):
            return [label]
        # Counting is faster than sorting; -1 stands for none.
        counts = torch.bincount(label.reshape(-1) + 1)[1:]
        found: list[int] = counts.nonzero()[:, 0].tolist()
        return found

    def _other(self, name: str, labelled: list[Tensor]) -> int:
        parents = {label for tensor in labelled for label in self._labels_in(tensor)}
        return self.graph.add(Node("other", tuple(sorted(parents)), name=name))

    def _pointwise_label(self, name: str, labelled: list[Tensor], out: Tensor) -> int | Tensor:
        # What is spread over the pixels (a gate, a statistic) does not make the feature.
        full = [tensor for tensor in labelled if tensor.shape == out.shape]
        if not full:
            return self._other(name, labelled)
        labels = [self.of(tensor, out) for tensor in full]
        merged = labels[0]
        for label in labels[1:]:
            merged = self._merge_labels(merged, label)
        return merged

    def _merge_labels(self, one: int | Tensor, two: int | Tensor) -> int | Tensor:
        """Labels of numbers that depend on both, element by element."""
        if isinstance(one, int) and isinstance(two, int):
            return self.graph.merge(label for label in (one, two) if label >= 0)
        like = one if isinstance(one, Tensor) else two
        assert isinstance(like, Tensor)
        first, second = (
            label if isinstance(label, Tensor) else torch.full_like(like, label)
            for label in (one, two)
        )
        if torch.equal(first, second):
            return first
        count = len(self.graph.nodes) + 1
        pairs = (first.long() + 1) * count + (second.long() + 1)
        kinds, where = torch.unique(pairs, return_inverse=True)
        merged = []
        for pair in kinds.tolist():
            parents = [label - 1 for label in divmod(pair, count) if label > 0]
            merged.append(self.graph.merge(parents) if parents else -1)
        lookup = torch.tensor(merged, dtype=torch.int32, device=like.device)
        return lookup[where].reshape(like.shape)

    def _rearranged_label(
        self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor
    ) -> int | Tensor:
        values, rest = op.rearranged_values(name, args)
        if name == "copy":
            values = [args[1]]
        known = [self.of(v, v) if self.has(v) else -1 for v in values]
        if all(isinstance(label, int) for label in known) and len(set(known)) == 1:
            return known[0]
        if name == "copy":
            return self.of(values[0], out) if self.has(values[0]) else -1
        moved = [
            label.to(torch.int32)
            if isinstance(label, Tensor)
            else torch.full(v.shape, label, dtype=torch.int32, device=v.device)
            for v, label in zip(values, known, strict=True)
        ]
        try:
            return op.rearranged(func, name, moved, rest, args, kwargs, out)
        except (RuntimeError, IndexError, TypeError):
            return self._other(name, [v for v in values if self.has(v)])

    def _set_part(self, tensor: Tensor, label: int | Tensor, fresh: bool = False) -> None:
        """Set the label of a part of a storage."""
        key = storage_key(tensor)
        whole = None if fresh else self._labels.get(key)
        if not isinstance(whole, Tensor):
            before = whole if whole is not None else -1
            whole = torch.full(
                (storage_length(tensor), 1), before, dtype=torch.int32, device=tensor.device
            )
        region = strided_like(whole, tensor)[..., 0]
        if isinstance(label, Tensor):
            region.copy_(label.broadcast_to(region.shape))
        else:
            region.fill_(label)
        self._labels[key] = whole


def _convolution(name: str, args: Any, kwargs: Any) -> Convolution:
    weight = args[1]
    names = ("input", "weight", "bias", "stride", "padding", "dilation")
    tail = ("transposed", "output_padding", "groups") if "convolution" in name else ("groups",)
    given = dict(zip((*names, *tail), args, strict=False)) | kwargs
    axes = weight.ndim - 2

    def per_axis(value: Any) -> tuple[int, ...]:
        values = [value] if isinstance(value, int) else list(value or [1])
        return tuple(values * axes if len(values) == 1 else values)

    return Convolution(
        size=tuple(weight.shape[2:]),
        dilation=per_axis(given.get("dilation", 1)),
        stride=per_axis(given.get("stride", 1)),
        groups=int(given.get("groups", 1)),
        transposed=bool(given.get("transposed", False)),
        images=int(args[0].shape[0]) if args[0].ndim == weight.ndim else 1,
    )
