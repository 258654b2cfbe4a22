"""Networks that cannot be looked into, and why."""

from __future__ import annotations

import torch
from torch import nn

EXPORTED = "exported: torch.export keeps operations, not the modules that units are found in"


def why_closed(network: object) -> str | None:
    """Say what closes a network or a part of it, and where: "the network is exported: ...".

    Exported, scripted, traced and statically quantised networks are closed; None for others.
    """
    if isinstance(network, torch.export.ExportedProgram):
        return f"the network is {EXPORTED}"
    if not isinstance(network, nn.Module):
        return None
    for path, module in network.named_modules():
        reason = _closed(module)
        if reason:
            return f"{path or 'the network'} is {reason}"
    return None


def _closed(module: nn.Module) -> str | None:
    if isinstance(module, torch.jit.ScriptModule):
        return "scripted or traced, and hooks do not fire inside TorchScript"
    if isinstance(module, torch.fx.GraphModule) and any(
        isinstance(node.target, torch._ops.OpOverload) for node in module.graph.nodes
    ):
        return EXPORTED
    kind = type(module)
    home = kind.__module__.split(".")
    # Dynamic quantisation computes in floating-point numbers between its layers; its packed
    # weights are those of static quantisation.
    static = home[0] == "torch" and "quantized" in home and "dynamic" not in home
    if static and "PackedParams" not in kind.__name__:
        return "statically quantised, and its integers are not features that can be followed"
    return None
