"""Intel's OpenVINO, which computes on the processor."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from skviz.capture.traced import Runner
from skviz.runs.engines.engine import Engine


class OpenVINO(Engine):
    """OpenVINO's processor plugin in float32, with as many threads as PyTorch has."""

    name, words = "openvino", "by OpenVINO"
    start, each, share = 2.0, 0.008, 0.75
    folds, memory_format = True, "contiguous"

    def why_not(self, device: torch.device, dtype: torch.dtype | None) -> str | None:
        """Say that it is not installed, or has no such device or precision."""
        if device.type != "cpu":
            return f"OpenVINO computes on the processor only, the network is on {device.type}"
        if dtype is not None:
            return "OpenVINO computes in fp32 only; leave out --precision"
        if importlib.util.find_spec("openvino") is None:
            return "OpenVINO is not installed; pip install 'skviz[openvino]'"
        return None

    def prepare(self, graph: GraphModule, images: Tensor) -> Runner:
        """Convert the graph, and compile it for batches of the shape of `images`."""
        import openvino

        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            exported = torch.export.export(graph, (images,)).run_decompositions({})
            model = openvino.convert_model(exported, input=[tuple(images.shape)])
        # Without the hint it computes in bfloat16 where the processor can.
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        request = _core().compile_model(model, "CPU", options).create_infer_request()

        def run(batch: Tensor) -> list[Tensor]:
            found = request.infer([batch.contiguous().numpy()], share_inputs=True)
            return [torch.from_numpy(found[number]) for number in range(len(model.outputs))]

        return run


@functools.cache
def _core() -> Any:
    """OpenVINO's devices: one for the process, which also shares its threads."""
    import openvino

    return openvino.Core()
