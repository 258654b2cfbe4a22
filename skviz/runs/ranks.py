"""Which of several processes this one is: the variables of torchrun and Slurm, and no talk.

Processes share nothing but the folder of the run. A shard is done by the rank that claims it
first (`skviz.runs.storage.claims`), so that a slow one does not hold up the others.
"""

from __future__ import annotations

import os
import re
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

        Without them SLURM_PROCID, SLURM_NTASKS and SLURM_LOCALID, as `srun` sets them.
        An array of jobs over a shared folder may set RANK and WORLD_SIZE itself. Raises
        `UsageError` for numbers that make no sense.
        """
        if "WORLD_SIZE" not in environment and "SLURM_PROCID" in environment:
            environment = _of_slurm(environment)
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

    def order(self, shards: Sequence[int]) -> list[int]:
        """Return the shards in the order in which this process asks for them.

        Ranks begin at different places, so that they seldom ask for the same one.
        """
        first = self.rank * len(shards) // self.world
        return [*shards[first:], *shards[:first]]

    def device(self, device: torch.device) -> torch.device:
        """Return this process's own card where the device is CUDA without a number."""
        import torch

        if device.type != "cuda" or device.index is not None:
            return device
        return torch.device("cuda", self.local % max(1, torch.cuda.device_count()))


def _of_slurm(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what torchrun would have said of a task of `srun`."""
    world = environment.get("SLURM_NTASKS", "1")
    # "2(x3)" or "4": tasks on each machine; a list begins with the first one's.
    nodes = environment.get(
        "SLURM_STEP_TASKS_PER_NODE", environment.get("SLURM_TASKS_PER_NODE", "")
    )
    local = re.match(r"\d+", nodes)
    return {
        "RANK": environment["SLURM_PROCID"],
        "WORLD_SIZE": world,
        "LOCAL_RANK": environment.get("SLURM_LOCALID", "0"),
        "LOCAL_WORLD_SIZE": local[0] if local else "1",
    }


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"expected {name} in the environment to be a number, got '{text}'") from (
            None
        )
