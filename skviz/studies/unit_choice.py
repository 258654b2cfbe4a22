"""Which units of a network are shown, and how."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from skviz.errors import UnitError
from skviz.units import Unit, paper_units, select_units

# The unit whose channels the paper's figure 3 shows.
PAPER_LINE = "3_4"


@dataclass(frozen=True)
class UnitChoice:
    """Which units of a network are shown: channel by channel, and by their difference.

    `lines` are the units that were asked for, `bars` the last unit of every stage; `all` is
    both, in the order of execution.
    """

    lines: tuple[Unit, ...]
    bars: tuple[Unit, ...]
    all: tuple[Unit, ...]


def choose_units(units: Sequence[Unit], stages: Iterable[str] = ()) -> UnitChoice:
    """Choose the units that the names in `stages` ask for, next to the paper's.

    Without names the lines show 3_4 as in the paper's figure 3, or, in a network without it,
    the second of the paper's units. Raises `UnitError` for a name that matches nothing, and
    for a network that has no units.
    """
    if not units:
        raise UnitError(
            "expected a network with selective attention, got one without any; choose another "
            "(a network whose branches are summed has nothing to show)"
        )
    paper = paper_units(units)
    names = list(stages)
    if names:
        lines = select_units(names, units)
    else:
        usual = [unit for unit in units if unit.short == PAPER_LINE]
        lines = usual or [paper[min(1, len(paper) - 1)]]
    both = [unit for unit in units if unit in lines or unit in paper]
    return UnitChoice(tuple(lines), tuple(paper), tuple(both))
