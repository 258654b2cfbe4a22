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
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from skviz.capture.checks import checked
from skviz.capture.discovery.example import batch_size
from skviz.capture.listener import WatchedOperations, is_real
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

    wanted: dict[tuple[str, int], str]
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

    def begin(self, inputs: Any) -> None:
        """A forward pass of the network begins."""
        self.inside, self.batch = True, batch_size(inputs)
        self.done.clear()
        self.calls.clear()
        self.frames.clear()

    def end(self) -> None:
        """It ended, also by an exception."""
        self.inside = False
        self.frames.clear()

    def complete(self) -> None:
        """It came to its end: everything must have been replaced."""
        missing = [name for name in self.chosen if name not in self.done]
        if missing:
            raise CaptureError(
                f"expected every unit to run in the forward pass, {', '.join(missing)} did not, "
                "so nothing was replaced there; a compiled or scripted copy of the network may "
                "have run in their place"
            )

    def replaced(self, name: str, output: Any) -> Any:
        """The output of a module or operation with the attention in it replaced."""
        source, replacement = self.chosen[name]
        unit = source.unit
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
        checked(source, made)
        if self.constant:
            made = made.detach()
            output = tree_map(lambda leaf: leaf.detach() if is_real(leaf) else leaf, output)
        return source.write(output, made, self.batch)


def _put_hooks(session: ForwardSession, running: _Running) -> bool:
    """Put hooks on the modules of the sources; returns whether operations are to be watched."""
    network = session.network

    def begin(module: nn.Module, inputs: Any, named: Any) -> None:
        running.begin((inputs, named))

    def complete(module: nn.Module, inputs: Any, output: Any) -> None:
        running.complete()

    session.before(network, begin, named=True)
    session.at_end(running.end)
    inside: dict[str, list[AttentionSite]] = {}
    for name, (source, _) in running.chosen.items():
        if source.operation is not None:
            inside.setdefault(source.module, []).append(source)
            continue
        module = network.get_submodule(source.module)
        session.after(module, _replacer(running, name))
    for path, sources in inside.items():
        module = network.get_submodule(path)
        enter, leave = _frame_hooks(running, path, sources)
        session.before(module, enter)
        session.after(module, leave)
    session.after(network, complete)
    return bool(inside)


def _replacer(running: _Running, name: str) -> Any:
    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        return running.replaced(name, output)

    return hook


def _frame_hooks(running: _Running, path: str, sources: list[AttentionSite]) -> tuple[Any, Any]:
    wanted: dict[int, dict[tuple[str, int], str]] = {}
    for source in sources:
        operation = source.operation
        assert operation is not None
        place = (operation.name, operation.index)
        wanted.setdefault(operation.call, {})[place] = source.unit.name

    def enter(module: nn.Module, inputs: Any) -> None:
        running.frames.append(_Frame(wanted.get(running.calls[path], {})))
        running.calls[path] += 1

    def leave(module: nn.Module, inputs: Any, output: Any) -> None:
        if running.frames:
            running.frames.pop()

    return enter, leave


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
        unit = None
        for frame in self.running.frames:
            unit = unit or frame.wanted.get((name, frame.seen[name]))
            frame.seen[name] += 1
        if unit is None:
            return result
        written = self.running.replaced(unit, result)
        if func._schema.is_mutable:
            written = result.copy_(written)
        self.waiting.append((unit, written))
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
