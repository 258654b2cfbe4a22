"""Reads the result of single operations (the n-th softmax of a module) during a forward pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from skviz.capture.discovery.tracing.operations import WATCHED, operation_name
from skviz.capture.site import AttentionSite

Receive = Callable[[AttentionSite, Tensor], None]
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


class Listener:
    """Listens to one module, in the thread that made it, while its wanted calls run."""

    def __init__(self, sources: Iterable[AttentionSite], receive: Receive) -> None:
        self.receive = receive
        self.wanted: dict[int, dict[tuple[str, int], AttentionSite]] = {}
        for source in sources:
            operation = source.operation
            assert operation is not None
            place = (operation.name, operation.index)
            self.wanted.setdefault(operation.call, {})[place] = source
        self.calls = 0
        self.running: list[_Listening | None] = []

    def before(self, module: nn.Module, inputs: Any) -> None:
        """Forward pre-hook."""
        wanted = self.wanted.get(self.calls)
        self.calls += 1
        mode = _Listening(wanted, self.receive) if wanted else None
        self.running.append(mode)
        if mode is not None:
            mode.__enter__()  # type: ignore[no-untyped-call]

    def after(self) -> None:
        """To be called by the forward hook."""
        if self.running:
            mode = self.running.pop()
            if mode is not None:
                mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]


def is_real(result: Any) -> bool:
    """Whether an operation's result is a tensor of floating-point or complex numbers."""
    return isinstance(result, Tensor) and (result.is_floating_point() or result.is_complex())
