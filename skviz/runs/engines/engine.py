"""What an engine is: it makes a traced graph ready, once, for many batches of one size."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.fx import GraphModule

from skviz.capture.traced import Runner


class Engine(ABC):
    """Prepares graphs of networks.

    `name` is that of `--engine`, `words` what the command says. A graph of n operations takes
    about `start + n * each` seconds to prepare, the same graph with other weights `again` of
    that, and is expected to take `share` of the tuned network's time: all measured on two cores,
    and only the reason to try. `folds` and `memory_format` say how the network is changed before
    it is traced.
    """

    name: str
    words: str
    start: float
    each: float
    again: float
    share: float
    folds: bool
    memory_format: str

    def seconds(self, operations: int, networks: int = 1) -> float:
        """Return about how long a graph of so many operations takes to prepare.

        For so many networks that differ in their weights.
        """
        return (self.start + self.each * operations) * (1 + self.again * (networks - 1))

    @abstractmethod
    def why_not(self, device: torch.device, dtype: torch.dtype | None) -> str | None:
        """Say what is missing for a device and an autocast precision, and what to do; or None."""

    def views_at_once(self, views: int) -> int:
        """Return how many views a graph is traced for, where batches are of so many."""
        return views

    @abstractmethod
    def prepare(self, graph: GraphModule, images: Tensor) -> Runner:
        """Return what runs the graph on batches like `images` (B, 3, H, W)."""
