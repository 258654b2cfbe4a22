"""Which module is running: a stack of module paths, kept by hooks on every module."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

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
        self.entered: list[str] = []
        self._calls: Counter[str] = Counter()
        self.session = ForwardSession(network)

    def __enter__(self) -> ModuleStack:
        self.session.__enter__()
        for path, module in self.network.named_modules():
            self.session.before(module, partial(self._enter, path))
            self.session.after(module, self._leave)
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

    def _enter(self, path: str, module: nn.Module, inputs: Any) -> None:
        self.frames.append(Frame(path, self._calls[path]))
        self.entered.append(path)
        self._calls[path] += 1

    def _leave(self, *call: Any) -> None:
        self.frames.pop()


def execution_order(network: nn.Module, images: Tensor) -> list[str]:
    """Return the paths of the modules as one forward pass enters them, once for every call.

    `images` (B, 3, H, W) is what the network is run on, in its own mode and without gradients.
    A module comes before the modules inside it.
    """
    with ModuleStack(network) as stack, torch.no_grad():
        stack.session.run(images)
    return stack.entered
