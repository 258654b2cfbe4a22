"""Run a network with the attention of chosen units replaced.

Attention that a module returns is replaced by a hook on it. Attention that is the result of an
operation (see `discover.py`) is replaced where the operation returns, below PyTorch's gradients:
they are stopped there, so that the replaced attention is a constant for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from skviz.capture.checks import check_shape, checked_all
from skviz.capture.discovery.example import batch_size
from skviz.capture.listener import Wanted, WatchedOperations, hook_modules, is_real
from skviz.capture.probe import Probe
from skviz.capture.replacements import Given, Replacement, as_replacement
from skviz.capture.site import AttentionSite
from skviz.errors import CaptureError
from skviz.hooks import ForwardSession, stop_gradient


@contextmanager
def intervene(
    probe: Probe,
    replacements: Mapping[str, Given],
    *,
    constant: bool = False,
    unchecked: bool = False,
) -> Iterator[None]:
    """Within the block, forward passes of the probe's network run with other attention.

    The network is afterwards exactly as it was, also after an exception. Only passes of this
    thread are changed; other threads' probes of the same network wait. A `Probe` called within
    the block reads the replaced attention; blocks may be nested, the inner one has the last word.

    Parameters
    ----------
    probe
        Reads the network whose attention is replaced.
    replacements
        By units ("3_4", "3_*", "all"; see `skviz.select_units`) what takes the place of their
        attention: "smallest", "largest" or "uniform", an array (M, C) or (B, M, C), a function
        from attention (B, M, C) to attention, or one of `skviz.capture.replacements`. Where two
        names mean the same unit, the later one counts.
    constant
        Whether no gradient flows through the replaced attention.
    unchecked
        Whether nothing looks at the numbers, so that the pass can be traced.

    Yields
    ------
    None

    Raises
    ------
    UnitError
        For an unknown unit or branch.
    CaptureError
        In the pass, for attention of another shape, that is not finite or does not sum to 1 over
        the branches, for a unit that does not run, and where a gradient would have to flow
        through replaced attention but cannot.

    Examples
    --------
    >>> model = skviz.load_model()
    >>> probe = skviz.Probe(model)
    >>> views = skviz.enlarge(skviz.example_photo(), (1, 2), spec=model)
    >>> with skviz.intervene(probe, {"3_4": "largest"}):
    ...     probe(views).difference("3_4").tolist()
    [1.0, 1.0]
    """
    chosen: dict[str, tuple[AttentionSite, Replacement]] = {}
    for name, given in replacements.items():
        replacement = as_replacement(given)
        for source in probe.only(name).sources:
            if replacement.check is not None:
                replacement.check(source.unit)
            chosen[source.unit.name] = (source, replacement)
    if not chosen:
        yield
        return
    running = _Running(chosen, constant, unchecked)
    with ForwardSession(probe.network, model=probe.model) as session, ExitStack() as modes:
        if _put_hooks(session, running):
            # For the whole block, below the modes that a probe enters for one module's call.
            modes.enter_context(_Replacing(running))
        yield


@dataclass
class _Frame:
    """One running call of a module: what is wanted of it, and the operations so far."""

    wanted: dict[tuple[str, int], AttentionSite]
    seen: Counter[str] = field(default_factory=Counter)


@dataclass
class _Running:
    """What the hooks of one block know about the pass under way."""

    chosen: Mapping[str, tuple[AttentionSite, Replacement]]
    constant: bool
    unchecked: bool = False
    inside: bool = False
    batch: int = 0
    done: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    frames: list[_Frame] = field(default_factory=list)

    def begin(self, network: nn.Module, inputs: Any, named: Any) -> None:
        """A forward pass of the network begins."""
        self.inside, self.batch = True, batch_size((inputs, named))
        self.done.clear()
        self.calls.clear()
        self.frames.clear()

    def end(self) -> None:
        """It ended, also by an exception."""
        self.inside = False
        self.frames.clear()

    def enter(self, path: str, wanted: Wanted, module: nn.Module, inputs: Any) -> None:
        """A module with wanted operations begins to run."""
        self.frames.append(_Frame(wanted.get(self.calls[path], {})))
        self.calls[path] += 1

    def leave(self, *call: Any) -> None:
        """Such a module returned."""
        if self.frames:
            self.frames.pop()

    def complete(self, *call: Any) -> None:
        """It came to its end: everything must have been replaced."""
        missing = [name for name in self.chosen if name not in self.done]
        if missing:
            raise CaptureError(
                f"expected every unit to run in the forward pass, {', '.join(missing)} did not, "
                "so nothing was replaced there; a compiled or scripted copy of the network may "
                "have run in their place"
            )

    def replaced(self, source: AttentionSite, output: Any) -> Any:
        """The output of a module or operation with the attention in it replaced."""
        unit, name = source.unit, source.unit.name
        _, replacement = self.chosen[name]
        if name in self.done and self.inside:
            raise CaptureError(
                f"expected {name} ({source.module}) to run once in a forward pass, it ran again; "
                "its attention is not one array per image"
            )
        self.done.add(name)
        attention = source.attention(output, self.batch)
        made = replacement.make(attention, unit)
        if isinstance(made, Tensor) and made.shape == attention.shape[1:]:
            made = made.expand(attention.shape)
        if not isinstance(made, Tensor) or made.shape != attention.shape:
            got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise CaptureError(
                f"expected a replacement ({replacement.name}) of shape {tuple(attention.shape)} "
                f"for the attention of {name}, got {got}"
            )
        if self.unchecked:
            return source.put_in(output, made, self.batch)
        check_shape(source, made)
        checked_all([source], {name: made.detach()})
        if self.constant:
            made = made.detach()
            output = tree_map(lambda leaf: leaf.detach() if is_real(leaf) else leaf, output)
        return source.write(output, made, self.batch)


def _put_hooks(session: ForwardSession, running: _Running) -> bool:
    """Put hooks on the modules of the sources; returns whether operations are to be watched."""
    network = session.network
    session.before(network, running.begin, named=True)
    session.at_end(running.end)
    sources = [source for source, _ in running.chosen.values()]
    inside = hook_modules(session, sources, running.replaced)
    for path, wanted in inside.items():
        module = network.get_submodule(path)
        session.before(module, partial(running.enter, path, wanted))
        session.after(module, running.leave)
    session.after(network, running.complete)
    return bool(inside)


class _Replacing(WatchedOperations):
    """Counts the operations of the running modules, and replaces results that are wanted."""

    def __init__(self, running: _Running) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.running = running
        self.waiting: list[tuple[str, Tensor]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.stop_gradients()
        return super().__torch_dispatch__(func, types, args, kwargs)

    def returned(self, func: Any, name: str, result: Tensor) -> Any:
        source = None
        for frame in self.running.frames:
            source = source or frame.wanted.get((name, frame.seen[name]))
            frame.seen[name] += 1
        if source is None:
            return result
        written = self.running.replaced(source, result)
        if func._schema.is_mutable:
            written = result.copy_(written)
        self.waiting.append((source.unit.name, written))
        return written

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self.waiting.clear()

    def stop_gradients(self) -> None:
        """Let no gradient into an operation whose result was replaced: it is not its own.

        PyTorch notes the operation as the result's origin only after `__torch_dispatch__`
        returned; so this is done when the next operation comes.
        """
        while self.waiting:
            unit, tensor = self.waiting.pop()
            if not tensor.requires_grad:
                continue
            _, replacement = self.running.chosen[unit]
            if replacement.depends and not self.running.constant:
                raise CaptureError(
                    f"cannot let gradients flow through the replaced attention of {unit} "
                    f"({replacement.name}): it is the result of an operation, not of a module; "
                    "pass constant=True, or run under torch.no_grad()"
                )
            stop_gradient(tensor)
