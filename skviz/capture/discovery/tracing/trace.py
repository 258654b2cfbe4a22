"""One forward pass, watched: every attention, what it multiplies, and what that was made of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skviz.capture.discovery.tracing import operations as op
from skviz.capture.discovery.tracing.arithmetic import Arithmetic
from skviz.capture.discovery.tracing.by_hand import ByHand
from skviz.capture.discovery.tracing.calls import MOST_WEIGHTS, Call, Key
from skviz.capture.discovery.tracing.element_sources import storage_key
from skviz.capture.discovery.tracing.ledger import Ledger
from skviz.capture.stack import ModuleStack
from skviz.hooks import Stop


class Trace(Arithmetic, TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches a forward pass; `calls` lists the attentions in the order of execution.

    `images` is how many the pass is about. With `wanted` it only lists the attentions, does not
    look at what becomes of them, and ends the pass when all that are wanted have been.
    """

    def __init__(
        self,
        stack: ModuleStack,
        inputs: Iterable[Tensor],
        images: int,
        wanted: set[Key] | None = None,
    ) -> None:
        TorchDispatchMode.__init__(self)  # type: ignore[no-untyped-call]
        Ledger.__init__(self, stack, inputs, images)
        self.follow = wanted is None
        self._waiting = set(wanted or ())
        self._next = 0
        self.by_hand = ByHand()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = op.operation_name(func)
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        axis = self.by_hand.axis(name, args)
        result = func(*args, **kwargs)
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if not outputs:
            return result
        known = {storage_key(tensor) for tensor in inputs}
        mutates = bool(func._schema.is_mutable)
        if all(storage_key(out) in known for out in outputs) and not mutates:
            return result  # A view: its storage has its label and shadow.
        if outputs[0].is_floating_point() or outputs[0].is_complex():
            if self._role(args[0]) is None:
                self.by_hand.remember(name, args, outputs[0])
            if self.follow and name == "sub" and all(map(self.features.has, args[:2])):
                self.differences.add(args[0], args[1], outputs[0])
            if name in op.WATCHED:
                self._attention(name, args, kwargs, outputs[0], axis)
            elif self.follow:
                self._trace(func, name, args, kwargs, outputs[0], mutates)
            self.features.update(func, name, args, kwargs, inputs, outputs)
        return result

    def _attention(self, name: str, args: Any, kwargs: Any, out: Tensor, axis: int | None) -> None:
        index = self.stack.count(name)
        if name in op.SOFTMAX:
            axis = args[1] if len(args) > 1 else kwargs["dim"]
        elif name in op.BY_HAND and axis is None:
            if self.follow and name == "div":
                self._trace(None, name, args, kwargs, out, False)
            elif self.follow:
                self.sources.drop(out)
            return
        elif name in op.SIGMOID and _per_pixel(out):
            self.sources.drop(out)
            return
        if out.ndim == 0:
            return
        innermost = self.stack.frames[-1]
        sources = 2 * out.numel() + 1 if self.follow and out.numel() <= MOST_WEIGHTS else 0
        call = Call(
            key=(innermost.path, innermost.call, name, index),
            axis=None if axis is None else axis % out.ndim,
            shape=tuple(out.shape),
            values=(out.detach() if out.numel() <= MOST_WEIGHTS else out.new_zeros(1)).clone(),
            start=self._next,
            where=self.stack.where,
            follows_input=any(self.features.has(a) for a in args if isinstance(a, Tensor)),
            labels=torch.full((sources,), -1, dtype=torch.int32, device=out.device),
            alive=torch.zeros(sources, dtype=torch.bool, device=out.device),
            extremes=_no_extremes(sources, out),
        )
        self.calls.append(call)
        if not self.follow:
            self._waiting.discard(call.key)
            if not self._waiting:
                raise Stop
        self._next += 2 * call.size
        if call.size > MOST_WEIGHTS:
            call.reasons.append("it has more weights than branches and channels can have")
        elif self.follow:
            numbers = torch.arange(1, call.size + 1, dtype=torch.int32, device=out.device)
            numbers = numbers.reshape(*out.shape, 1) + call.start
            self.sources.drop(out)
            self.sources.write(out, numbers, "attention", frozenset([len(self.calls) - 1]))

    def _trace(
        self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor, mutates: bool
    ) -> None:
        tagged = [
            leaf for leaf in tree_leaves((args, kwargs)) if self.sources.find(leaf) is not None
        ]
        if not tagged:
            return
        if not mutates:
            self.sources.drop(out)
        try:
            done = self._shadow(func, name, args, kwargs, out)
        except (RuntimeError, IndexError, TypeError, ValueError):
            done = False  # An unusual use: the numbers are no longer followed from here.
        if done:
            return
        if mutates:
            self.sources.drop(out)
        for tensor in tagged:
            shadow = self.sources.find(tensor)
            if shadow is not None and shadow.role == "attention":
                for call in shadow.calls:
                    self.calls[call].lost.append(name)

    def _shadow(self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor) -> bool:
        if name in op.REARRANGING or name in op.RESAMPLING:
            return self._rearrange(func, name, args, kwargs, out)
        if name == "mul":
            return self._multiply(args[0], args[1], out)
        if name == "div":
            return self._divide(args[0], args[1], out)
        if name == "sub" and self._role(args[1]) == "attention":
            return self._complement(args[1], args[0], out)
        if name in ("add", "sub"):
            return self._towards(name, args, out) or self._add(args[0], args[1], out)
        if name == "lerp":
            return self._lerp(args[0], args[1], args[2], out)
        if name == "rsub":
            return self._complement(args[0], args[1], out)
        if name == "addcmul":
            return self._addcmul(args[0], args[1], args[2], out)
        if name in ("clamp", "clamp_min") and self._role(args[0]) == "total":
            return self._keep(args[0], 0.0, out)
        if name in ("sum", "mean") and len(args) > 1:
            return self._sum(name, args[0], args[1], out)
        if name == "linalg_vector_norm" and len(args) > 2 and args[1] == 1:
            return self._role(args[0]) == "attention" and self._sum(name, args[0], args[2], out)
        if name in ("bmm", "mm"):
            return self._matrix(name, args[0], args[1], out)
        return False

    def _rearrange(self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor) -> bool:
        if name == "copy":
            return self.sources.find(args[1]) is not None and self._pass_on(args[1], out)
        values, rest = op.rearranged_values(name, args)
        found = [self.sources.find(v) for v in values]
        roles = {shadow.role for shadow in found if shadow}
        if len(roles) != 1:
            return False
        if name in op.RESAMPLING and any(n > 1 for n in values[0].shape[2:]):
            return False
        terms = max(shadow.sources.shape[-1] for shadow in found if shadow)
        columns = []
        for term in range(terms):
            moved = [self._column(v, term) for v in values]
            columns.append(op.rearranged(func, name, moved, rest, args, kwargs, out))
        calls = frozenset[int]().union(*(shadow.calls for shadow in found if shadow))
        self._write(out, torch.stack(columns, dim=-1), roles.pop(), calls)
        return True


def _no_extremes(count: int, like: Tensor) -> Tensor:
    """For the largest and the smallest of no numbers, shape (2, count)."""
    ends = torch.tensor([[-math.inf], [math.inf]], dtype=torch.float32, device=like.device)
    return ends.repeat(1, count)


def _per_pixel(out: Tensor) -> bool:
    return out.ndim >= 4 and out.shape[-1] > 1 and out.shape[-2] > 1
