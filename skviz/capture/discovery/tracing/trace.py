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

from skviz.capture.discovery.tracing import operations as op
from skviz.capture.discovery.tracing.by_hand import ByHand, Differences
from skviz.capture.discovery.tracing.element_sources import Shadows, storage_key
from skviz.capture.discovery.tracing.labels import FeatureLabels
from skviz.capture.stack import ModuleStack

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


class Enough(BaseException):
    """Ends a pass; no Exception, so that no network's own `except` swallows it."""


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


class Lineage(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches a forward pass; `calls` lists the attentions in the order of execution.

    `images` is how many the pass is about. With `wanted` it only lists the attentions, does not
    look at what becomes of them, and raises `Enough` when all that are wanted have been.
    """

    def __init__(
        self,
        stack: ModuleStack,
        inputs: Iterable[Tensor],
        images: int,
        wanted: set[Key] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stack = stack
        self.images = images
        self.follow = wanted is None
        self._waiting = set(wanted or ())
        self.calls: list[Call] = []
        self.features = FeatureLabels(inputs)
        self.shadows = Shadows()
        self._next = 0
        self.by_hand = ByHand()
        self.differences = Differences()

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
                raise Enough
        self._next += 2 * call.size
        if call.size > MOST_WEIGHTS:
            call.reasons.append("it has more weights than branches and channels can have")
        elif self.follow:
            numbers = torch.arange(1, call.size + 1, dtype=torch.int32, device=out.device)
            numbers = numbers.reshape(*out.shape, 1) + call.start
            self.shadows.drop(out)
            self.shadows.write(out, numbers, "attention", frozenset([len(self.calls) - 1]))

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
        if done:
            return
        if mutates and self.shadows.find(out) is not None:
            self.shadows.drop(out)
        for tensor in tagged:
            shadow = self.shadows.find(tensor)
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

    def _role(self, value: Any) -> str | None:
        shadow = self.shadows.find(value) if isinstance(value, Tensor) else None
        return shadow.role if shadow else None

    def _keep(self, value: Any, other: Any, out: Tensor) -> bool:
        """Scaled or shifted by one constant number: the sources stay."""
        shadow = self.shadows.find(value) if isinstance(value, Tensor) else None
        if shadow is None or not self._is_number(other):
            return False
        self._write(out, self._spread(value, out), shadow.role, shadow.calls)
        return True

    def _is_number(self, value: Any) -> bool:
        """Whether a value is a single number that does not depend on the input."""
        if isinstance(value, Tensor):
            return value.numel() == 1 and not self.features.has(value)
        return isinstance(value, int | float)

    def _multiply(self, a: Any, b: Any, out: Tensor, onto: Tensor | None = None) -> bool:
        if self._role(a) != "attention" or (self._role(b) == "attention" and self._softer(a, b)):
            a, b = b, a
        if self._role(a) in ("product", "changed", "total") and onto is None:
            return self._keep(a, b, out) or self._change(a, b, out)
        if self._role(b) in ("product", "changed") and self._role(a) is None and onto is None:
            return self._keep(b, a, out) or self._change(b, a, out)
        if self._role(a) != "attention":
            return False
        shadow = self.shadows.find(a)
        assert shadow is not None
        if onto is None and self._scale(a, b, out):
            return True
        sources = self.shadows.read(a)
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
            before = self.shadows.find(onto)
            assert before is not None
            product = torch.cat((self.shadows.read(onto), product), dim=-1)
            calls = calls | before.calls
        self._write(out, product, "product", calls)
        self.differences.weigh(a, b, out)
        return True

    def _scale(self, value: Tensor, other: Any, out: Tensor) -> bool:
        """Attention times numbers that do not depend on the input: it stays, with a note."""
        shadow = self.shadows.find(value)
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
        shadow = self.shadows.find(value) if kept else None
        if shadow is not None and shadow.role == "attention" and abs(float(number)) > NEGLIGIBLE:
            self._note(shadow.calls, f"{float(number):.4g} is added to the weights before use")
        return kept

    def _divide(self, value: Any, other: Any, out: Tensor) -> bool:
        """By one number; or by the sum of the weights, which normalises them."""
        if self._role(other) == "total" and self._role(value) in ("attention", "product"):
            shadow, total = self.shadows.find(value), self.shadows.find(other)
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
        shadow = self.shadows.find(product) if isinstance(product, Tensor) else None
        if shadow is None or shadow.role == "total" or not self.features.has(other):
            return False
        if shadow.sources.shape[-1] > 1 or all(self.calls[c].is_gate for c in shadow.calls):
            return False  # The sum over branches is complete, or there is none.
        self._write(out, self._spread(product, out), "changed", shadow.calls)
        return True

    def _refuse(self, calls: Iterable[int], why: str) -> None:
        for call in calls:
            self.calls[call].refused = why

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
        if {first, second} <= {"attention", "total"}:
            return self._total(a, b, out)
        if first == second == "changed":
            one, two = self.shadows.find(a), self.shadows.find(b)
            assert one is not None
            assert two is not None
            self._refuse(one.calls & two.calls, CHANGED)
            return False
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
        if self._is_number(b) or self._is_number(a):
            return self._shift(a, b, out) or self._shift(b, a, out)
        for value, role in ((a, first), (b, second)):
            if role == "product" and (first is None or second is None):
                shadow = self.shadows.find(value)
                assert shadow is not None
                if shadow.sources.shape[-1] > 1:
                    return False  # The sum over branches is complete: what follows is another.
                self._write(out, self._spread(value, out), "product", shadow.calls)
                return True
        return False

    def _total(self, a: Tensor, b: Tensor, out: Tensor) -> bool:
        """The sum of weights, which they may be divided by."""
        one, two = self.shadows.find(a), self.shadows.find(b)
        assert one is not None
        assert two is not None
        terms = torch.cat((self._spread(a, out), self._spread(b, out)), dim=-1)
        if terms.shape[-1] > MOST_TERMS:
            return False
        self._write(out, terms, "total", one.calls | two.calls)
        return True

    def _complement(self, value: Any, other: Any, out: Tensor) -> bool:
        """1 minus a weight: the other branch of a selection between two."""
        shadow = self.shadows.find(value) if isinstance(value, Tensor) else None
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        if not _is_one(other):
            return False
        self._write(out, self._others(value), "attention", shadow.calls)
        return True

    def _others(self, value: Tensor) -> Tensor:
        """Sources of 1 minus the weights of a tensor that holds those of one call."""
        shadow = self.shadows.find(value)
        assert shadow is not None
        call = self.calls[next(iter(shadow.calls))]
        sources = self.shadows.read(value)
        back = sources > call.start + call.size
        turned = torch.where(back, sources - call.size, sources + call.size)
        return torch.where(sources > 0, turned, 0).to(torch.int32)

    def _lerp(self, start: Tensor, end: Tensor, weight: Any, out: Tensor) -> bool:
        """(1 - w) * start + w * end: a selection between two, with a weight w."""
        shadow = self.shadows.find(weight) if isinstance(weight, Tensor) else None
        if shadow is None or shadow.role != "attention" or len(shadow.calls) != 1:
            return False
        if not (self.features.has(start) and self.features.has(end)):
            return False
        terms = []
        for features, found in ((end, self.shadows.read(weight)), (start, self._others(weight))):
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

    def _sum(self, name: str, value: Any, dims: Any, out: Tensor) -> bool:
        shadow = self.shadows.find(value)
        if shadow is None or dims is None:
            return False
        sources = self.shadows.read(value)
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


def _no_extremes(count: int, like: Tensor) -> Tensor:
    """For the largest and the smallest of no numbers, shape (2, count)."""
    ends = torch.tensor([[-math.inf], [math.inf]], dtype=torch.float32, device=like.device)
    return ends.repeat(1, count)


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


def _per_pixel(out: Tensor) -> bool:
    return out.ndim >= 4 and out.shape[-1] > 1 and out.shape[-2] > 1
