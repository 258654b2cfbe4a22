"""Where the attention of one unit can be read during a forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from skviz.units import Unit


@dataclass(frozen=True)
class Operation:
    """The `index`-th operation `name` within call number `call` of a module."""

    name: str
    index: int = 0
    call: int = 0


@dataclass(frozen=True)
class Source:
    """A unit, and how to read its attention from the module at `module`.

    Without `operation` it is read from what the module returns, by `read(output)`; with one
    from the result of that operation, by `read(result, batch)`. Both give attention of shape
    (B, M, C). `competing` says that it must sum to 1 over the branches.
    """

    unit: Unit
    module: str
    read: Callable[..., Tensor]
    operation: Operation | None = None
    competing: bool = True

    def attention(self, output: Any, batch: int) -> Tensor:
        """Return attention of shape (B, M, C) from the module's or operation's result."""
        return self.read(output) if self.operation is None else self.read(output, batch)
