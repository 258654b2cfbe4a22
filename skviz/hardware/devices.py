"""Where a network runs: the processor, or a graphics card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from skviz.errors import UsageError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name; "auto" is CUDA where there is one, else the CPU.

    Raises `UsageError` for an unknown name, and for "cuda" on a machine without.
    """
    import torch

    if name not in DEVICES:
        raise UsageError(f"expected device {', '.join(DEVICES)}, got '{name}'")
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError(
            "expected a CUDA device, found none on this machine; use --device cpu or auto"
        )
    return torch.device("cuda" if available and name != "cpu" else "cpu")


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draw random numbers from a seed within the block; the random state outside stays as it was.

    Without a device, on the CPU only.
    """
    import torch

    cuda = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed)
        yield
