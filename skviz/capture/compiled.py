"""A probe whose network is compiled together with the reading of its attention."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from skviz.capture.probe import Probe, checked_all
from skviz.capture.site import Source
from skviz.errors import CaptureError, UsageError


class CompiledProbe(Probe):
    """A probe of a compiled copy of a network, for many batches of one size.

    Hooks that are put on a compiled network never fire. Here they are on the copy before it is
    compiled, and what they read is an output of the compiled graph. The first batch takes as
    long as compiling does (tens of seconds); smaller batches are filled up to its size. The
    pass always runs to its end. Raises `CaptureError` where attention is inside of a module
    (an operation of it), because compiled operations cannot be listened to.
    """

    def __init__(self, probe: Probe) -> None:
        inside = [source.unit.name for source in probe.sources if source.operation is not None]
        if inside:
            raise CaptureError(
                f"expected modules that return the attention, {', '.join(inside)} have it inside "
                "of one, where nothing can be read once the network is compiled; leave out "
                "--compile"
            )
        self.__dict__.update(probe.__dict__)
        self.network = copy.deepcopy(probe.network).eval()
        self.model = self.network
        self._batch = 0
        self._compiled = torch.compile(_Watched(self.network, probe.sources), dynamic=False)

    def capture(
        self, images: Tensor | tuple[Any, ...], *, output: bool = False
    ) -> tuple[dict[str, Tensor], Any]:
        """Return the attention (B, M, C) of a batch (B, 3, H, W), and the network's output."""
        if not isinstance(images, Tensor):
            raise UsageError(
                "expected one batch of images for a compiled network, got several inputs; leave "
                "out --compile"
            )
        like = next(self.network.parameters())
        n = len(images)
        self._batch = max(self._batch, n)
        batch = images.to(like.device, like.dtype)
        if n < self._batch:  # Another shape would be compiled anew.
            batch = torch.cat([batch, batch[-1:].expand(self._batch - n, *batch.shape[1:])])
        with torch.no_grad():
            attention, result = self._compiled(batch)
        found = {unit.name: attention[unit.name][:n] for unit in self.units}
        checked_all(self.sources, found)
        return found, result[:n] if output and isinstance(result, Tensor) else None


class _Watched(nn.Module):
    """A network that returns its attention beside its output."""

    def __init__(self, network: nn.Module, sources: list[Source]) -> None:
        super().__init__()
        self.network = network
        self.found: dict[str, Tensor] = {}
        for source in sources:
            network.get_submodule(source.module).register_forward_hook(self._keep(source))

    def _keep(self, source: Source) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            self.found[source.unit.name] = source.read(output)

        return hook

    def forward(self, images: Tensor) -> tuple[dict[str, Tensor], Any]:
        self.found.clear()
        output = self.network(images)
        return dict(self.found), output
