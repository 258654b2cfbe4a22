"""Which share of the work is this process's: torchrun's environment variables, and no talk.

Processes share nothing but the folder of the run. A shard belongs to a rank by its number, so
that who does what depends neither on timing nor on who else is alive.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skviz.errors import UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Ranks:
    """This process among all of a run, over all machines.

    `rank` counts from 0 to `world` - 1; `local` counts the processes on this machine, of which
    there are `local_world`. `launched` says whether torchrun, or what stands for it, started it.
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    local_world: int = 1
    launched: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Ranks:
        """Read RANK, WORLD_SIZE, LOCAL_RANK and LOCAL_WORLD_SIZE, as torchrun sets them.

        An array of jobs over a shared folder may set RANK and WORLD_SIZE itself. Raises
        `UsageError` for numbers that make no sense.
        """
        rank, world = _number(environment, "RANK", 0), _number(environment, "WORLD_SIZE", 1)
        if not 0 <= rank < world:
            raise UsageError(
                f"expected RANK from 0 to WORLD_SIZE - 1 in the environment, got RANK={rank} and "
                f"WORLD_SIZE={world}; unset both, or start with torchrun"
            )
        local = _number(environment, "LOCAL_RANK", 0)
        local_world = max(1, _number(environment, "LOCAL_WORLD_SIZE", 1))
        return cls(rank, world, local, local_world, "WORLD_SIZE" in environment)

    @property
    def first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def share(self, shards: Sequence[int]) -> list[int]:
        """Return which of these shards are this process's."""
        return [number for number in shards if number % self.world == self.rank]

    def device(self, device: torch.device) -> torch.device:
        """Return this process's own card where the device is CUDA without a number."""
        import torch

        if device.type != "cuda" or device.index is not None:
            return device
        return torch.device("cuda", self.local % max(1, torch.cuda.device_count()))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"expected {name} in the environment to be a number, got '{text}'") from (
            None
        )
