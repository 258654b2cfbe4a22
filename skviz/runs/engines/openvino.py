"""Intel's OpenVINO, which computes on the processor."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from skviz.capture.traced import Runner
from skviz.runs.engines.engine import Engine

# More threads than these share passes: a batch is not large enough for one each.
_MOST_STREAMS = 4


class OpenVINO(Engine):
    """OpenVINO's processor plugin in float32, with as many threads as PyTorch has."""

    name, words = "openvino", "by OpenVINO"
    start, each, again, share = 1.0, 0.004, 0.35, 0.75
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

    def views_at_once(self, views: int) -> int:
        """Return how many of so many views are one pass: each thread takes passes of its own.

        Threads that share a pass wait for each other after every layer, the more so where others
        use the processors too. Passes of half of what a thread gets even out who is slow.
        """
        streams = _streams()
        passes = 2 * streams if streams > 1 and views % (2 * streams) == 0 else streams
        return -(-views // passes)

    def prepare(self, graph: GraphModule, images: Tensor) -> Runner:
        """Convert the graph, and compile it for batches of the shape of `images`."""
        # Without the hint it computes in bfloat16 where the processor can.
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": _streams(),
        }
        model = _core().compile_model(_converted(graph, images), "CPU", options)
        requests: list[Any] = []

        def run(parts: Sequence[Tensor]) -> list[list[Tensor]]:
            while len(requests) < len(parts):
                requests.append(model.create_infer_request())
            begun = requests[: len(parts)]
            for request, part in zip(begun, parts, strict=True):
                request.start_async([part.numpy()], share_inputs=True)
            found = []
            for request in begun:
                request.wait()
                found.append([torch.from_numpy(output.data) for output in request.output_tensors])
            return found

        return run


def _streams() -> int:
    """How many passes run side by side: one a thread, where there are few."""
    return min(_MOST_STREAMS, torch.get_num_threads())


def _converted(graph: GraphModule, images: Tensor) -> Any:
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder

    frontend = FrontEndManager().load_by_framework("pytorch")
    inputs = {"input_shapes": [tuple(images.shape)], "input_types": [images.dtype]}
    try:
        decoder = TorchFXPythonDecoder(graph, **inputs)  # Alive until all is converted.
        return frontend.convert(frontend.load(decoder))
    except Exception:  # It has an operation that must be taken apart first: that takes seconds.
        return _decomposed(graph, images)


def _decomposed(graph: GraphModule, images: Tensor) -> Any:
    import openvino

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        exported = torch.export.export(graph, (images,)).run_decompositions({})
        return openvino.convert_model(exported, input=[tuple(images.shape)])


@functools.cache
def _core() -> Any:
    """OpenVINO's devices: one for the process, which also shares its threads."""
    import openvino

    return openvino.Core()
