"""The same attention, read with other tools: one function per tool that captures a batch.

Each maker takes a network and the paths of its attention modules, and returns a function from a
batch to the list of attention tensors. Nothing is skipped silently: `maker` raises `ImportError`
for a tool that is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Capture = Callable[[Tensor], list[Tensor]]


def hooks(network: nn.Module, paths: Sequence[str]) -> Capture:
    """Forward hooks, as one writes them in a notebook."""
    kept: dict[str, Tensor] = {}

    def keep(path: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            kept[path] = output.detach()

        return hook

    for path in paths:
        network.get_submodule(path).register_forward_hook(keep(path))

    def capture(batch: Tensor) -> list[Tensor]:
        with torch.no_grad():
            network(batch)
        return [kept[path] for path in paths]

    return capture


def captum(network: nn.Module, paths: Sequence[str]) -> Capture:
    """captum's LayerActivation with a list of layers."""
    from captum.attr import LayerActivation

    layers = LayerActivation(network, [network.get_submodule(path) for path in paths])

    def capture(batch: Tensor) -> list[Tensor]:
        with torch.no_grad():
            found = layers.attribute(batch)
        return list(found)

    return capture


def captum_each(network: nn.Module, paths: Sequence[str]) -> Capture:
    """captum's LayerActivation called once per layer, for the last four units."""
    from captum.attr import LayerActivation

    layers = [LayerActivation(network, network.get_submodule(path)) for path in paths[-4:]]

    def capture(batch: Tensor) -> list[Tensor]:
        with torch.no_grad():
            return [layer.attribute(batch) for layer in layers]

    return capture


def nnsight(network: nn.Module, paths: Sequence[str]) -> Capture:
    """nnsight's trace."""
    import nnsight

    wrapped = nnsight.NNsight(network)

    @torch.no_grad()
    def capture(batch: Tensor) -> list[Tensor]:
        # A block with nothing else in its head: nnsight reads this source.
        with wrapped.trace(batch):
            found = nnsight.save([wrapped.get(path).output for path in paths])
        return list(found)

    return capture


def torchlens(network: nn.Module, paths: Sequence[str]) -> Capture:
    """torchlens' recording, its quicker way; tracing the whole graph takes several times it."""
    import torchlens

    wanted = torchlens.module(paths[0])
    for path in paths[1:]:
        wanted = wanted | torchlens.module(path)

    def capture(batch: Tensor) -> list[Tensor]:
        with torch.no_grad():
            recording = torchlens.record(network, batch, save=wanted)
        return [record.ram_payload for record in recording.records]

    return capture


MAKERS: dict[str, Callable[[nn.Module, Sequence[str]], Capture]] = {
    "hooks": hooks,
    "captum": captum,
    "captum, one call per layer": captum_each,
    "nnsight": nnsight,
    "torchlens": torchlens,
}
