"""The inputs of a network by their shapes: for those that need certain ones, or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from skviz.errors import UsageError
from skviz.hooks import complete_inputs
from skviz.models.registry import ModelInfo, model_info

Shapes = tuple[tuple[int, ...], ...]


def parse_shapes(example: str | Sequence[Sequence[int]]) -> Shapes:
    """Return the shapes that "1x3x64x64,1x10" or [(1, 3, 64, 64), (1, 10)] names.

    Raises `UsageError` for anything but whole numbers of at least 1.
    """
    given = (
        [part.split("x") for part in example.split(",")] if isinstance(example, str) else example
    )
    try:
        shapes = tuple(tuple(int(length) for length in shape) for shape in given)
    except (TypeError, ValueError):
        shapes = ()
    if not shapes or not all(shape and min(shape) >= 1 for shape in shapes):
        raise UsageError(
            "expected shapes such as 1x3x64x64, or 1x3x64x64,1x10 for two inputs (batch first), "
            f"got '{example}'"
        )
    return shapes


def with_example(
    network: nn.Module, example: str | Sequence[Sequence[int]], *, keep_size: bool = False
) -> nn.Module:
    """Tell a network the shapes of its inputs, axis 0 being the batch; return the network.

    Its units are looked for with random inputs of these shapes. Images take the place of the
    first input of 3 channels (else of 4 axes); if it is square, it is also the size that images
    are seen at, unless `keep_size`. Every other input gets the same random numbers (normal, seed
    0) for every image, which `.skviz.notes` says. Raises `UsageError` as `parse_shapes` does.
    """
    shapes = parse_shapes(example)
    info = model_info(network)
    maps = [i for i, shape in enumerate(shapes) if len(shape) == 4]
    place = ([i for i in maps if shapes[i][1] == 3] or maps or [0])[0]
    image = shapes[place]
    spec, notes = info.spec, info.notes
    if len(image) == 4 and image[2] == image[3] and not keep_size:
        spec = replace(spec, size=image[2])
    if len(shapes) > 1:
        others = ", ".join(_word(s) for i, s in enumerate(shapes) if i != place)
        notes = (
            *notes,
            f"the network has {len(shapes)} inputs: images take the place of {_word(image)}, "
            f"the rest ({others}) is the same random numbers for every image",
        )
        complete_inputs(network, _completer(shapes, place))
    network.skviz = replace(info, spec=spec, notes=notes, example=shapes)  # type: ignore[assignment]
    return network


def example_inputs(network: nn.Module) -> tuple[Tensor, ...] | None:
    """Return random inputs of the shapes that the network was told, or None."""
    info = getattr(network, "skviz", None)
    if not isinstance(info, ModelInfo) or info.example is None:
        return None
    return tuple(random_input(shape, network) for shape in info.example)


def random_input(shape: tuple[int, ...], network: nn.Module) -> Tensor:
    """A normal random tensor for the network; the global random state stays as it was."""
    like = next((p for p in network.parameters() if p.is_floating_point()), torch.empty(0))
    return _numbers(shape).to(like.device, like.dtype)


def _completer(shapes: Shapes, place: int) -> Callable[[nn.Module, tuple[Any, ...]], Any]:
    """A hook of the network: where it is called with images alone, the other inputs join them."""
    values = [_numbers(shape)[:1] for shape in shapes]

    def complete(module: nn.Module, args: tuple[Any, ...]) -> Any:
        if len(args) != 1 or not isinstance(args[0], Tensor):
            return None
        images = args[0]
        rest = [value.to(images).expand(len(images), *value.shape[1:]) for value in values]
        return (*rest[:place], images, *rest[place + 1 :])

    return complete


def _numbers(shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator)


def _word(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
