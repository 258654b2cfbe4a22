"""A network's pass as one graph that returns the attention beside the output.

Hooks never fire in a compiled network. So the pass is traced while the probe listens: what it
reads, also inside of a module, becomes an output of the graph, which any engine can compile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from skviz.capture.checks import checked_all
from skviz.capture.probe import Probe
from skviz.errors import CaptureError, UsageError, first_line, out_of_memory

# Runs a graph on batches of one size: for each the attention of every unit in order, then the
# output, if it has one. What is returned holds until the next call.
Runner = Callable[[Sequence[Tensor]], Sequence[Sequence[Tensor]]]


def traced(
    probe: Probe,
    images: Tensor,
    *,
    output: bool = True,
    casting: AbstractContextManager[object] | None = None,
) -> GraphModule:
    """Return the pass of a batch (B, 3, H, W) as a graph of PyTorch's operations.

    It returns the attention (B, M, C) of every unit in the order of `probe.units`, and the
    network's output, where `output` asks for it and it is a tensor. It holds for this shape only;
    `casting` is in force while the pass is traced. Raises `CaptureError` for a network whose
    operations depend on the numbers in them.
    """
    # Once as it is: errors in the network are said in its words, and readers make their tables.
    probe.capture(images[:1])

    def forward(batch: Tensor) -> tuple[Tensor, ...]:
        attention, result = probe.listen(batch, output=output)
        found = tuple(attention[unit.name] for unit in probe.units)
        return (*found, result) if isinstance(result, Tensor) else found

    with torch.no_grad(), casting or nullcontext():
        graph = pure_graph(probe.network, forward, images)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph


def pure_graph(
    network: nn.Module, forward: Callable[..., tuple[Tensor, ...]], *inputs: Tensor
) -> GraphModule:
    """Return what a function does with tensors as a graph that changes nothing in place.

    So its operations may be left out, or run in another order. Raises `CaptureError` where the
    network, which the function runs, cannot be traced.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    try:
        # Hooks first, then what works in place is written out: both at once is too much for it.
        hooked = make_fx(forward)(*inputs)
        return make_fx(torch.func.functionalize(hooked))(*inputs)
    except Exception as error:
        if out_of_memory(error):
            raise
        raise CaptureError(
            f"{type(network).__name__} cannot be traced: {first_line(error)[:200]}"
        ) from error


def with_weights(graph: GraphModule, network: nn.Module, other: nn.Module) -> GraphModule | None:
    """Return the graph that was traced in `network` with the weights of `other`.

    None where the graph holds tensors that are not the network's own, or the other network is
    not of the same modules. A number that a pass reads out of a weight is not seen here: what
    comes out is to be compared with a pass of the other network.
    """
    names = {id(value): name for name, value in _weights(network)}
    values = dict(_weights(other))
    tensors: dict[str, Tensor] = {}
    for node in graph.graph.find_nodes(op="get_attr"):
        old = getattr(graph, node.target)
        new = values.get(names.get(id(old), ""))
        if new is None or new.shape != old.shape or new.dtype != old.dtype:
            return None
        tensors[node.target] = new
    return GraphModule(tensors, copy.deepcopy(graph.graph))


def _weights(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters()
    yield from network.named_buffers()


class GraphProbe(Probe):
    """A probe whose passes an engine runs, as a graph made by `traced` for batches of one size.

    Batches come in the memory format that it was traced in. Smaller ones are filled up, larger
    ones are split. The checks are those of any probe.
    """

    def __init__(self, probe: Probe, run: Runner, images: Tensor, graph: GraphModule) -> None:
        self.__dict__.update(probe.__dict__)
        self.run, self.batch, self.graph = run, len(images), graph
        last = images.is_contiguous(memory_format=torch.channels_last)
        self.order = torch.channels_last if last else torch.contiguous_format

    def capture(
        self, images: Tensor | tuple[Any, ...], *, output: bool = False
    ) -> tuple[dict[str, Tensor], Any]:
        """Return the attention (B, M, C) of a batch (B, 3, H, W), and the network's output."""
        if not isinstance(images, Tensor):
            raise UsageError(
                "expected one batch of images for a compiled network, got several inputs; use "
                "--engine eager"
            )
        with torch.no_grad():
            parts = self.run([self._part(part) for part in torch.split(images, self.batch)])
        found = [torch.cat(pieces)[: len(images)] for pieces in zip(*parts, strict=True)]
        attention = {unit.name: array for unit, array in zip(self.units, found, strict=False)}
        checked_all(self.sources, attention)
        return attention, found[-1] if output and len(found) > len(attention) else None

    def _part(self, images: Tensor) -> Tensor:
        like = next(self.network.parameters())
        batch = images.to(like.device, like.dtype)
        missing = self.batch - len(images)
        if missing:  # The graph knows one size.
            batch = torch.cat([batch, batch.new_zeros((missing, *batch.shape[1:]))])
        return batch.contiguous(memory_format=self.order)
