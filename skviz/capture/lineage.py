"""One forward pass, watched: every attention, what it multiplies, and what that was made of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skviz.capture import operations as op
from skviz.capture.labels import FeatureLabels
from skviz.capture.shadows import Shadows, storage_key
from skviz.capture.stack import ModuleStack

# More terms than this in a sum are no selection between branches.
MOST_TERMS = 64
# Nor are more weights than this, for two images, weights of branches and channels.
MOST_WEIGHTS = 2**23


@dataclass
class Call:
    """One call of a softmax or sigmoid: where it ran, on what, and what became of it.

    `key` tells the same call of another pass (module, call of the module, operation, index).
    `axis` is the softmax's own axis, None for a sigmoid. Numbers of the result have the
    sources `start + 1` to `start + size`; those of 1 minus the result follow.
    """

    key: tuple[str, int, str, int]
    axis: int | None
    shape: tuple[int, ...]
    values: Tensor
    start: int
    where: tuple[tuple[str, int], ...]
    follows_input: bool
    labels: Tensor
    alive: Tensor
    selected_in: tuple[tuple[str, int], ...] | None = None
    selection: Tensor | None = None
    terms: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many numbers the result holds."""
        return math.prod(self.shape)

    @property
    def is_gate(self) -> bool:
        """Whether it is a sigmoid, not a softmax."""
        return self.axis is None


