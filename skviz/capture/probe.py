"""The probe: the only hooks in the project."""

from __future__ import annotations

import copy
import math
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from skviz.capture.attention import Attention
from skviz.capture.discovery.discover import Found
from skviz.capture.discovery.example import arguments, batch_size
from skviz.capture.discovery.find import find_units
from skviz.capture.discovery.passes import described
from skviz.capture.listener import Listener
from skviz.capture.networks import original
from skviz.capture.site import Source
from skviz.errors import CaptureError, SkvizError, UnitError, UsageError, out_of_memory
from skviz.pictures.scaling import InputSpec, known_spec
from skviz.units import Unit, select_units

if TYPE_CHECKING:
    from skviz.pictures.scaling import Views

# How far a sum over the branches may be from 1, by the precision of the softmax.
TOLERANCE = {torch.float16: 2e-3, torch.bfloat16: 2e-2}


# One forward pass at a time on one network: modes and hooks are the network's, not the probe's.
_LOCKS: WeakKeyDictionary[nn.Module, threading.RLock] = WeakKeyDictionary()


class _Stop(BaseException):
    """Ends a forward pass; no Exception, so that no network's own `except` swallows it."""


@dataclass
class _Recording:
    """What the hooks of one forward pass have seen so far."""

    wanted: int
    batch: int
    stop: bool
    thread: int = field(default_factory=threading.get_ident)
    seen: dict[str, Tensor] = field(default_factory=dict)

    def add(self, source: Source, output: Any) -> None:
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

    @property
    def foreign(self) -> bool:
        """Whether this is another thread: hooks are the module's, its pass is not ours."""
        return threading.get_ident() != self.thread

    def end_if_complete(self) -> None:
        """End the forward pass if nothing is left to wait for."""
        if self.stop and len(self.seen) == self.wanted:
            raise _Stop


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
        example: Any = None,
    ) -> None:
        self.model = model
        self.network = original(model)
        with _eagerly(model):
            found = find_units(self.network, attention, example)
        self.rejected = found.rejected
        sources = found.units or found.gates
        self.known = tuple(source.unit for source in sources)
        self.gates = tuple(source.unit for source in found.gates)
        names = [units] if isinstance(units, str) else list(units)
        self.found = found
        self.sources = _chosen(names, found)

    def only(self, units: str | Iterable[str]) -> Probe:
        """Return a probe of the same network for other units, without looking for them again."""
        other = copy.copy(self)
        other.sources = _chosen([units] if isinstance(units, str) else list(units), self.found)
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to undo: every call takes its own hooks off."""

    def __call__(
        self, images: Views | Tensor | tuple[Any, ...], *, logits: bool = False
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
        self, images: Tensor | tuple[Any, ...], *, output: bool = False
    ) -> tuple[dict[str, Tensor], Any]:
        """Return the attention as tensors (B, M, C) on the network's device, and its output.

        The output is None where the pass was stopped, which it is unless `output` is true.
        Raises `CaptureError` if the network fails, a unit did not run exactly once, or its
        attention does not sum to 1 over the branches or is not finite.
        """
        found, result = self.listen(images, output=output)
        checked_all(self.sources, found)
        return found, result

    def listen(
        self, images: Tensor | tuple[Any, ...], *, output: bool = False
    ) -> tuple[dict[str, Tensor], Any]:
        """Do what `capture` does without looking at the numbers, so that it can be traced."""
        inputs = arguments(_fitting(images, self.network))
        recording = _Recording(len(self.sources), batch_size(inputs), stop=not output)
        result = None
        with ExitStack() as stack:
            stack.enter_context(_LOCKS.setdefault(self.network, threading.RLock()))
            stack.enter_context(torch.no_grad())
            stack.enter_context(evaluating(self.network))
            stack.enter_context(_eagerly(self.model))
            self._listen(recording, stack)
            with suppress(_Stop), _in_words(self.network, inputs):
                result = self.network(*inputs)
        missing = [unit.name for unit in self.units if unit.name not in recording.seen]
        if missing:
            raise CaptureError(
                f"expected every unit to run in the forward pass, {', '.join(missing)} did not; "
                "a compiled or scripted copy of the network may have run in their place"
            )
        return {unit.name: recording.seen[unit.name] for unit in self.units}, result

    def _listen(self, recording: _Recording, stack: ExitStack) -> None:
        """Put hooks on the modules of the sources; the stack takes them off."""
        inside: dict[str, list[Source]] = {}
        for source in self.sources:
            if source.operation is not None:
                inside.setdefault(source.module, []).append(source)
                continue
            module = self.network.get_submodule(source.module)
            stack.callback(module.register_forward_hook(_recorder(recording, source)).remove)
        listening: list[Listener] = []
        stack.callback(_leave, listening)
        for path, sources in inside.items():
            module = self.network.get_submodule(path)
            listener = Listener(sources, recording.add)
            enter, leave = _listener_hooks(recording, listener, listening)
            stack.callback(module.register_forward_pre_hook(enter).remove)
            stack.callback(module.register_forward_hook(leave).remove)


def check_input(views: Views, network: nn.Module) -> None:
    """Raise `UsageError` for views made for another input than the network's, if it is known."""
    expected = known_spec(network)
    if expected is None or views.spec == expected:
        return
    raise UsageError(
        f"expected views made for this network ({_words(expected, views.spec)}), got others "
        f"({_words(views.spec, expected)}); make them with enlarge(..., spec=model), or pass "
        "views.images to show the network another input on purpose"
    )


