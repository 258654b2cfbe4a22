"""What may differ from a plain run: how views are made, or which network runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import nn

    from skviz.capture.probe import Probe
    from skviz.data import ImageSet
    from skviz.data.loading import ViewMaker
    from skviz.scaling import InputSpec


@dataclass(frozen=True)
class Replacement:
    """The network that runs in place of the given one.

    `kept` names the parameters that it has from the given one, because nothing can re-initialise
    them. `settle` does what is left to do before it first runs.
    """

    network: nn.Module
    kept: tuple[str, ...]
    settle: Callable[[], None]


class Change(Protocol):
    """One thing that is different in a run; controls are such changes."""

    def bind(self, probe: Probe, images: ImageSet) -> Change:
        """Return it for a network and a data set; raises `UsageError` where it does not fit."""

    @property
    def untrained(self) -> bool:
        """Whether the network that runs has nothing left of its training."""

    def to_dict(self) -> dict[str, Any]:
        """Return what `run.json` says of it."""

    def views(self, plain: ViewMaker) -> ViewMaker:
        """Return what makes its views, given what makes those of a plain run."""

    def replacement(
        self, probe: Probe, spec: InputSpec, images: ImageSet, plain: ViewMaker
    ) -> Replacement | None:
        """Return the network that runs in place of the probe's, or None for the probe's own."""
