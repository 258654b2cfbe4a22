"""The engines by name, and how a probe of one is made."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from skviz.capture.traced import GraphProbe, traced, with_weights
from skviz.errors import CaptureError, first_line
from skviz.runs.engines.engine import Engine
from skviz.runs.engines.inductor import Inductor
from skviz.runs.engines.openvino import OpenVINO

if TYPE_CHECKING:
    from skviz.capture.probe import Probe

# Those that need preparing; the quickest to prepare first.
ENGINES: dict[str, Engine] = {engine.name: engine for engine in (OpenVINO(), Inductor())}


def engine_probe(
    name: str,
    probe: Probe,
    images: Tensor,
    *,
    output: bool,
    dtype: torch.dtype | None = None,
    like: GraphProbe | None = None,
) -> GraphProbe:
    """Return a probe whose passes the engine runs, made for batches of as many as `images` are.

    `probe` is of the network as it is to be traced: folded, in its memory format. With `output`
    the pass goes to its end. `like` is one of a network of the same modules, made with the same
    arguments: its graph is taken. Raises `CaptureError` that says why the engine cannot be used
    here.
    """
    engine = ENGINES[name]
    first = next(probe.network.parameters())
    missing = engine.why_not(first.device, dtype)
    if missing:
        raise CaptureError(missing)
    batch = images[: engine.views_at_once(len(images))].to(first.device, first.dtype)
    casting = nullcontext() if dtype is None else torch.autocast(first.device.type, dtype=dtype)
    graph = None
    if like is not None and like.batch == len(batch) and dtype is None:
        graph = with_weights(like.graph, like.network, probe.network)
    if graph is None:
        graph = traced(probe, batch, output=output, casting=casting)
    try:
        run = engine.prepare(graph, batch)
        run([batch])
    except Exception as error:
        raise CaptureError(
            f"{name} cannot prepare this network: {first_line(error)[:200]}"
        ) from error
    return GraphProbe(probe, run, batch, graph)
