"""Inputs to try a network on, of other batch sizes and image sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from skviz.hooks import Stop
from skviz.models.inputs import example_inputs, random_input
from skviz.pictures.scaling import InputSpec

# Sides to try in turn, in pixels: small ones cost little, then what networks are made for.
SIDES = (64, 224, 32, 128, 96, 256, 28, 299, 384, 512)
# A module that takes many channels is a part of a network: its feature maps are small.
SIDES_OF_PARTS = (16, 8, 32, 64, 7, 14, 28, 56, 112)
IMAGE_CHANNELS = 16
# Pictures have this many channels at most; layers that take so few are tried first.
FEW_CHANNELS = 4
# Different layers that are tried.
MOST_KINDS = 4


def candidates(network: nn.Module) -> Iterator[Any]:
    """Yield batches of two inputs that the network may take, the likeliest first.

    Where their shapes were told (`skviz.models.with_example`) there is one candidate. Else
    channels and the number of axes are what the convolution that runs first takes, whatever
    the order in which the layers were registered; then those of layers that take few channels,
    as images have, then of the layers in their order. The side comes from a list and from what
    is known of the network.
    """
    told = example_inputs(network)
    if told is not None:
        yield told
        return
    convolutions = [m for m in network.modules() if isinstance(m, _ConvNd)]
    kinds = list(dict.fromkeys((c.in_channels, c.weight.ndim - 2) for c in convolutions))
    kinds = sorted(kinds, key=lambda kind: kind[0] > FEW_CHANNELS)[:MOST_KINDS]
    asked = first_convolution(network, kinds or [(3, 2)])
    kinds = [*asked, *(kind for kind in kinds if kind not in asked)] or [(3, 2)]
    known = getattr(network, "skviz", None)
    spec = getattr(known, "spec", None)
    own = [spec.size] if isinstance(spec, InputSpec) else []
    for channels, axes in kinds:
        sides = SIDES if channels <= IMAGE_CHANNELS else SIDES_OF_PARTS
        for side in dict.fromkeys([sides[0], *own, *sides]):
            extent = [side] * axes if axes < 3 else [min(side, 16), *[min(side, 32)] * 2]
            yield random_input((2, channels, *extent), network)


def first_convolution(
    network: nn.Module, kinds: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Input channels and axes of the convolution that a network runs first, if it runs one.

    It is run on inputs of the given kinds until one comes that far.
    """
    for axes in dict.fromkeys((*(axes for _, axes in kinds), 2, 1)):
        channels = next((n for n, a in kinds if a == axes), 3)
        image = random_input((2, channels, *[SIDES[0] if axes < 3 else 16] * axes), network)
        with torch.no_grad(), _FirstConvolution() as asked, suppress(Exception, Stop):
            network(image)
        if asked.kind is not None:
            return [asked.kind]
    return []


class _FirstConvolution(TorchFunctionMode):
    """Stops at the first convolution, and keeps its input channels and axes as `kind`."""

    def __init__(self) -> None:
        super().__init__()
        self.kind: tuple[int, int] | None = None

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in ("conv1d", "conv2d", "conv3d") and self.kind is None:
            weight = args[1] if len(args) > 1 else kwargs["weight"]
            groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
            self.kind = (int(weight.shape[1]) * int(groups), weight.ndim - 2)
            raise Stop
        return func(*args, **kwargs)


def with_batch(example: Any, batch: int, turned: bool = False) -> Any:
    """The same inputs with another batch size: axis 0 of the tensors, their rows repeated.

    Repeated rows differ by a little noise, so that no two images are the same. Image 0 is the
    same at every batch size; `turned`, the others come in reverse order, so that none of them
    is. A tensor whose axis 0 is none of images is left as it is.
    """
    images = batch_size(example)

    def change(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or leaf.ndim == 0 or leaf.shape[0] != images:
            return leaf
        rows = torch.arange(batch) % max(1, images)
        changed = leaf[rows.to(leaf.device)]
        if leaf.is_floating_point():
            for row in range(images, batch):
                generator = torch.Generator().manual_seed(row)
                noise = torch.randn(changed.shape[1:], generator=generator)
                changed[row] += 0.1 * noise.to(leaf.device, leaf.dtype)
        return torch.cat((changed[:1], changed[1:].flip(0))) if turned else changed

    return tree_map(change, example)


def with_another_size(example: Any, factor: float) -> Any | None:
    """The same inputs with sides of another length, times `factor`; None without images."""
    found = False

    def change(leaf: Any) -> Any:
        nonlocal found
        if not isinstance(leaf, Tensor) or not 3 <= leaf.ndim <= 5 or not leaf.is_floating_point():
            return leaf
        found = True
        size = [max(1, int(side * factor)) for side in leaf.shape[2:]]
        return functional.interpolate(leaf.float(), size=size, mode="nearest").to(leaf.dtype)

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
