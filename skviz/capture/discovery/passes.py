"""Forward passes that find the attention, and leave the network as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from skviz.capture.discovery.example import (
    arguments,
    batch_size,
    candidates,
    with_another_size,
    with_batch,
)
from skviz.capture.discovery.tracing.calls import Call, Key
from skviz.capture.discovery.tracing.trace import Trace
from skviz.capture.stack import ModuleStack
from skviz.errors import NoInputError
from skviz.hooks import evaluating

BATCHES = (2, 3)
# The longest side, in pixels, of images that are made larger to see what follows their size.
SMALL = 128
Calls = dict[Key, Call]


@dataclass(frozen=True)
class Passes:
    """Three passes: `first` is followed in full, the others differ in one thing each.

    `other_batch` has another batch size, `batches` are both; `other_size` has another image
    size (empty where the network takes no other, or up to where it failed). `failure` is why
    the pass with the other batch size did not come to its end, if so.
    """

    first: Trace
    batches: tuple[int, int]
    other_batch: Calls
    other_size: Calls
    failure: str = ""


def run_passes(network: nn.Module, example: Any = None) -> Passes:
    """Run a network on an example, or on inputs that it may take, and watch it.

    A given example is used as it is; only where it is a single image, a second one that hardly
    differs is put beside it. Raises `NoInputError` where no input works.
    """
    with unchanged(network):
        failures = []
        for candidate in candidates(network) if example is None else [example]:
            count = batch_size(candidate)
            batches = BATCHES if example is None or count < 2 else (count, 2 * count)
            inputs = with_batch(candidate, batches[0])
            try:
                first = watch(network, inputs)
            except Exception as error:
                failures.append(described(inputs, error))
                continue
            # The other passes tell more only of what may be a unit: they end behind the last.
            wanted = {call.key for call in first.calls if call.selection is not None}
            if not wanted:
                return Passes(first, batches, {}, {})
            turned = with_batch(inputs, batches[1], turned=True)
            other_batch, failure = _other(network, turned, wanted)
            other_size = _another_size(network, inputs, wanted)
            return Passes(first, batches, other_batch, other_size, failure)
    raise NoInputError(
        f"expected {type(network).__name__} to run on an example, it did not: {failures[0]}"
        + (f"; nor on {len(failures) - 1} other inputs" if len(failures) > 1 else "")
        + "; pass one that it takes as `example` (a tuple for several inputs), or its shape with "
        "--example, such as 1x3x64x64"
    )


def _other(network: nn.Module, inputs: Any, wanted: set[Key]) -> tuple[Calls, str]:
    """The calls of a pass, and why it failed, if so: what ran before still tells."""
    calls: list[Call] = []
    failure = ""
    try:
        watch(network, inputs, wanted, into=calls)
    except Exception as error:
        failure = described(inputs, error)
    return {call.key: call for call in calls}, failure


def _another_size(network: nn.Module, example: Any, wanted: set[Key]) -> Calls:
    """The calls of a pass with smaller images, or with larger ones where those are too small."""
    found: Calls = {}
    for factor in (0.5, 2):
        inputs = with_another_size(example, factor)
        sides = [t.shape[2:] for t in tree_leaves(inputs) if isinstance(t, Tensor) and t.ndim > 2]
        if inputs is None or (factor > 1 and max(max(side) for side in sides) > SMALL):
            break
        calls, _ = _other(network, inputs, wanted)
        found = max(found, calls, key=len)
        if wanted <= set(found):
            break
    return found


def watch(
    network: nn.Module,
    example: Any,
    wanted: set[Key] | None = None,
    into: list[Call] | None = None,
) -> Trace:
    """Run one forward pass under watch (see `Trace`); `into` gets the calls if it fails."""
    tensors = [leaf for leaf in tree_leaves(example) if isinstance(leaf, Tensor)]
    with torch.no_grad(), ModuleStack(network) as stack:
        trace = Trace(stack, tensors, batch_size(example), wanted)
        if into is not None:
            trace.calls = into
        with trace:
            stack.session.run(*arguments(example))
    return trace


@contextmanager
def unchanged(network: nn.Module) -> Iterator[None]:
    """Evaluation mode for a while; afterwards modes, buffers and random state are as before."""
    buffers = [(buffer, buffer.detach().clone()) for buffer in network.buffers()]
    devices = sorted({b.device.index or 0 for b in network.parameters() if b.is_cuda})
    try:
        with evaluating(network), torch.random.fork_rng(devices=devices):
            yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)


def described(example: Any, error: Exception) -> str:
    """Say on which shapes a network failed, and how: "(2, 3, 64, 64): RuntimeError: ..."."""
    shapes = [tuple(t.shape) for t in tree_leaves(example) if isinstance(t, Tensor)]
    text = str(error).splitlines()[0] if str(error) else ""
    return f"{', '.join(map(str, shapes))}: {type(error).__name__}: {text}"
