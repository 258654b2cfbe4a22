"""Runs of one architecture: what is chosen, traced and made ready for one serves the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skviz.capture.probe import Probe
    from skviz.capture.traced import GraphProbe
    from skviz.runs.tuning import Arithmetic


@dataclass
class Family:
    """Runs of networks that differ in their weights, or of one network that sees other views.

    `views` are those that all runs have still to measure, by `networks` networks. What the first
    run finds is kept: `chosen` is how it computes, `traced` has its graph, and `ready` holds the
    copies of the network that was given.
    """

    views: int
    networks: int = 1
    chosen: Arithmetic | None = None
    traced: GraphProbe | None = None
    ready: dict[Arithmetic, Probe] = field(default_factory=dict)