def _words(spec: InputSpec, other: InputSpec) -> str:
    """What is different in an input: "size 128, crop 0.875"."""
    names = [name for name in vars(spec) if getattr(spec, name) != getattr(other, name)]
    return ", ".join(f"{name} {getattr(spec, name)}" for name in names)


def _chosen(names: list[str], found: Found) -> list[Source]:
    """The sources that the names ask for: among the units, else among the gates."""
    pools = [found.units, found.gates] if found.units else [found.gates]
    chosen: list[Source] = []
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


def _recorder(recording: _Recording, source: Source) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if not recording.foreign:
            recording.add(source, output)
            recording.end_if_complete()

    return hook


def _listener_hooks(
    recording: _Recording, listener: Listener, listening: list[Listener]
) -> tuple[Any, Any]:
    def enter(module: nn.Module, inputs: Any) -> None:
        if not recording.foreign:
            listening.append(listener)
            listener.before(module, inputs)

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        if not recording.foreign:
            listening.pop()
            listener.after()
            recording.end_if_complete()

    return enter, leave


def _leave(listening: list[Listener]) -> None:
    """Stop listening where a forward pass ended early, the innermost module first."""
    while listening:
        listening.pop().after()


def checked(source: Source, attention: Tensor) -> Tensor:
    """Return attention of shape (B, M, C) after its own checks, or raise `CaptureError`."""
    check_shape(source, attention)
    attention = attention.detach()
    checked_all([source], {source.unit.name: attention})
    return attention


def check_shape(source: Source, attention: Tensor) -> None:
    """Raise `CaptureError` for attention of another shape than (B, M, C)."""
    unit = source.unit
    if attention.ndim != 3 or attention.shape[1:] != (unit.branches, unit.channels):
        raise CaptureError(
            f"expected attention of shape (B, {unit.branches}, {unit.channels}) from "
            f"{unit.name} ({unit.path}), got {tuple(attention.shape)}"
        )


def checked_all(sources: Sequence[Source], attention: Mapping[str, Tensor]) -> None:
    """Raise `CaptureError` unless all attention is finite, and sums to 1 where it competes.

    The answers for all units are fetched at once: every single one would wait for the card.
    """
    if not sources or not len(attention[sources[0].unit.name]):
        return
    sums = [attention[source.unit.name].float().sum(dim=1) for source in sources]
    # Attention lies in [0, 1] or is no number at all, so a sum is finite if all its terms are.
    errors = torch.stack([(total - 1.0).abs().amax() for total in sums]).tolist()
    for source, error in zip(sources, errors, strict=True):
        unit = source.unit
        if not math.isfinite(error):
            raise CaptureError(
                f"expected finite attention from {unit.name} ({unit.path}), got nan or infinite "
                "values; check the weights and the input"
            )
        tolerance = TOLERANCE.get(attention[unit.name].dtype, 1e-4)
        if source.competing and error > tolerance:
            raise CaptureError(
                f"expected the attention of {unit.name} ({unit.path}) to sum to 1 over the "
                f"branches, it is off by up to {error:.2g}"
            )


def to_numpy(tensor: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Copy a tensor of any device and precision to a float32 array."""
    return tensor.detach().float().cpu().numpy().copy()


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode, and every module back into its own afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    # A network that is in evaluation mode already is left alone: setting modes takes time.
    if any(mode for _, mode in modes):
        network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            if module.training != mode:
                module.training = mode


@contextmanager
def _in_words(network: nn.Module, inputs: Any) -> Iterator[None]:
    """Turn the error of a foreign network into one that says what it was given."""
    try:
        yield
    except SkvizError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise  # Smaller batches may do.
        raise CaptureError(
            f"{type(network).__name__} fails on its input, {described(inputs, error)}; it may take "
            "images of another size (--input-size), or needs further inputs (--example)"
        ) from error


@contextmanager
def _eagerly(model: nn.Module) -> Iterator[None]:
    """Run compiled parts of a network uncompiled: their captured graphs know no hooks."""
    compiled = any(_is_compiled(module) for module in model.modules())
    if not compiled:
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def _is_compiled(module: nn.Module) -> bool:
    return (
        getattr(module, "_compiled_call_impl", None) is not None
        or module._modules.get("_orig_mod") is not None
    )
