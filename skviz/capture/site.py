"""Where the attention of one unit can be read during a forward pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skviz.errors import CaptureError
from skviz.units import Unit


@dataclass(frozen=True)
class Operation:
    """The `index`-th operation `name` within call number `call` of a module."""

    name: str
    index: int = 0
    call: int = 0


@dataclass(frozen=True)
class AttentionSite:
    """A unit, and how to read its attention from the module at `module`.

    Without `operation` it is read from what the module returns, by `read(output)`; with one
    from the result of that operation, by `read(result, batch)`. Both give attention of shape
    (B, M, C). `put` is the inverse, called as `put(output, attention, batch)`; it may be left
    out where `read` returns a view of the module's output. `competing` says that the
    attention must sum to 1 over the branches.
    """

    unit: Unit
    module: str
    read: Callable[..., Tensor]
    operation: Operation | None = None
    competing: bool = True
    put: Callable[[Any, Tensor, int], Any] | None = None

    def attention(self, output: Any, batch: int) -> Tensor:
        """Return attention of shape (B, M, C) from the module's or operation's result."""
        return self.read(output) if self.operation is None else self.read(output, batch)

    def write(self, output: Any, attention: Tensor, batch: int) -> Any:
        """Return the module's or operation's result with its attention (B, M, C) replaced.

        Raises `CaptureError` where the result has no room for it: there is no inverse of the
        reader, or one number stands for several weights that shall differ.
        """
        written = self.put_in(output, attention, batch)
        found = self.attention(written, batch)
        tolerance = 1e-5 if found.dtype in (torch.float32, torch.float64) else 2e-2
        if not torch.allclose(found.float(), attention.float(), rtol=0, atol=tolerance):
            raise CaptureError(
                f"cannot replace the attention of {self.unit.name} ({self.unit.path}) by any "
                "other: one number of its result stands for several weights; give weights that "
                "agree, such as a second branch that is 1 minus the first"
            )
        return written

    def put_in(self, output: Any, attention: Tensor, batch: int) -> Any:
        """Do what `write` does without looking at the numbers, so that it can be traced."""
        if self.put is not None:
            return self.put(output, attention, batch)
        if isinstance(output, Tensor):  # Write where the reader looks, in a copy.
            copy = output.clone()
            view = self.read(copy)
            if view.untyped_storage().data_ptr() == copy.untyped_storage().data_ptr():
                view.copy_(attention)
                return copy
        raise CaptureError(
            f"cannot replace the attention of {self.unit.name} ({self.unit.path}): it is read "
            f"from {self.module}, but how to write it back is not known; give its AttentionSite "
            "a `put`"
        )
