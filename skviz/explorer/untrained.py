"""The same network without what it has learned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from skviz.studies.image import ImageAnalysis

if TYPE_CHECKING:
    from torch import nn


def untrained_of(analysis: ImageAnalysis) -> nn.Module:
    """Return a network of the same shape with random weights; the given one is untouched."""
    from skviz.studies.controls.control import Control
    from skviz.studies.controls.networks import random_network

    probe = analysis.probe
    found = random_network(probe.network, Control("random"), probe.known, analysis.model.spec)
    info = replace(analysis.model, weights="random", trained=False, sha256=None, classes=None)
    found.network.skviz = info  # type: ignore[assignment]
    return found.network
