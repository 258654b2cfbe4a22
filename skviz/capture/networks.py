"""The network that hooks can be put on, behind wrappers; or why there is none."""

from __future__ import annotations

import torch
from torch import nn

from skviz.errors import CaptureError

_PASS_SOURCE = "pass the network it was made from"


def original(model: nn.Module) -> nn.Module:
    """Return the network behind wrappers: hooks put on a compiled wrapper would never fire.

    Raises `CaptureError` for what cannot be looked into: exported, scripted, traced and
    statically quantised networks, and what is no network.
    """
    if isinstance(model, torch.export.ExportedProgram):
        raise CaptureError(f"cannot look into an exported program: {_EXPORTED}; {_PASS_SOURCE}")
    if not isinstance(model, nn.Module):
        raise CaptureError(
            f"expected a network (torch.nn.Module), got {type(model).__name__}; load it with "
            "skviz.load_model, or build it with its own code"
        )
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            break
    for path, module in model.named_modules():
        reason = _closed(module)
        if reason:
            raise CaptureError(
                f"cannot look into {path or 'the network'}: it is {reason}; {_PASS_SOURCE}"
            )
    return model


_EXPORTED = "torch.export keeps operations, not the modules that units are found in"


def _closed(module: nn.Module) -> str | None:
    """Say why a module cannot be looked into, or nothing."""
    if isinstance(module, torch.jit.ScriptModule):
        return "scripted or traced, and hooks do not fire inside TorchScript"
    if isinstance(module, torch.fx.GraphModule) and any(
        isinstance(node.target, torch._ops.OpOverload) for node in module.graph.nodes
    ):
        return f"exported, and {_EXPORTED}"
    home = type(module).__module__
    # Dynamic quantisation computes in floating-point numbers between its layers.
    if "quantized" in home.split(".") and "dynamic" not in home.split("."):
        return "statically quantised, and its integers are no features to follow"
    return None
