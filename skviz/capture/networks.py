"""The network that hooks can be put on, behind wrappers."""

from __future__ import annotations

from torch import nn

from skviz.errors import CaptureError
from skviz.models.closed import why_closed


def original(model: nn.Module) -> nn.Module:
    """Return the network behind wrappers: hooks put on a compiled wrapper would never fire.

    Raises `CaptureError` for what cannot be looked into: exported, scripted, traced and
    statically quantised networks, and what is no network.
    """
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            break
    reason = why_closed(model)
    if reason:
        raise CaptureError(f"cannot look inside: {reason}; pass the network it was made from")
    if not isinstance(model, nn.Module):
        raise CaptureError(
            f"expected a network (torch.nn.Module), got {type(model).__name__}; load one with "
            "skviz.load_model, or build it with its own code"
        )
    return model
