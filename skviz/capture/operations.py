"""PyTorch's operations by what they do to the numbers that flow through them.

Names are those of the dispatcher (`aten::...`) without a trailing underscore: everything that
a network can write (`F.softmax`, `nn.Softmax2d`, `x.softmax(...)`, `torch.einsum`) arrives
there as one of them.
"""

from __future__ import annotations

from typing import Any

SOFTMAX = {"_softmax", "softmax", "_safe_softmax", "special_softmax"}
SIGMOID = {"sigmoid", "hardsigmoid"}
# A softmax written by hand ends in one of these.
BY_HAND = {"div", "exp"}
WATCHED = SOFTMAX | SIGMOID | BY_HAND

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
}
# From (B, C, 1, 1) to (B, C, H, W) these repeat; only then they rearrange.
RESAMPLING = {
    f"upsample_{kind}" for kind in ("nearest1d", "nearest2d", "nearest3d", "bilinear2d")
} | {"upsample_bicubic2d", "upsample_linear1d", "upsample_trilinear3d", "_upsample_nearest_exact2d"}
CONVOLUTIONS = {"convolution", "_convolution", "conv1d", "conv2d", "conv3d"}


def operation_name(function: Any) -> str:
    """The name of an operation: `aten::mul_.Tensor` is "mul"."""
    name: str = function._schema.name.split("::")[-1]
    return name.rstrip("_")