class Lineage(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches a forward pass; `calls` lists the attentions in the order of execution.

    Without `follow` it only lists them, and does not look at what becomes of them.
    """

    def __init__(self, stack: ModuleStack, inputs: Iterable[Tensor], follow: bool = True) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stack = stack
        self.follow = follow
        self.calls: list[Call] = []
        self.features = FeatureLabels(inputs)
        self.shadows = Shadows()
        self._next = 0
        # Storages that hold an exponential, and the sums over them: a softmax by hand.
        self._exponentials: dict[int, Tensor] = {}
        self._sums: dict[int, tuple[int, int]] = {}
        self._log_softmax: dict[int, tuple[Tensor, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = op.operation_name(func)
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        axis = self._axis_by_hand(name, args)
        result = func(*args, **kwargs)
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        if not outputs:
            return result
        known = {storage_key(tensor) for tensor in inputs}
        mutates = bool(func._schema.is_mutable)
        if all(storage_key(out) in known for out in outputs) and not mutates:
            return result  # A view: its storage has its label and shadow.
        if outputs[0].is_floating_point() or outputs[0].is_complex():
            self._remember_by_hand(name, args, outputs[0])
            if name in op.WATCHED:
                self._attention(name, args, kwargs, outputs[0], axis)
            elif self.follow:
                self._trace(func, name, args, kwargs, outputs[0], mutates)
            self.features.update(func, name, args, kwargs, inputs, outputs)
        return result

    # Attention: the calls themselves.

    def _attention(self, name: str, args: Any, kwargs: Any, out: Tensor, axis: int | None) -> None:
        index = self.stack.count(name)
        if name in op.SOFTMAX:
            axis = args[1] if len(args) > 1 else kwargs["dim"]
        elif name in op.BY_HAND and axis is None:
            if self.follow and name == "div":
                self._trace(None, name, args, kwargs, out, False)
            elif self.follow:
                self.shadows.drop(out)
            return
        elif name in op.SIGMOID and _per_pixel(out):
            self.shadows.drop(out)
            return
        if out.ndim == 0:
            return
        innermost = self.stack.frames[-1]
        sources = 2 * out.numel() + 1 if self.follow and out.numel() <= MOST_WEIGHTS else 0
        call = Call(
            key=(innermost.path, innermost.call, name, index),
            axis=None if axis is None else axis % out.ndim,
            shape=tuple(out.shape),
            values=out.detach().clone(),
            start=self._next,
            where=self.stack.where,
            follows_input=any(self.features.has(a) for a in args if isinstance(a, Tensor)),
            labels=torch.full((sources,), -1, dtype=torch.int32, device=out.device),
            alive=torch.zeros(sources, dtype=torch.bool, device=out.device),
        )
        self.calls.append(call)
        self._next += 2 * call.size
        if call.size > MOST_WEIGHTS:
            call.reasons.append("it has more weights than branches and channels can have")
        elif self.follow:
            numbers = torch.arange(1, call.size + 1, dtype=torch.int32, device=out.device)
            numbers = numbers.reshape(*out.shape, 1) + call.start
            self.shadows.drop(out)
            self.shadows.write(out, numbers, "attention", frozenset([len(self.calls) - 1]))

    def _axis_by_hand(self, name: str, args: Any) -> int | None:
        """The axis, if this operation ends a softmax written as exp(x) / exp(x).sum(axis)."""
        if name == "exp" and isinstance(args[0], Tensor):
            found = self._log_softmax.get(storage_key(args[0]))
            return found[1] if found and found[0].shape == args[0].shape else None
        if name != "div" or not all(isinstance(a, Tensor) for a in args[:2]):
            return None
        numerator, denominator = storage_key(args[0]), self._sums.get(storage_key(args[1]))
        if denominator is None or denominator[0] != numerator:
            return None
        axis = denominator[1]
        broadcasts = args[1].ndim == args[0].ndim and args[1].shape[axis] == 1
        return axis if broadcasts else None

    def _remember_by_hand(self, name: str, args: Any, out: Tensor) -> None:
        if name == "exp":
            self._exponentials[storage_key(out)] = out
        elif name == "_log_softmax":
            self._log_softmax[storage_key(out)] = (out, args[1] % out.ndim)
        elif name == "sum" and len(args) > 1 and isinstance(args[1], list | tuple):
            source = self._exponentials.get(storage_key(args[0]))
            if source is not None and len(args[1]) == 1 and source.shape == args[0].shape:
                self._sums[storage_key(out)] = (storage_key(args[0]), args[1][0] % source.ndim)

    # What becomes of an attention.

    def _trace(
        self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor, mutates: bool
    ) -> None:
        tagged = [
            leaf
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, Tensor) and self.shadows.find(leaf) is not None
        ]
        if not tagged:
            return
        fresh = not mutates
        if fresh:
            self.shadows.drop(out)
        try:
            done = self._shadow(func, name, args, kwargs, out)
        except (RuntimeError, IndexError, TypeError, ValueError):
            done = False  # An unusual use: the numbers are no longer followed from here.
        if not done and mutates and self.shadows.find(out) is not None:
            self.shadows.drop(out)

    def _shadow(self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor) -> bool:
        if name in op.REARRANGING or name in op.RESAMPLING:
            return self._rearrange(func, name, args, kwargs, out)
        if name == "mul":
            return self._multiply(args[0], args[1], out)
        if name == "div":
            return self._keep(args[0], args[1], out)
        if name == "sub" and self._role(args[1]) == "attention":
            return self._complement(args[1], args[0], out)
        if name in ("add", "sub"):
            return self._add(args[0], args[1], out)
        if name == "lerp":
            return self._lerp(args[0], args[1], args[2], out)
        if name == "rsub":
            return self._complement(args[0], args[1], out)
        if name == "addcmul":
            return self._multiply(args[1], args[2], out, onto=args[0])
        if name in ("sum", "mean") and len(args) > 1:
            return self._sum(args[0], args[1], kwargs, args, out)
        if name in ("bmm", "mm"):
            return self._matrix(name, args[0], args[1], out)
        return False

    def _role(self, value: Any) -> str | None:
        shadow = self.shadows.find(value) if isinstance(value, Tensor) else None
        return shadow.role if shadow else None

    def _keep(self, value: Any, other: Any, out: Tensor) -> bool:
        """Scaled or shifted by one constant number: the sources stay."""
        shadow = self.shadows.find(value) if isinstance(value, Tensor) else None
        if shadow is None or not _is_number(other):
            return False
        self._write(out, self.shadows.read(value), shadow.role, shadow.calls)
        return True

    def _multiply(self, a: Any, b: Any, out: Tensor, onto: Tensor | None = None) -> bool:
        if self._role(a) != "attention" or (self._role(b) == "attention" and self._softer(a, b)):
            a, b = b, a
        if self._role(a) == "product" and onto is None:
            return self._keep(a, b, out)
        if self._role(a) != "attention":
            return False
        if onto is None and self._keep(a, b, out):
            return True
        shadow = self.shadows.find(a)
        assert shadow is not None
        sources = self.shadows.read(a)
        if self._role(b) == "attention":  # A gate on the attention: it stays at its place.
            if a.shape != out.shape:
                return False
            self._write(out, sources, "attention", shadow.calls)
            return True
        if not self.features.has(b):
            self._explain(shadow.calls, "it multiplies weights, not features")
            return False
        only_gates = all(self.calls[call].is_gate for call in shadow.calls)
        spread = sources[..., 0].broadcast_to(out.shape)
        if only_gates and len(torch.unique(sources)) * 2 > out.numel():
            return False  # Number by number, such as x * sigmoid(x): no gate on a feature map.
        self._weighs(spread, b.broadcast_to(out.shape), self.features.of(b, out), shadow.calls)
        product = spread.unsqueeze(-1)
        calls = shadow.calls
        if onto is not None and self._role(onto) == "product":
            before = self.shadows.find(onto)
            assert before is not None
            product = torch.cat((self.shadows.read(onto), product), dim=-1)
            calls = calls | before.calls
        self._write(out, product, "product", calls)
        return True

    def _softer(self, a: Tensor, b: Tensor) -> bool:
        """Whether b is a softmax and a only a gate on it."""
        first, second = self.shadows.find(a), self.shadows.find(b)
        assert first is not None
        assert second is not None
        return all(self.calls[c].is_gate for c in first.calls) and any(
            not self.calls[c].is_gate for c in second.calls
        )

    def _add(self, a: Any, b: Any, out: Tensor) -> bool:
        first, second = self._role(a), self._role(b)
        if first == second == "product":
            one, two = self.shadows.find(a), self.shadows.find(b)
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
        if _is_number(b) or _is_number(a):
            return self._keep(a, b, out) or self._keep(b, a, out)
        for value, role in ((a, first), (b, second)):
            if role == "product" and (first is None or second is None):
                shadow = self.shadows.find(value)
                assert shadow is not None
                if shadow.sources.shape[-1] > 1:
                    return False  # The sum over branches is complete: what follows is another.
                self._write(out, self._spread(value, out), "product", shadow.calls)
                return True
        return False

    def _complement(self, value: Any, other: Any, out: Tensor) -> bool:
        """1 minus a gate, or a weight of two: the other branch of a selection between two."""
        shadow = self.shadows.find(value) if isinstance(value, Tensor) else None
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        call = self.calls[next(iter(shadow.calls))]
        two = call.axis is None or call.shape[call.axis] == 2
        if not two or not _is_one(other):
            return False
        sources = self.shadows.read(value)
        self._write(out, sources + (sources > 0) * call.size, "attention", shadow.calls)
        return True

    def _lerp(self, start: Tensor, end: Tensor, weight: Any, out: Tensor) -> bool:
        """(1 - w) * start + w * end: a selection between two, with a gate w."""
        shadow = self.shadows.find(weight) if isinstance(weight, Tensor) else None
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        call = self.calls[next(iter(shadow.calls))]
        if not (call.is_gate and self.features.has(start) and self.features.has(end)):
            return False
        sources = self.shadows.read(weight)[..., 0]
        terms = []
        for features, found in ((end, sources), (start, sources + (sources > 0) * call.size)):
            spread = found.broadcast_to(out.shape)
            labels = self.features.of(features, out)
            self._weighs(spread, features.broadcast_to(out.shape), labels, shadow.calls)
            terms.append(spread)
        self._write(out, torch.stack(terms, dim=-1), "product", shadow.calls)
        return True

    def _sum(self, value: Any, dims: Any, kwargs: Any, args: Any, out: Tensor) -> bool:
        shadow = self.shadows.find(value)
        if shadow is None or shadow.role != "product" or dims is None:
            return False
        sources = self.shadows.read(value)
        axes = sorted({dim % value.ndim for dim in ([dims] if isinstance(dims, int) else dims)})
        terms = math.prod(value.shape[axis] for axis in axes) * sources.shape[-1]
        if not axes or terms > MOST_TERMS:
            return False
        moved = sources.movedim(axes, list(range(value.ndim - len(axes), value.ndim)))
        summed = moved.reshape(*(n for i, n in enumerate(value.shape) if i not in axes), terms)
        self._write(out, summed.reshape(*out.shape, terms), "product", shadow.calls)
        return True

    def _matrix(self, name: str, a: Any, b: Any, out: Tensor) -> bool:
        """Batched matrix product of one row (or column) of attention with rows of features."""
        attention_left = self._role(a) == "attention"
        attention = a if attention_left else b
        shadow = self.shadows.find(attention)
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
        sources = self.shadows.read(attention)[..., 0]
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

    def _rearrange(self, func: Any, name: str, args: Any, kwargs: Any, out: Tensor) -> bool:
        if name == "copy":
            return self._copy(args[0], args[1], out)
        values, rest = op.rearranged_values(name, args)
        found = [self.shadows.find(v) for v in values]
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

    def _copy(self, target: Tensor, source: Tensor, out: Tensor) -> bool:
        shadow = self.shadows.find(source)
        if shadow is None:
            return False
        sources = self.shadows.read(source)
        shape = (*out.shape, sources.shape[-1])
        self._write(out, sources.broadcast_to(shape), shadow.role, shadow.calls)
        return True

    def _column(self, value: Tensor, term: int) -> Tensor:
        shadow = self.shadows.find(value)
        if shadow is None or term >= shadow.sources.shape[-1]:
            return torch.zeros(value.shape, dtype=torch.int32, device=value.device)
        return self.shadows.read(value)[..., term]

    def _spread(self, value: Tensor, out: Tensor) -> Tensor:
        sources = self.shadows.read(value)
        return sources.broadcast_to((*out.shape, sources.shape[-1]))

    def _write(self, out: Tensor, sources: Tensor, role: str, calls: frozenset[int]) -> None:
        self.shadows.write(out, sources, role, calls)
        if role != "product":
            return
        for index in calls:
            call = self.calls[index]
            inside = (sources > call.start) & (sources <= call.start + 2 * call.size)
            terms = int(inside.sum(-1).max())
            if terms > call.terms:
                call.terms, call.selection = terms, self.shadows.read(out)
                call.selected_in = self.stack.where

    def _weighs(
        self,
        sources: Tensor,
        features: Tensor,
        labels: int | Tensor,
        calls: frozenset[int],
    ) -> None:
        """Note for each number of an attention what it multiplies, and whether that is alive."""
        nonzero = features != 0
        for index in calls:
            call = self.calls[index]
            local = sources.long() - call.start
            inside = (local > 0) & (local <= 2 * call.size)
            chosen = local[inside]
            call.alive[local[inside & nonzero]] = True
            if isinstance(labels, Tensor):
                call.labels[chosen] = labels.broadcast_to(sources.shape)[inside]
            else:
                call.labels[chosen] = labels

    def _explain(self, calls: Iterable[int], reason: str) -> None:
        for index in calls:
            if reason not in self.calls[index].reasons:
                self.calls[index].reasons.append(reason)


def _is_number(value: Any) -> bool:
    """Whether a value is one constant: a Python number, or a tensor of a single element."""
    return isinstance(value, int | float) or (isinstance(value, Tensor) and value.ndim == 0)


def _is_one(value: Any) -> bool:
    """Whether a value is 1, or a tensor of nothing but ones."""
    if isinstance(value, Tensor):
        return bool((value == 1).all())
    return isinstance(value, int | float) and value == 1


def _per_pixel(out: Tensor) -> bool:
    return out.ndim >= 4 and out.shape[-1] > 1 and out.shape[-2] > 1
