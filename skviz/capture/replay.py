"""A pass in which attention is replaced runs only what follows the replaced units.

The pass is traced with the attention of every unit as an input of the graph. What does not depend
on a replaced unit has the values of the unchanged pass, which are kept as far as they are needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.fx.node import map_arg

from skviz.capture.checks import checked_all
from skviz.capture.intervene import intervene
from skviz.capture.probe import Probe
from skviz.capture.replacements import Replacement
from skviz.capture.traced import pure_graph
from skviz.errors import CaptureError
from skviz.units import Unit

Values = Mapping[Node, Any]


@dataclass(frozen=True)
class _Plan:
    """What a pass computes, in order, what it takes from earlier ones, and what it lets go."""

    steps: tuple[Node, ...]
    taken: frozenset[Node]
    released: Mapping[Node, tuple[Node, ...]]


@dataclass(frozen=True)
class Pass:
    """A pass that was run: its output, the attention (B, M, C), and the values that were kept."""

    output: Tensor
    attention: Mapping[str, Tensor]
    given: Mapping[str, Tensor]
    values: Values


class Replay:
    """Passes of one network over batches of one size; see the module.

    `sets` are the sets of units that will be replaced, by name. Raises `CaptureError` for a
    network that cannot be traced, or whose traced pass gives other numbers.
    """

    def __init__(
        self,
        probe: Probe,
        images: Tensor,
        sets: Iterable[Iterable[str]],
        casting: AbstractContextManager[object] | None = None,
    ) -> None:
        self.probe, self.batch = probe, len(images)
        self.names = [unit.name for unit in probe.units]
        self.sets = [frozenset(names) for names in sets]
        with torch.no_grad(), casting or nullcontext():
            attention, output = probe.capture(images, output=True)
            module = _trace(probe, images, attention)
        self._module = module
        nodes = list(module.graph.nodes)
        places = [node for node in nodes if node.op == "placeholder"]
        self._images, self._given = places[0], dict(zip(self.names, places[1:], strict=True))
        *own, self._output = nodes[-1].args[0]
        self._own = dict(zip(self.names, own, strict=True))
        self._steps = [n for n in nodes if n.op not in ("placeholder", "output", "get_attr")]
        self._constants = {
            node: getattr(module, str(node.target)) for node in nodes if node.op == "get_attr"
        }
        self._plans: dict[Any, _Plan] = {}
        again = self.plain(images)
        same = isinstance(output, Tensor) and torch.allclose(
            again.output, output, rtol=1e-4, atol=1e-4
        )
        if not same:
            raise CaptureError(
                f"{type(probe.network).__name__} gives another output when it is traced"
            )

    def plain(self, images: Tensor) -> Pass:
        """Run the network as it is on a batch (B, 3, H, W), B at most that of the example."""
        wanted = frozenset(n for names in self.sets for n in self._plan(names, frozenset()).taken)
        plan = self._plan(None, frozenset(), wanted)
        kept = {self._images: self._filled(images)}
        return self._run(plan, kept, {}, wanted, len(images))

    def replaced(
        self, given: Mapping[str, Tensor], before: Pass, then: Iterable[frozenset[str]] = ()
    ) -> Pass:
        """Run with the attention (B, M, C) of units replaced.

        `before` is a pass of the same images with less of it replaced: the plain one, or one in
        which some of the units have this attention already. `then` are the sets of units that
        will be replaced with this pass as their `before`.
        """
        every, done = frozenset(given), frozenset(before.given)
        kept = (self._plan(names - every, every).taken for names in then)
        wanted = frozenset().union(*kept)
        plan = self._plan(every - done, done, wanted)
        if not plan.taken <= before.values.keys():  # Another set than was said.
            plan = self._plan(None, every, wanted)
        filled = {name: self._filled(array) for name, array in given.items()}
        return self._run(plan, before.values, filled, wanted, len(before.output))

    def _run(
        self,
        plan: _Plan,
        before: Values,
        given: Mapping[str, Tensor],
        wanted: frozenset[Node],
        count: int,
    ) -> Pass:
        replaced = {self._given[name]: array for name, array in given.items()}
        same = {self._given[name]: self._own[name] for name in self.names if name not in given}
        values: dict[Node, Any] = {node: before[node] for node in plan.taken if node in before}

        def value(node: Node) -> Any:
            node = same.get(node, node)
            if node in replaced:
                return replaced[node]
            return self._constants[node] if node in self._constants else values[node]

        with torch.no_grad():
            for node in plan.steps:
                args, named = map_arg((node.args, node.kwargs), value)
                values[node] = node.target(*args, **named)  # type: ignore[operator]
                for gone in plan.released.get(node, ()):
                    values.pop(gone, None)
        attention = {
            name: values[node][:count] for name, node in self._own.items() if node in values
        }
        output = values[self._output] if self._output in values else before[self._output]
        kept = {node: values[node] for node in wanted if node in values}
        return Pass(output[:count], attention, dict(given), {**before, **kept})

    def _plan(
        self,
        new: frozenset[str] | None,
        done: frozenset[str],
        wanted: frozenset[Node] = frozenset(),
    ) -> _Plan:
        """What to compute where `new` units are replaced beside those that are; None: all."""
        key = (new, done, wanted)
        if key in self._plans:
            return self._plans[key]
        changed = {self._images} if new is None else {self._given[name] for name in new}
        replaced = done | (new or frozenset())
        same = {self._given[name]: self._own[name] for name in self.names if name not in replaced}

        def sources(node: Node) -> list[Node]:
            return [same.get(source, source) for source in node.all_input_nodes]

        affected = set(changed)
        for node in self._steps:
            if any(source in affected for source in sources(node)):
                affected.add(node)
        needed = {self._output, *wanted}
        if new is None:
            needed |= set(self._own.values())
        for node in reversed(self._steps):
            if node in needed:
                needed.update(sources(node))
        # What depends on no input is computed once, in the plain pass.
        steps = tuple(n for n in self._steps if n in needed and (new is None or n in affected))
        made, inputs = set(steps), {source for node in steps for source in sources(node)}
        outside = inputs - made - self._constants.keys() - set(self._given.values())
        last: dict[Node, Node] = {}
        for node in steps:
            last.update(dict.fromkeys(sources(node), node))
        stays = {self._output, *wanted, *(self._own.values() if new is None else ())}
        released: dict[Node, tuple[Node, ...]] = {}
        for gone, node in last.items():
            if gone not in stays and gone not in self._constants:
                released[node] = (*released.get(node, ()), gone)
        taken = frozenset(outside | (wanted - made if new is not None else set()))
        self._plans[key] = _Plan(steps, taken, released)
        return self._plans[key]

    def _filled(self, array: Tensor) -> Tensor:
        """A smaller batch filled up: the graph knows one size."""
        if len(array) == self.batch:
            return array
        last = array[-1:].expand(self.batch - len(array), *array.shape[1:])
        return torch.cat([array, last])


def _trace(probe: Probe, images: Tensor, attention: Mapping[str, Tensor]) -> Any:
    """The pass as a graph of images and attention to own attention and output."""

    def forward(batch: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        own: dict[str, Tensor] = {}

        def put(array: Tensor) -> Replacement:
            def make(found: Tensor, unit: Unit) -> Tensor:
                own[unit.name] = found.clone()
                return array

            return Replacement("traced", make)

        names = [unit.name for unit in probe.units]
        replacements = {name: put(array) for name, array in zip(names, given, strict=True)}
        with intervene(probe, replacements, unchecked=True):
            output = probe.network(batch)
        return (*(own[name] for name in names), output)

    return pure_graph(probe.network, forward, images, *attention.values())


def check_given(probe: Probe, given: Mapping[str, Tensor]) -> None:
    """Raise `CaptureError` for replacing attention that is not finite or does not sum to 1."""
    sources = [source for source in probe.sources if source.unit.name in given]
    checked_all(sources, given)
