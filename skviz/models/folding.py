"""Batch normalisation folded into the convolutions before it: the same numbers in less time."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from skviz.hooks import ForwardSession


def folded(network: nn.Module, *inputs: Any) -> tuple[nn.Module, int]:
    """Return a copy of a network with BN folded into convolutions, and how many were.

    A BN is folded where, in a pass over `inputs`, what it gets is what a convolution returned,
    and both run once. The copy is in evaluation mode, and serves only for that. Whether another
    module uses the convolution's output too cannot be seen here: compare what both return.
    """
    twin = copy.deepcopy(network).eval()
    places = {module: path for path, module in twin.named_modules()}
    pairs = _pairs(twin, inputs)
    for convolution, norm in pairs:
        _replace(twin, places[convolution], fuse_conv_bn_eval(convolution, norm))
        _replace(twin, places[norm], _what_is_left(norm))
    return twin, len(pairs)


def _pairs(network: nn.Module, inputs: tuple[Any, ...]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    calls: dict[nn.Module, int] = {}
    # The outputs themselves, so that no other tensor can get the identity of one.
    made: dict[int, tuple[Tensor, nn.Conv2d]] = {}
    found: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def after(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        calls[module] = calls.get(module, 0) + 1
        if type(module) is nn.Conv2d:
            made[id(output)] = (output, module)

    def before(module: nn.Module, args: tuple[Any, ...]) -> None:
        if args and id(args[0]) in made and _can_go(module):
            found.append((made[id(args[0])][1], module))  # type: ignore[arg-type]

    with ForwardSession(network) as session, torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
                session.after(module, after)
                session.before(module, before)
        session.run(*inputs)
    return [pair for pair in found if calls[pair[0]] == 1 and calls.get(pair[1]) == 1]


def _can_go(module: nn.Module) -> bool:
    known = type(module) is nn.BatchNorm2d or type(module).__name__ == "BatchNormAct2d"
    return known and isinstance(module, nn.BatchNorm2d) and module.running_var is not None


def _what_is_left(norm: nn.BatchNorm2d) -> nn.Module:
    """timm's BatchNormAct2d goes on with an activation; a plain one with nothing."""
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    return nn.Sequential(norm.drop, norm.act)  # type: ignore[arg-type]


def _replace(network: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, module)
