"""What the commands that measure a data set say: how far it is, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .echo import Echo
from .exit_codes import INTERRUPTED, Failure

if TYPE_CHECKING:
    from skviz.runs.ranks import Ranks
    from skviz.runs.storage.shards import ShardedRecords


def announce(records: ShardedRecords, resumed: bool, echo: Echo) -> None:
    """Say it where nothing is left to do, and where a run goes on."""
    if records.complete:
        echo.note(f"'{records.path}' is already finished; nothing to do")
    elif resumed:
        done = f"{len(records.done)} of {records.shards} shards are done"
        echo.note(f"resuming '{records.path}': {done}")


def interrupted(records: ShardedRecords) -> Failure:
    """Return the error that says how to go on after Ctrl-C."""
    done = f"{len(records.done)} of {records.shards} shards are done in '{records.path}'"
    text = f"interrupted: {done}, the one under way is lost; run the same command again to go on"
    return Failure(text, INTERRUPTED)


def leave_unreadable(
    errors: Sequence[Mapping[str, str]], text: str, code: int, ranks: Ranks, echo: Echo
) -> None:
    """Name images that could not be read, and leave with an exit code."""
    echo.unreadable(errors)
    # torchrun takes any exit code but 0 for a crash, and would end the other processes.
    if not ranks.launched:
        raise Failure(text, code)
    echo.warn(text)
