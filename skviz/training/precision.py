"""Mixed precision: which arithmetic a device is good at, and where it is not to be trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """Turn "auto", "fp32", "bf16" or "fp16" into a dtype; auto is the fastest safe one."""
    if name == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.bfloat16 if _cpu_has_bf16() else torch.float32
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def _cpu_has_bf16() -> bool:
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return bool(supported()) if supported is not None else False


def autocast(precision: torch.dtype, device: torch.device) -> torch.autocast:
    """Mixed precision for the forward pass, or nothing for float32."""
    enabled = precision is not torch.float32
    return torch.autocast(device.type, precision if enabled else None, enabled=enabled)


@contextmanager
def dilated_in_float32(
    network: nn.Module, precision: torch.dtype, device: torch.device
) -> Iterator[None]:
    """Keep dilated grouped convolutions in float32 on the CPU while the block lasts.

    Their bf16 backward pass there reads memory that nobody wrote: the gradients are
    sometimes non-finite, and where they are finite they are not to be trusted either.
    """
    convolutions = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and module.groups > 1 and max(module.dilation) > 1
    ]
    if precision is torch.float32 or device.type != "cpu":
        convolutions = []
    for module in convolutions:
        module.forward = partial(_in_float32, module.forward, device.type)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in convolutions:
            del module.forward


def _in_float32(forward: Callable[[Tensor], Tensor], device: str, x: Tensor) -> Tensor:
    with torch.autocast(device, enabled=False):
        return forward(x.float())
