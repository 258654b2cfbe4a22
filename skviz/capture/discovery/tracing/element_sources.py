"""Shadows: for every number of a tensor, where it comes from.

A shadow belongs to a storage, not to a tensor, so every view of it (reshaped, permuted,
unbound, chunked, expanded) sees the right part by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class Shadow:
    """Sources of the numbers of one storage, int32 of shape (numbers, K); 0 stands for none.

    `role` is "attention" (the numbers of an attention at other places) or "product" (sums of
    K terms, each a feature times one number of an attention). `calls` lists the attentions.
    """

    owner: torch.UntypedStorage  # Kept, so that its address is not used again.
    sources: Tensor
    role: str
    calls: frozenset[int]


class ElementSources:
    """The shadows of all tensors that have one."""

    def __init__(self) -> None:
        self._by_storage: dict[int, Shadow] = {}

    def __getitem__(self, tensor: Tensor) -> Shadow:
        return self._by_storage[storage_key(tensor)]

    def find(self, value: Any) -> Shadow | None:
        """The shadow of the storage that a value is a view of, if it is a tensor with one."""
        known = bool(self._by_storage) and isinstance(value, Tensor)
        return self._by_storage.get(storage_key(value)) if known else None

    def read(self, tensor: Tensor) -> Tensor:
        """Sources of the numbers of a tensor, shape (*tensor.shape, K)."""
        return strided_like(self[tensor].sources, tensor)

    def write(self, tensor: Tensor, sources: Tensor, role: str, calls: frozenset[int]) -> None:
        """Set the sources of a tensor, shape (*tensor.shape, K), which may be part of a storage."""
        old = self._by_storage.get(storage_key(tensor))
        terms = sources.shape[-1]
        if old is not None and old.role == role:
            terms = max(terms, old.sources.shape[-1])
        whole = torch.zeros(
            (storage_length(tensor), terms), dtype=torch.int32, device=sources.device
        )
        if old is not None and old.role == role:
            whole[:, : old.sources.shape[-1]] = old.sources
            calls |= old.calls
        region = strided_like(whole, tensor)
        region.zero_()
        region[..., : sources.shape[-1]].copy_(sources)
        self._by_storage[storage_key(tensor)] = Shadow(tensor.untyped_storage(), whole, role, calls)

    def drop(self, tensor: Tensor) -> None:
        """Forget the shadow of a tensor's storage."""
        self._by_storage.pop(storage_key(tensor), None)


def storage_key(tensor: Tensor) -> int:
    """What all views of the same numbers have in common."""
    return int(tensor.untyped_storage()._cdata)


def storage_length(tensor: Tensor) -> int:
    """How many numbers the storage behind a tensor holds."""
    return int(tensor.untyped_storage().nbytes()) // tensor.element_size()


def strided_like(whole: Tensor, tensor: Tensor) -> Tensor:
    """View the rows of `whole` (numbers, K) as `tensor` views its storage: (*shape, K)."""
    terms = whole.shape[-1]
    return whole.as_strided(
        (*tensor.shape, terms),
        (*(stride * terms for stride in tensor.stride()), 1),
        tensor.storage_offset() * terms,
    )
