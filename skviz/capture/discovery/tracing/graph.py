"""Where feature maps come from: which convolutions made every number of a tensor.

A label is the number of a node; a tensor that was put together from several (stacked branches)
has a label per element.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Convolution:
    """One call of a convolution: kernel size, dilation and stride per axis, and groups.

    `images` is the length of its batch axis.
    """

    size: tuple[int, ...]
    dilation: tuple[int, ...]
    stride: tuple[int, ...]
    groups: int
    transposed: bool = False
    images: int = 1

    @property
    def effective(self) -> tuple[int, ...]:
        """Effective kernel size per axis, (k - 1) * dilation + 1."""
        pairs = zip(self.size, self.dilation, strict=True)
        return tuple((size - 1) * dilation + 1 for size, dilation in pairs)


@dataclass(frozen=True)
class Node:
    """What made some numbers: "input", "convolution", "merge" (element by element) or "other".

    `name` is the operation, `parents` the labels of what went in.
    """

    kind: str
    parents: tuple[int, ...] = ()
    convolution: Convolution | None = None
    name: str = ""


class Graph:
    """The nodes of one forward pass, in the order of execution."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._merged: dict[tuple[int, ...], int] = {}

    def add(self, node: Node) -> int:
        """Add a node and return its label."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def merge(self, labels: Iterable[int]) -> int:
        """Label of numbers that depend on all of these, element by element."""
        parents = tuple(sorted(set(labels)))
        if len(parents) == 1:
            return parents[0]
        if parents not in self._merged:
            self._merged[parents] = self.add(Node("merge", parents))
        return self._merged[parents]

    def ancestors(self, labels: Iterable[int]) -> set[int]:
        """The labels themselves and all that they come from."""
        found: set[int] = set()
        waiting = list(labels)
        while waiting:
            label = waiting.pop()
            if label not in found:
                found.add(label)
                waiting.extend(self.nodes[label].parents)
        return found
