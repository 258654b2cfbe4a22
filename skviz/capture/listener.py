"""Reads what modules, and single operations in them (the n-th softmax), return during a pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache, partial
from itertools import count
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from skviz.capture.discovery.tracing.operations import WATCHED, operation_name
from skviz.capture.site import AttentionSite
from skviz.hooks import ForwardSession

Receive = Callable[[AttentionSite, Any], Any]
# By the call of a module, the sources in it by the name and index of their operations.
Wanted = dict[int, dict[tuple[str, int], AttentionSite]]
_name = lru_cache(maxsize=None)(operation_name)


class WatchedOperations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands on the results of the operations that attention can come from, while it is entered."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = _name(func)
        if name in WATCHED and is_real(result):
            return self.returned(func, name, result)
        return result

    def returned(self, func: Any, name: str, result: Tensor) -> Any:
        """Return what takes the place of the result of operation `name`, or the result."""
        raise NotImplementedError


class _Listening(WatchedOperations):
    """Counts operations while one call of a module runs, and hands on those that are wanted."""

    def __init__(self, wanted: dict[tuple[str, int], AttentionSite], receive: Receive) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.wanted, self.receive = wanted, receive
        self.seen: Counter[str] = Counter()

    def returned(self, func: Any, name: str, result: Tensor) -> Any:
        source = self.wanted.get((name, self.seen[name]))
        self.seen[name] += 1
        if source is not None:
            # A copy: the network may go on to change the tensor in place.
            self.receive(source, result.detach().clone())
        return result


def listen(session: ForwardSession, sources: Iterable[AttentionSite], receive: Receive) -> None:
    """Call `receive(source, output)` with what the module or operation of a source returns."""
    running: list[AbstractContextManager[object]] = []

    def enter(wanted: Wanted, calls: count[int], module: nn.Module, inputs: Any) -> None:
        places = wanted.get(next(calls))
        running.append(_Listening(places, receive) if places else nullcontext())
        running[-1].__enter__()

    def leave(*call: Any) -> None:
        running.pop().__exit__(None, None, None)

    def leave_all() -> None:
        while running:  # Where a pass ended early, the innermost module first.
            leave()

    session.on_exit(leave_all)
    for path, wanted in hook_modules(session, sources, receive).items():
        module = session.network.get_submodule(path)
        session.before(module, partial(enter, wanted, count()))
        session.after(module, leave)


def hook_modules(
    session: ForwardSession, sources: Iterable[AttentionSite], receive: Receive
) -> dict[str, Wanted]:
    """Put hooks on the modules that return attention; what `receive` returns is their output.

    Returns, by the paths of modules, the sources that are operations in them.
    """
    inside: dict[str, Wanted] = {}
    for source in sources:
        operation = source.operation
        if operation is None:
            module = session.network.get_submodule(source.module)
            session.after(module, partial(_returned, receive, source))
        else:
            calls = inside.setdefault(source.module, {}).setdefault(operation.call, {})
            calls[operation.name, operation.index] = source
    return inside


def _returned(
    receive: Receive, source: AttentionSite, module: nn.Module, inputs: Any, output: Any
) -> Any:
    return receive(source, output)


def is_real(result: Any) -> bool:
    """Whether an operation's result is a tensor of floating-point or complex numbers."""
    return isinstance(result, Tensor) and (result.is_floating_point() or result.is_complex())
