"""Inputs to try a network on, of other batch sizes and image sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd
from torch.utils._pytree import tree_leaves, tree_map

from skviz.models.inputs import example_inputs
from skviz.scaling import InputSpec

# Sides to try in turn, in pixels: small ones cost little, then what networks are made for.
SIDES = (64, 224, 32, 128, 96, 256, 28, 299, 384, 512)
# A module that takes many channels is a part of a network: its feature maps are small.
SIDES_OF_PARTS = (16, 8, 32, 64, 7, 14, 28, 56, 112)
IMAGE_CHANNELS = 16
# From this side on, in pixels, half the size is tried: it costs a quarter.
LARGE = 128


def candidates(network: nn.Module) -> Iterator[Any]:
    """Yield batches of two inputs that the network may take, the likeliest first.

    Where their shapes were told (`skviz.models.with_example`) there is one candidate. Else
    channels come from the first convolutions, the number of axes from their kind; the side from
    a list and from what is known of the network.
    """
    told = example_inputs(network)
    if told is not None:
        yield told
        return
    convolutions = [m for m in network.modules() if isinstance(m, _ConvNd)]
    kinds = list(dict.fromkeys((c.in_channels, c.weight.ndim - 2) for c in convolutions))[:3]
    if not kinds:
        kinds = [(3, 2)]
    known = getattr(network, "skviz", None)
    spec = getattr(known, "spec", None)
    own = [spec.size] if isinstance(spec, InputSpec) else []
    for channels, axes in kinds:
        sides = SIDES if channels <= IMAGE_CHANNELS else SIDES_OF_PARTS
        for side in dict.fromkeys([sides[0], *own, *sides]):
            extent = [side] * axes if axes < 3 else [min(side, 16), *[min(side, 32)] * 2]
            yield random_input((2, channels, *extent), network)


def random_input(shape: tuple[int, ...], network: nn.Module) -> Tensor:
    """A normal random tensor for the network; the global random state stays as it was."""
    like = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator).to(like.device, like.dtype)


def with_batch(example: Any, batch: int) -> Any:
    """The same inputs with another batch size: axis 0 of every tensor, its rows repeated.

    Repeated rows differ by a little noise, so that no two images are the same; row 0 is the
    same at every batch size.
    """

    def change(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or leaf.ndim == 0:
            return leaf
        rows = torch.arange(batch) % max(1, leaf.shape[0])
        changed = leaf[rows.to(leaf.device)]
        if leaf.is_floating_point():
            for row in range(1, batch):
                generator = torch.Generator().manual_seed(row)
                noise = torch.randn(changed.shape[1:], generator=generator)
                changed[row] += 0.1 * noise.to(leaf.device, leaf.dtype)
        return changed

    return tree_map(change, example)


def with_another_size(example: Any) -> Any | None:
    """The same inputs with half the image size, or twice a small one; None without images."""
    found = False

    def change(leaf: Any) -> Any:
        nonlocal found
        if not isinstance(leaf, Tensor) or leaf.ndim < 3 or not leaf.is_floating_point():
            return leaf
        found = True
        large = min(leaf.shape[2:]) >= LARGE
        size = [side // 2 if large else side * 2 for side in leaf.shape[2:]]
        flat = leaf.float()
        if leaf.ndim <= 5:
            return functional.interpolate(flat, size=size, mode="nearest").to(leaf.dtype)
        return leaf

    changed = tree_map(change, example)
    return changed if found else None


def batch_size(example: Any) -> int:
    """How many images a call is about: the length of axis 0 of its first tensor."""
    for leaf in tree_leaves(example):
        if isinstance(leaf, Tensor) and leaf.ndim > 0:
            return int(leaf.shape[0])
    return 1


def arguments(example: Any) -> tuple[Any, ...]:
    """The positional arguments of a call: a tuple is one argument for each of its entries."""
    return example if isinstance(example, tuple) else (example,)
