"""The network that hooks can be put on, behind wrappers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from skviz.capture.discovery.passes import described
from skviz.errors import CaptureError, SkvizError, out_of_memory
from skviz.models.closed import why_closed


def original(model: nn.Module) -> nn.Module:
    """Return the network behind wrappers: hooks put on a compiled wrapper would never fire.

    Raises `CaptureError` for what cannot be looked into: exported, scripted, traced and
    statically quantised networks, and what is no network.
    """
    while True:
        if isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        elif isinstance(getattr(model, "_orig_mod", None), nn.Module):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            break
    reason = why_closed(model)
    if reason:
        raise CaptureError(f"cannot look inside: {reason}; pass the network it was made from")
    if not isinstance(model, nn.Module):
        raise CaptureError(
            f"expected a network (torch.nn.Module), got {type(model).__name__}; load one with "
            "skviz.load_model, or build it with its own code"
        )
    return model


@contextmanager
def in_words(network: nn.Module, inputs: Any) -> Iterator[None]:
    """Turn the error of a foreign network into one that says what it was given."""
    try:
        yield
    except SkvizError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise  # Smaller batches may do.
        raise CaptureError(
            f"{type(network).__name__} fails on its input, {described(inputs, error)}; it may take "
            "images of another size (--input-size), or needs further inputs (--example)"
        ) from error
