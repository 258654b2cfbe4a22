"""The order in which a network runs its modules."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from skviz.hooks import ForwardSession


def execution_order(network: nn.Module, images: Tensor) -> list[str]:
    """Return the paths of the modules as one forward pass enters them, once for every call.

    `images` (B, 3, H, W) is what the network is run on, in its own mode and without gradients.
    A module comes before the modules inside it.
    """
    entered: list[str] = []

    def recorder(path: str) -> Any:
        def enter(module: nn.Module, inputs: Any) -> None:
            entered.append(path)

        return enter

    with ForwardSession(network) as session, torch.no_grad():
        for path, module in network.named_modules():
            session.before(module, recorder(path))
        session.run(images)
    return entered
