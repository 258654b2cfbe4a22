"""Networks built by skviz: the output of every SK attention module is the attention itself."""

from __future__ import annotations

from torch import Tensor, nn

from skviz.capture.site import AttentionSite
from skviz.models.sknet import SKNet, sk_units


def sources(network: nn.Module) -> list[AttentionSite] | None:
    """List the SK units of an SKNet; None for any other network."""
    if not isinstance(network, SKNet):
        return None
    return [AttentionSite(unit, f"{unit.path}.attention", _attention) for unit in sk_units(network)]


def _attention(output: Tensor) -> Tensor:
    return output
