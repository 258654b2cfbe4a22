"""Forward passes that find the attention, and leave the network as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from skviz.capture.example import arguments, batch_size, candidates, with_another_size, with_batch
from skviz.capture.lineage import Call, Lineage
from skviz.capture.stack import ModuleStack
from skviz.errors import CaptureError

BATCHES = (2, 3)


@dataclass(frozen=True)
class Passes:
    """Three passes: `first` is followed in full, the others differ in one thing each.

    `other_batch` has another batch size; `other_size` another image size (empty where the
    network takes no other, or up to where it failed).
    """

    first: Lineage
    other_batch: dict[tuple[str, int, str, int], Call]
    other_size: dict[tuple[str, int, str, int], Call]


def run_passes(network: nn.Module, example: Any = None) -> Passes:
    """Run a network on an example, or on inputs that it may take, and watch it.

    Raises `CaptureError` where no input works.
    """
    with unchanged(network):
        failures = []
        inputs = candidates(network) if example is None else [example]
        for candidate in inputs:
            candidate = with_batch(candidate, BATCHES[0])
            try:
                first = watch(network, candidate)
            except Exception as error:
                failures.append(_describe(candidate, error))
                continue
            return Passes(first, *_others(network, candidate))
    raise CaptureError(
        f"expected {type(network).__name__} to run on an example, it did not: {failures[0]}"
        + (f"; nor on {len(failures) - 1} other inputs" if len(failures) > 1 else "")
        + "; pass one that it takes as `example` (a tuple for several inputs)"
    )


def _others(network: nn.Module, example: Any) -> tuple[dict[Any, Call], dict[Any, Call]]:
    found = []
    for inputs in (with_batch(example, BATCHES[1]), with_another_size(example)):
        calls: list[Call] = []
        if inputs is not None:
            with suppress(Exception):  # What ran before a failure still tells.
                watch(network, inputs, follow=False, into=calls)
        found.append({call.key: call for call in calls})
    return found[0], found[1]


def watch(
    network: nn.Module, example: Any, follow: bool = True, into: list[Call] | None = None
) -> Lineage:
    """Run one forward pass under watch; `into` receives the calls even where it fails."""
    tensors = [leaf for leaf in tree_leaves(example) if isinstance(leaf, Tensor)]
    with torch.no_grad(), ModuleStack(network) as stack:
        lineage = Lineage(stack, tensors, batch_size(example), follow)
        if into is not None:
            lineage.calls = into
        with lineage:
            network(*arguments(example))
    return lineage


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards modes, buffers and random state are as before."""
    modes = [(module, module.training) for module in network.modules()]
    buffers = [(buffer, buffer.detach().clone()) for buffer in network.buffers()]
    devices = sorted({b.device.index or 0 for b in network.parameters() if b.is_cuda})
    network.eval()
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        for module, mode in modes:
            module.training = mode
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def _describe(example: Any, error: Exception) -> str:
    shapes = [tuple(t.shape) for t in tree_leaves(example) if isinstance(t, Tensor)]
    text = str(error).splitlines()[0] if str(error) else ""
    return f"{', '.join(map(str, shapes))}: {type(error).__name__}: {text}"
