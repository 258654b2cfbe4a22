"""The probe: reads the attention of a network's units in a forward pass."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from skviz.capture.attention import Attention
from skviz.capture.checks import check_input, check_shape, checked_all
from skviz.capture.discovery.discover import Found
from skviz.capture.discovery.example import arguments, batch_size
from skviz.capture.discovery.find import find_units
from skviz.capture.listener import listen
from skviz.capture.networks import in_words, original
from skviz.capture.site import AttentionSite
from skviz.errors import CaptureError, UnitError
from skviz.hooks import ForwardSession, Stop, eagerly
from skviz.units import Unit, select_units

if TYPE_CHECKING:
    from skviz.pictures.scaling import Views


@dataclass
class _Recording:
    """What the hooks of one forward pass have seen so far."""

    wanted: int
    batch: int
    stop: bool
    seen: dict[str, Tensor] = field(default_factory=dict)

    def add(self, source: AttentionSite, output: Any) -> None:
        """Keep the attention of one unit."""
        name = source.unit.name
        if name in self.seen:
            raise CaptureError(
                f"expected {name} ({source.module}) to run once in a forward pass, it ran again; "
                "its attention is not one array per image"
            )
        attention = source.attention(output, self.batch)
        check_shape(source, attention)
        self.seen[name] = attention.detach()

    def end_if_complete(self, *call: Any) -> None:
        """End the forward pass if nothing is left to wait for."""
        if self.stop and len(self.seen) == self.wanted:
            raise Stop


class Probe:
    """Reads the attention of a network's units: called on a batch, returns `Attention`.

    The network runs in evaluation mode without gradients, and is afterwards exactly as it was
    (mode, gradients, buffers, hooks), also after an exception.

    Parameters
    ----------
    network
        Any network with selective attention; its units are found by running it.
    units
        Names or patterns of the units to read (see `skviz.select_units`); "all" means the
        selective units, or the gates of a network that has only gates. In a network with both,
        "gates" asks for the gates, and each goes by its module path too.
    attention
        Where the attention is ("PATTERN:AXIS": modules by path, and the axis of the branches in
        what they return), instead of looking for it.
    example
        An input to look with (a tuple for several), where none can be made up from the network's
        own first layers.

    Raises
    ------
    CaptureError
        For a network without selective attention.
    UnitError
        For an unknown name.

    Examples
    --------
    >>> probe = skviz.Probe(skviz.load_model(), "paper")
    >>> [unit.name for unit in probe.units]
    ['SK_2_3', 'SK_3_4', 'SK_4_6', 'SK_5_3']
    """

    def __init__(
        self,
        model: nn.Module,
        units: str | Iterable[str] = "all",
        *,
        attention: str | Sequence[str] | None = None,
        example: object = None,
    ) -> None:
        self.model = model
        self.network = original(model)
        with eagerly(model):
            found = find_units(self.network, attention, example)
        self.rejected = found.rejected
        sources = found.units or found.gates
        self.known = tuple(source.unit for source in sources)
        self.gates = tuple(source.unit for source in found.gates)
        self.found = found
        self.sources = _chosen(units, found)

    def only(self, units: str | Iterable[str]) -> Probe:
        """Return a probe of the same network for other units, without looking for them again."""
        other = copy.copy(self)
        other.sources = _chosen(units, self.found)
        return other

    def on(self, network: nn.Module) -> Probe:
        """Return a probe of the same units in a copy of the network, such as `copy.deepcopy`."""
        other = copy.copy(self)
        other.model = other.network = original(network)
        return other

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units that are read, in the order of execution."""
        return tuple(source.unit for source in self.sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to undo: every call takes its own hooks off."""

    def __call__(
        self, images: Views | Tensor | tuple[object, ...], *, logits: bool = False
    ) -> Attention:
        """Return the attention for views or a normalised batch (B, 3, H, W).

        A network with several inputs takes a tuple of them. Raises `UsageError` for views that
        were made for another input than this network's. The forward pass ends behind the
        deepest unit asked for, unless `logits` asks for the network's output (B, K) too.
        """
        if isinstance(images, Tensor | tuple):
            batch, scales = images, None
        else:
            check_input(images, self.network)
            batch, scales = images.images, images.scales
        arrays, output = self.capture(batch, output=logits)
        return Attention(
            self.units,
            {name: to_numpy(array) for name, array in arrays.items()},
            scales,
            to_numpy(output) if isinstance(output, Tensor) else None,
        )

    def capture(
        self, images: Tensor | tuple[object, ...], *, output: bool = False
    ) -> tuple[dict[str, Tensor], object]:
        """Return the attention as tensors (B, M, C) on the network's device, and its output.

        The output is None where the pass was stopped, which it is unless `output` is true.
        Raises `CaptureError` if the network fails, a unit did not run exactly once, or its
        attention does not sum to 1 over the branches or is not finite.
        """
        found, result = self.listen(images, output=output)
        checked_all(self.sources, found)
        return found, result

    def listen(
        self, images: Tensor | tuple[object, ...], *, output: bool = False
    ) -> tuple[dict[str, Tensor], object]:
        """Do what `capture` does without looking at the numbers, so that it can be traced."""
        inputs = arguments(_fitting(images, self.network))
        recording = _Recording(len(self.sources), batch_size(inputs), stop=not output)
        session = ForwardSession(self.network, model=self.model, evaluate=True)
        with session, torch.no_grad():
            listen(session, self.sources, recording.add)
            for path in dict.fromkeys(source.module for source in self.sources):
                session.after(self.network.get_submodule(path), recording.end_if_complete)
            with in_words(self.network, inputs):
                result = session.run(*inputs)
        missing = [unit.name for unit in self.units if unit.name not in recording.seen]
        if missing:
            raise CaptureError(
                f"expected every unit to run in the forward pass, {', '.join(missing)} did not; "
                "a compiled or scripted copy of the network may have run in their place"
            )
        return {unit.name: recording.seen[unit.name] for unit in self.units}, result


def _chosen(units: str | Iterable[str], found: Found) -> list[AttentionSite]:
    """The sources that the names ask for: among the units, else among the gates."""
    names = [units] if isinstance(units, str) else list(units)
    pools = [found.units, found.gates] if found.units else [found.gates]
    chosen: list[AttentionSite] = []
    for name in names:
        if name == "gates":
            if not found.gates:
                raise UnitError("expected a network with gates, this one has none")
            chosen += found.gates
            continue
        for pool in pools:
            try:
                wanted = select_units(name, [source.unit for source in pool])
            except UnitError:
                if pool is pools[-1]:
                    # The message lists the units, not the gates.
                    select_units(name, [source.unit for source in pools[0]])
                continue
            chosen += [source for source in pool if source.unit in wanted]
            break
    if not names:
        select_units([], [source.unit for source in pools[0]])
    everything = [*found.units, *found.gates]
    return [source for source in everything if source in chosen]


def _fitting(images: Any, network: nn.Module) -> Any:
    """Inputs on the device and, where they are floating-point, in the precision of a network."""
    like = next(network.parameters(), None)
    if like is None:
        return images

    def move(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        exact = leaf.is_floating_point() and like.is_floating_point()
        return leaf.to(like.device, like.dtype if exact else None)

    return tree_map(move, images)


def to_numpy(tensor: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Copy a tensor of any device and precision to a float32 array."""
    return tensor.detach().float().cpu().numpy().copy()
