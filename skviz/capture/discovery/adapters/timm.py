"""timm's SK networks: `SelectiveKernel` modules in the blocks of `layer1` to `layer4`."""

from __future__ import annotations

import re
import sys

from torch import Tensor, nn

from skviz.capture.site import AttentionSite
from skviz.units import Kernel, Unit

# Block and module within it: layer1.0.conv2, also with a prefix (encoder.model.layer1.0.conv2).
_PLACE = re.compile(r"(?:^|\.)layer(\d+)\.(\d+)\.[^.]+$")


def sources(network: nn.Module) -> list[AttentionSite] | None:
    """List the SelectiveKernel modules of a timm network by stage and block, or return None.

    `layer1` is stage 2, as in the paper's table 1; blocks are counted from 1. The module
    `attn` returns the softmax itself, (B, M, C, 1, 1).
    """
    found: list[AttentionSite] = []
    names: set[str] = set()
    for path, module in network.named_modules():
        if not is_selective_kernel(module):
            continue
        place = _PLACE.search(path)
        if place is None:
            return None
        name = f"SK_{int(place[1]) + 1}_{int(place[2]) + 1}"
        if name in names:
            return None  # Two in a block: the generic way counts them.
        names.add(name)
        unit = Unit(
            name,
            path,
            tuple(_kernel(branch) for branch in module.paths),
            module.out_channels,
            found_by="timm SelectiveKernel",
        )
        found.append(AttentionSite(unit, f"{path}.attn", _attention))
    return found or None


def _kernel(branch: nn.Module) -> Kernel:
    convolution = next(m for m in branch.modules() if isinstance(m, nn.Conv2d))
    return Kernel(convolution.kernel_size[0], convolution.dilation[0], convolution.groups)


def _attention(output: Tensor) -> Tensor:
    return output.flatten(2)


def is_selective_kernel(module: nn.Module) -> bool:
    """Whether a module is timm's; where timm is not loaded, nothing can be made of it."""
    layers = sys.modules.get("timm.layers")
    return layers is not None and isinstance(module, layers.SelectiveKernel)
