"""Intel's OpenVINO, which computes on the processor."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

from skviz.capture.traced import Runner
from skviz.runs.engines.engine import Engine


class OpenVINO(Engine):
    """OpenVINO's processor plugin in float32, with as many threads as PyTorch has."""

    name, words = "openvino", "by OpenVINO"
    start, each, again, share = 2.0, 0.008, 0.05, 0.75
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

    def __init__(self) -> None:
        # The last graph, converted with its weights as inputs: networks of one architecture
        # come one after the other, and converting takes most of the time.
        self._key: object = None
        self._model: Any = None

    def prepare(self, graph: GraphModule, images: Tensor) -> Runner:
        """Convert the graph, and compile it for batches of the shape of `images`."""
        lifted, weights = with_weights_as_inputs(graph)
        shapes = [tuple(tensor.shape) for tensor in (images, *weights)]
        key = (lifted.code, shapes, [tensor.dtype for tensor in weights])
        try:
            if key != self._key:
                self._model, self._key = _converted(lifted, (images, *weights)), key
            model = _filled(self._model, weights)
        except Exception:  # An operation may ask for weights that are constants.
            model = _converted(graph, (images,))
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


def with_weights_as_inputs(graph: GraphModule) -> tuple[GraphModule, list[Tensor]]:
    """Return the graph with its floating-point tensors as inputs behind the images, and these."""
    made, places, weights = Graph(), {}, []
    for node in graph.graph.find_nodes(op="placeholder"):
        places[node] = made.node_copy(node)
    inputs: dict[str, Node] = {}
    for node in graph.graph.find_nodes(op="get_attr"):
        tensor = getattr(graph, node.target)
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            continue
        if node.target not in inputs:
            inputs[node.target] = made.placeholder(node.target)
            weights.append(tensor.detach())
        places[node] = inputs[node.target]
    for node in graph.graph.nodes:
        if node not in places:
            places[node] = made.node_copy(node, places.__getitem__)
    return GraphModule(graph, made), weights


def _converted(graph: GraphModule, inputs: tuple[Tensor, ...]) -> Any:
    import openvino

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        exported = torch.export.export(graph, inputs).run_decompositions({})
        shapes = [tuple(tensor.shape) for tensor in inputs]
        return openvino.convert_model(exported, input=shapes)


def _filled(model: Any, weights: list[Tensor]) -> Any:
    """Return the model with constants in place of its inputs behind the first."""
    from openvino import op

    filled = model.clone()
    _, *inputs = filled.get_parameters()
    for parameter, tensor in zip(inputs, weights, strict=True):
        constant = op.Constant(tensor.contiguous().numpy())
        parameter.output(0).replace(constant.output(0))
        filled.remove_parameter(parameter)
    return filled


@functools.cache
def _core() -> Any:
    """OpenVINO's devices: one for the process, which also shares its threads."""
    import openvino

    return openvino.Core()
