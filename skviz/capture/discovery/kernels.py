"""Which kernel a branch has: the convolutions that lead to what its attention multiplies."""

from __future__ import annotations

from collections.abc import Sequence

from skviz.capture.discovery.tracing.graph import Convolution, Graph
from skviz.units import Kernel

# More convolutions in a row than this are a network of their own, not a kernel.
LONGEST_STACK = 4
# Beside convolutions, these leave the place of a pixel as it is.
PLACE_KEEPING = {"addmm", "bmm", "linear", "matmul", "mm"}


def branch_kernels(graph: Graph, branches: Sequence[set[int]]) -> list[Kernel | None]:
    """Return the kernel of every branch from the labels of its features; None where unknown.

    Only convolutions that a branch has for itself count. One that another branch uses too is
    shared: it tells the branches nothing apart. A stack counts as one kernel of the composed
    size (two 3x3 are a 5x5), 1x1 convolutions before and after add nothing. A branch without
    a convolution, with pooling or resampling, with a transposed kernel, or with more than four
    kernels in a row has no known size. Sides may differ, each has its own dilation. A branch
    without features (a null branch, without labels) has no kernel and shares nothing.
    """
    ancestors = [graph.ancestors(labels) for labels in branches]
    kernels: list[Kernel | None] = []
    for index, labels in enumerate(branches):
        if not labels:
            kernels.append(None)
            continue
        others = [found for i, found in enumerate(ancestors) if i != index and branches[i]]
        shared = set.intersection(ancestors[index], *others) if others else set()
        kernels.append(_kernel(graph, labels, ancestors[index] - shared))
    return kernels


def resampled(graph: Graph, branches: Sequence[set[int]]) -> bool:
    """Whether branches bring their features from other resolutions, or are whole streams."""
    ancestors = [graph.ancestors(labels) for labels in branches]
    shared = set.intersection(*ancestors) if ancestors else set()
    for found in ancestors:
        own = [graph.nodes[label] for label in found - shared]
        convolutions = [node.convolution for node in own if node.convolution]
        if any(node.name.startswith(("upsample", "_upsample")) for node in own):
            return True
        if any(convolution.transposed for convolution in convolutions):
            return True
        if any(node.kind == "input" for node in own) and len(found) > len(shared):
            return True
        if sum(max(c.size) > 1 for c in convolutions) > LONGEST_STACK:
            return True
    return False


def _kernel(graph: Graph, labels: set[int], own: set[int]) -> Kernel | None:
    """Compose the own convolutions along the longest way to the labels."""
    nodes = [graph.nodes[label] for label in sorted(own)]
    convolutions = [node.convolution for node in nodes if node.convolution is not None]
    spatial = [c for c in convolutions if max(c.size) > 1]
    opaque = any(n.kind == "other" and n.name not in PLACE_KEEPING for n in nodes)
    opaque = opaque or any(convolution.transposed for convolution in convolutions)
    dimensions = {len(convolution.size) for convolution in convolutions}
    if opaque or len(dimensions) != 1 or len(spatial) > LONGEST_STACK or not labels & own:
        return None
    (axes,) = dimensions
    fields: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for label in sorted(own):  # Labels grow with the order of execution.
        node = graph.nodes[label]
        before = [fields[parent] for parent in node.parents if parent in fields]
        fields[label] = _field(before, node.convolution, axes)
    # Of several ways to a branch the longest one counts, per axis.
    ends = [fields[label][0] for label in labels & own]
    effective = tuple(max(end[axis] for end in ends) for axis in range(axes))
    if len(spatial) == 1:
        return Kernel(spatial[0].size, spatial[0].dilation, spatial[0].groups)
    return Kernel(effective, 1, (spatial or convolutions)[-1].groups)


def _field(
    before: list[tuple[tuple[int, ...], tuple[int, ...]]],
    convolution: Convolution | None,
    axes: int,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Receptive field and distance of neighbours, per axis, in pixels where branches part."""
    size = tuple(max((field[axis] for field, _ in before), default=1) for axis in range(axes))
    step = tuple(max((steps[axis] for _, steps in before), default=1) for axis in range(axes))
    if convolution is None:
        return size, step
    grown = tuple(
        s + (k - 1) * d for s, k, d in zip(size, convolution.effective, step, strict=True)
    )
    return grown, tuple(d * s for d, s in zip(step, convolution.stride, strict=True))
