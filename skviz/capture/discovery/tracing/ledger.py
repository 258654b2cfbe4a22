"""The book that a traced pass keeps: sources of numbers, and notes on the calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from skviz.capture.discovery.tracing.by_hand import Differences
from skviz.capture.discovery.tracing.calls import Call
from skviz.capture.discovery.tracing.element_sources import ElementSources
from skviz.capture.discovery.tracing.labels import FeatureLabels
from skviz.capture.stack import ModuleStack


class Ledger:
    """What is known of a forward pass: the sources of its numbers, and what became of the calls."""

    def __init__(self, stack: ModuleStack, inputs: Iterable[Tensor], images: int) -> None:
        self.stack = stack
        self.images = images
        self.calls: list[Call] = []
        self.features = FeatureLabels(inputs)
        self.sources = ElementSources()
        self.differences = Differences()

    def _role(self, value: Any) -> str | None:
        shadow = self.sources.find(value)
        return shadow.role if shadow else None

    def _is_number(self, value: Any) -> bool:
        """Whether a value is a single number that does not depend on the input."""
        if isinstance(value, Tensor):
            return value.numel() == 1 and not self.features.has(value)
        return isinstance(value, int | float)

    def _keep(self, value: Any, other: Any, out: Tensor) -> bool:
        """Scaled or shifted by one constant number: the sources stay."""
        known = self.sources.find(value) is not None and self._is_number(other)
        return known and self._pass_on(value, out)

    def _pass_on(self, value: Tensor, out: Tensor, role: str | None = None) -> bool:
        """The numbers of `out` have the sources of those of `value`."""
        shadow = self.sources[value]
        self._write(out, self._spread(value, out), role or shadow.role, shadow.calls)
        return True

    def _only_gates(self, calls: Iterable[int]) -> bool:
        return all(self.calls[call].is_gate for call in calls)

    def _softer(self, a: Tensor, b: Tensor) -> bool:
        """Whether b is a softmax and a only a gate on it."""
        one, two = self.sources[a].calls, self.sources[b].calls
        return self._only_gates(one) and not self._only_gates(two)

    def _spread(self, value: Tensor, out: Tensor) -> Tensor:
        sources = self.sources.read(value)
        return sources.broadcast_to((*out.shape, sources.shape[-1]))

    def _column(self, value: Tensor, term: int) -> Tensor:
        shadow = self.sources.find(value)
        if shadow is None or term >= shadow.sources.shape[-1]:
            return torch.zeros(value.shape, dtype=torch.int32, device=value.device)
        return self.sources.read(value)[..., term]

    def _write(self, out: Tensor, sources: Tensor, role: str, calls: frozenset[int]) -> None:
        self.sources.write(out, sources, role, calls)
        if role != "product":
            return
        for index in calls:
            call = self.calls[index]
            inside = (sources > call.start) & (sources <= call.start + 2 * call.size)
            terms = int(inside.sum(-1).max())
            if terms > call.terms:
                call.terms, call.selection = terms, self.sources.read(out)
                call.selected_in = self.stack.where

    def _weighs(
        self,
        sources: Tensor,
        features: Tensor,
        labels: int | Tensor,
        calls: frozenset[int],
    ) -> None:
        """Note for each number of an attention what it multiplies, and whether that is alive."""
        # Over the pixels a weight is only spread: they are looked at together.
        pixels = [a for a, n in enumerate(sources.shape) if n > 1 and sources.stride(a) == 0]
        of_each = labels if isinstance(labels, Tensor) else torch.tensor(labels)
        of_each = of_each.to(sources.device).broadcast_to(sources.shape)
        largest, smallest = features, features
        if pixels:
            largest, smallest = features.amax(pixels), features.amin(pixels)
            of_each = of_each.amax(pixels) if isinstance(labels, Tensor) else of_each
            for axis in reversed(pixels):
                sources = sources.select(axis, 0)
                of_each = of_each if isinstance(labels, Tensor) else of_each.select(axis, 0)
        nonzero = (largest != 0) | (smallest != 0)
        for index in calls:
            call = self.calls[index]
            local = sources.long() - call.start
            inside = (local > 0) & (local <= 2 * call.size)
            chosen = local[inside]
            call.alive[local[inside & nonzero]] = True
            call.extremes[0].scatter_reduce_(0, chosen, largest[inside].float(), "amax")
            call.extremes[1].scatter_reduce_(0, chosen, smallest[inside].float(), "amin")
            call.labels[chosen] = of_each[inside].to(call.labels.dtype)

    def _note(self, calls: Iterable[int], note: str) -> None:
        for index in calls:
            if note not in self.calls[index].notes:
                self.calls[index].notes.append(note)

    def _explain(self, calls: Iterable[int], reason: str) -> None:
        for index in calls:
            if reason not in self.calls[index].reasons:
                self.calls[index].reasons.append(reason)

    def _refuse(self, calls: Iterable[int], why: str) -> None:
        for call in calls:
            self.calls[call].refused = why
