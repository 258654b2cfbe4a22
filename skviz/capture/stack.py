"""Which module is running: a stack of module paths, kept by hooks on every module."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from skviz.hooks import ForwardSession


@dataclass
class Frame:
    """One running call of a module: its path, which call of it, and the operations so far."""

    path: str
    call: int
    operations: Counter[str] = field(default_factory=Counter)


class ModuleStack(AbstractContextManager["ModuleStack"]):
    """Follows the calls of all modules of a network while it is entered.

    A module that hangs in the network at several places has the first of its paths.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.frames: list[Frame] = []
        self._calls: Counter[str] = Counter()
        self.session = ForwardSession(network)

    def __enter__(self) -> ModuleStack:
        self.session.__enter__()
        for path, module in self.network.named_modules():
            self.session.before(module, self._enters(path))
            self.session.after(module, self._leaves)
        return self

    def __exit__(self, *error: object) -> None:
        self.session.__exit__(*error)

    @property
    def where(self) -> tuple[tuple[str, int], ...]:
        """Path and call index of every running module, the outermost first."""
        return tuple((frame.path, frame.call) for frame in self.frames)

    def count(self, operation: str) -> int:
        """Count an operation; return how many of its name the innermost module had before."""
        before = self.frames[-1].operations[operation]
        for frame in self.frames:
            frame.operations[operation] += 1
        return before

    def _enters(self, path: str) -> Any:
        def hook(module: nn.Module, inputs: Any) -> None:
            self.frames.append(Frame(path, self._calls[path]))
            self._calls[path] += 1

        return hook

    def _leaves(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.frames.pop()
