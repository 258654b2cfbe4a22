"""PyTorch's operations by what they do to the numbers that flow through them.

Names are those of the dispatcher (`aten::...`) without a trailing underscore: everything that
a network can write (`F.softmax`, `nn.Softmax2d`, `x.softmax(...)`, `torch.einsum`) arrives
there as one of them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SOFTMAX = {"_softmax", "softmax", "_safe_softmax", "special_softmax"}
SIGMOID = {"sigmoid", "hardsigmoid"}
# A softmax written by hand ends in one of these.
BY_HAND = {"div", "exp"}
WATCHED = SOFTMAX | SIGMOID | BY_HAND

# Padding that repeats numbers of its argument; zeros are `constant_pad_nd`.
PADDING = {f"{kind}_pad{axes}d" for kind in ("reflection", "replication") for axes in (1, 2, 3)}
# Their result has the numbers of their first argument, or of a list of them, at other places.
REARRANGING = {
    "_reshape_copy",
    "_to_copy",
    "_unsafe_index",
    "cat",
    "channel_shuffle",
    "clone",
    "constant_pad_nd",
    "contiguous",
    "copy",
    "expand_copy",
    "flip",
    "gather",
    "index",
    "index_select",
    "lift_fresh_copy",
    "native_channel_shuffle",
    "repeat",
    "repeat_interleave",
    "roll",
    "select_scatter",
    "slice_scatter",
    "stack",
    "tile",
    "view_copy",
} | PADDING
# From (B, C, 1, 1) to (B, C, H, W) these repeat; only then they rearrange.
RESAMPLING = {
    f"upsample_{kind}" for kind in ("nearest1d", "nearest2d", "nearest3d", "bilinear2d")
} | {"upsample_bicubic2d", "upsample_linear1d", "upsample_trilinear3d", "_upsample_nearest_exact2d"}
# Their result has the shape of their argument, but none of its numbers.
_MADE = ("zeros", "ones", "empty", "full")
FACTORIES = {f"new_{made}" for made in _MADE} | {f"{made}_like" for made in (*_MADE, "rand")}
CONVOLUTIONS = {"convolution", "_convolution", "conv1d", "conv2d", "conv3d"}


def operation_name(function: Any) -> str:
    """The name of an operation: `aten::mul_.Tensor` is "mul"."""
    name: str = function._schema.name.split("::")[-1]
    return name.rstrip("_")


def rearranged_values(name: str, args: Any) -> tuple[list[Tensor], tuple[Any, ...]]:
    """The arguments whose numbers are rearranged, and the rest."""
    if isinstance(args[0], list | tuple):
        return list(args[0]), tuple(args[1:])
    if name in ("slice_scatter", "select_scatter"):
        return [args[0], args[1]], tuple(args[2:])
    if name == "constant_pad_nd":
        return [args[0]], (args[1], -1)
    return [args[0]], tuple(args[1:])


def rearranged(
    func: Any, name: str, moved: list[Tensor], rest: Any, args: Any, kwargs: Any, out: Any
) -> Tensor:
    """The same rearrangement, of sources or labels in place of the numbers."""
    if name in ("_to_copy", "clone", "contiguous", "lift_fresh_copy"):
        return moved[0].reshape(out.shape)
    if name in RESAMPLING:
        return moved[0].broadcast_to(out.shape)
    if isinstance(args[0], list | tuple):
        joined: Tensor = func(moved, *rest, **kwargs)
        return joined.to(torch.int32)
    if name in PADDING:  # It knows no whole numbers; these are exact in double precision.
        moved = [value.double() for value in moved]
    moved_again: Tensor = func(*moved, *rest, **kwargs)
    return moved_again.to(torch.int32)
