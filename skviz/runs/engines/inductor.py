"""PyTorch's own compiler with the weights frozen into the graph."""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor
from torch.fx import GraphModule

from skviz.capture.traced import Runner
from skviz.runs.engines.engine import Engine


class Inductor(Engine):
    """`torch.compile` with inductor, frozen: it needs a C++ compiler, on a card Triton."""

    name, words = "compile", "compiled"
    start, each, again, share = 8.0, 0.03, 1.0, 0.8
    folds, memory_format = True, "channels_last"

    def why_not(self, device: torch.device, dtype: torch.dtype | None) -> str | None:
        """Say that the compiler is missing, or that the device has none."""
        if device.type == "cuda":
            if importlib.util.find_spec("triton") is None:
                return "torch.compile needs triton for a graphics card; pip install triton"
            return None
        if device.type != "cpu":
            return f"torch.compile is not used on {device.type}"
        from torch._inductor.cpp_builder import get_cpp_compiler

        try:
            get_cpp_compiler()
        except Exception:
            return "torch.compile needs a C++ compiler; install g++, or name one in CXX"
        return None

    def prepare(self, graph: GraphModule, images: Tensor) -> Runner:
        """Compile for batches like `images`: it is done when this returns."""
        import torch._inductor.config as config

        compiled = torch.compile(graph, dynamic=False)
        with torch.no_grad(), config.patch(freezing=True):
            compiled(images)
        return lambda parts: [compiled(part) for part in parts]
