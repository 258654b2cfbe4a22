"""From the tensor that a softmax returns to attention of shape (B, M, C)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from skviz.errors import CaptureError


@dataclass(frozen=True, eq=False)
class Layout:
    """Where branch m and channel c of image b are in the result of a softmax or sigmoid.

    `axes` is the number of its axes, `batch_axis` the one that follows the batch, `constant`
    those along which it only repeats itself (it was spread over the pixels). `table` holds,
    for one image, the place of every branch and channel, shape (M, C); places past the end
    are those of 1 minus the result. `fold` is "before" or "after" where the batch shares its
    axis with something else that comes before or after it. `passes` (P,) is what is added to a
    place for each pass of an image through the network, of which the mean is read. With
    `normalised` the weights are divided by their sum over the branches.
    """

    axes: int
    batch_axis: int
    table: Tensor
    constant: tuple[int, ...] = ()
    fold: str | None = None
    complement: bool = False
    passes: Tensor = field(default_factory=lambda: torch.zeros(1, dtype=torch.long))
    normalised: bool = False

    @cached_property
    def places(self) -> Tensor:
        """Place of every pass, branch and channel in the numbers of one image, (P, M, C)."""
        return self.passes[:, None, None] + self.table

    @cached_property
    def last(self) -> int:
        """The last of the places: a number, so that a pass can be traced."""
        return int(self.places.max())

    def read(self, result: Tensor, batch: int) -> Tensor:
        """Return attention of shape (B, M, C); raises `CaptureError` for another shape."""
        shape = tuple(result.shape)
        if result.ndim == self.axes:
            result = self.batch_first(self.once(result), batch)
        elif batch == 1:  # A network that squeezes loses the batch axis of a single image.
            result = result.unsqueeze(0)
        if result.shape[0] == batch and batch > 0:
            flat = result.reshape(batch, -1)
            if self.complement:
                flat = torch.cat((flat, 1 - flat), dim=1)
            if flat.shape[1] > self.last:
                found = flat[:, self.places.to(flat.device)]
                if self.normalised:
                    found = found / found.sum(dim=2, keepdim=True)
                return found.mean(dim=1) if len(self.passes) > 1 else found[:, 0]
        raise CaptureError(
            f"expected attention of {batch} images, got a tensor of shape {shape} that is not "
            "laid out as in the passes that found it; pass an input like yours as `example`"
        )

    def write(self, result: Tensor, attention: Tensor, batch: int) -> Tensor:
        """Return the result with its attention replaced by `attention` (B, M, C).

        The inverse of `read`: what holds no attention stays as it is. Shape, precision and
        strides are those of `result`. Raises `CaptureError` as `read` does.
        """
        self.read(result, batch)  # Says what is wrong with another shape.
        short = self.once(result) if result.ndim == self.axes else result
        numbers = torch.arange(short.numel(), device=short.device).reshape(short.shape)
        first = self.batch_first(numbers, batch) if result.ndim == self.axes else numbers
        position = first.reshape(batch, -1)
        places = position.shape[1]
        table = self.places.to(short.device)
        # Every pass of an image gets the same; weights that sum to 1 are normalised already.
        values = attention.to(result.dtype).unsqueeze(1)
        values = torch.where(table >= places, 1 - values, values)
        flat = short.reshape(-1).clone()
        flat[position[:, table % places]] = values
        return torch.empty_like(result).copy_(flat.reshape(short.shape))

    def once(self, result: Tensor) -> Tensor:
        """The result without its repetitions."""
        for axis in self.constant:
            result = result.narrow(axis, 0, 1)
        return result

    def batch_first(self, result: Tensor, batch: int) -> Tensor:
        axis, length = self.batch_axis, result.shape[self.batch_axis]
        if self.fold is None or length % batch:
            return result.movedim(axis, 0)
        if self.fold == "before":
            split, place = (length // batch, batch), axis + 1
        else:
            split, place = (batch, length // batch), axis
        shape = (*result.shape[:axis], *split, *result.shape[axis + 1 :])
        return result.reshape(shape).movedim(place, 0)
