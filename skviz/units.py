"""SK units and their names: "3_4", "SK_3_4", "3_*", "paper", "all".

Units are named by stage and position as in the paper: SK_2_3 is the third unit of
conv2_x, SK_3_4 the fourth (and in SKNet-50 the last) of conv3_x.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from skviz.errors import UnitError, did_you_mean
from skviz.frames import Overview, ShowsTable
from skviz.kernels import Kernel as Kernel

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

# SK_3_4; the gates of a network without selective units are SE_3_4.
_STAGED = re.compile(r"^S[KE]_(\d+)_(\d+)$")
GATE = "gate"


@dataclass(frozen=True)
class Unit(ShowsTable):
    """One selective-kernel unit of a network.

    Parameters
    ----------
    name
        "SK_3_4", or the module path where a network has no stages.
    path
        The dotted path of the module.
    kernels
        One `Kernel` per branch, None where no kernel size is known.
    channels
        The number C of channels that are weighed.
    call
        Counts the calls of the same module within one forward pass.
    kind, found_by
        What it is, and how the attention is read.
    notes
        What a reader should know of it.
    null
        The branches that are switched off: their weights multiply nothing.

    Examples
    --------
    >>> unit = skviz.Unit("SK_3_4", "", (skviz.Kernel(3), skviz.Kernel(3, 2)), channels=64)
    >>> unit.short, unit.branch_label(unit.largest)
    ('3_4', '5x5')
    """

    name: str
    path: str
    kernels: tuple[Kernel | None, ...]
    channels: int
    call: int = 0
    kind: str = "selective kernel"
    found_by: str = "module output"
    notes: tuple[str, ...] = ()
    null: tuple[int, ...] = ()

    @property
    def short(self) -> str:
        """The name without its `SK_` in front: `3_4`."""
        return self.name[3:] if _STAGED.match(self.name) else self.name

    @property
    def branches(self) -> int:
        """Number M of branches."""
        return len(self.kernels)

    @property
    def stage(self) -> int | None:
        """Stage number, or None where the network has no stages."""
        found = _STAGED.match(self.name)
        return int(found[1]) if found else None

    @property
    def position(self) -> int | None:
        """Position within the stage, counted from 1, or None without stages."""
        found = _STAGED.match(self.name)
        return int(found[2]) if found else None

    @property
    def live(self) -> tuple[int, ...]:
        """Indices of the branches that have features: all but the null branches."""
        return tuple(branch for branch in range(self.branches) if branch not in self.null)

    @property
    def kernels_known(self) -> bool:
        """Whether all branches have known kernels of different effective sizes.

        Only then there is an expected kernel size; a null branch has no kernel.
        """
        sizes = {kernel.effective for kernel in self.kernels if kernel is not None}
        return None not in self.kernels and len(sizes) > 1

    @property
    def labelled(self) -> bool:
        """Whether the live branches are told apart by their kernels."""
        return len({kernel.label for kernel in self._live_kernels}) > 1

    @property
    def largest(self) -> int:
        """Index of the live branch with the largest kernel (the last one if unknown).

        The larger of two kernels is the one with the longer side, then the larger area.
        """
        return self._extreme(max, fallback=-1)

    @property
    def smallest(self) -> int:
        """Index of the live branch with the smallest kernel (the first one if unknown)."""
        return self._extreme(min, fallback=0)

    @property
    def _live_kernels(self) -> list[Kernel]:
        """Kernels of the live branches; none where one is unknown."""
        kernels = [self.kernels[branch] for branch in self.live]
        known = [kernel for kernel in kernels if kernel is not None]
        return known if len(known) == len(kernels) else []

    def _extreme(self, pick: Callable[..., tuple[int, int]], fallback: int) -> int:
        orders = [kernel.order for kernel in self._live_kernels]
        if len(set(orders)) < 2:
            return self.live[fallback]
        return self.live[orders.index(pick(orders))]

    def checked_branch(self, branch: int | None) -> int:
        """Return the branch asked for, by default the largest kernel's; negative ones count back.

        Raises `UnitError` if there is no such branch.
        """
        if branch is None:
            return self.largest
        if not -self.branches <= branch < self.branches:
            raise UnitError(
                f"expected a branch from 0 to {self.branches - 1} for {self.name}, got {branch}"
            )
        return branch % self.branches

    def branch_label(self, branch: int) -> str:
        """The branch by its effective kernel ("5x5"), or "branch 1" where that says nothing."""
        if self.branches == 1:
            return GATE
        branch %= self.branches
        if branch in self.null:
            return "null" if len(self.null) == 1 else f"null (branch {branch})"
        kernel = self.kernels[branch]
        if kernel is None or not self.labelled:
            return f"branch {branch}"
        same = [other for other in self._live_kernels if other.label == kernel.label]
        return kernel.label if len(same) == 1 else f"{kernel.label} (branch {branch})"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per branch.

        Columns: `unit`, `branch`, `kernel` (its label), `size`, `dilation`, `groups` and
        `effective` (size in pixels) of the kernel, missing where it is unknown, `channels`. Of
        a kernel with unequal sides they tell the longest one, its label all.
        """
        import pandas as pd

        columns = ["unit", "branch", "kernel", "size", "dilation", "groups", "effective"]
        rows = [
            (self.name, branch, self.branch_label(branch))
            + (
                (None,) * 4
                if kernel is None
                else (*kernel.longest, kernel.groups, kernel.effective)
            )
            for branch, kernel in enumerate(self.kernels)
        ]
        frame = pd.DataFrame(rows, columns=columns)
        frame = frame.astype(dict.fromkeys(columns[3:], "Int64"))
        return frame.assign(channels=self.channels)

    def to_numpy(self) -> NDArray[np.float64]:
        """Return the effective kernel size of every branch, shape (M,), nan where unknown."""
        import numpy as np

        sizes = [np.nan if kernel is None else kernel.effective for kernel in self.kernels]
        return np.array(sizes, dtype=np.float64)

    def overview(self) -> Overview:
        """Return its branches as they are shown in a notebook."""
        import pandas as pd

        rows = [
            (branch, self.branch_label(branch), "unknown" if kernel is None else str(kernel))
            for branch, kernel in enumerate(self.kernels)
        ]
        title = f"{self.name}: {self.kind}, {self.channels} channels"
        title += f" ({self.path})" if self.path else ""
        if self.notes:
            title += f"; {'; '.join(self.notes)}"
        return Overview(title, pd.DataFrame(rows, columns=["branch", "label", "kernel"]))


def paper_units(units: Sequence[Unit]) -> list[Unit]:
    """Return the last unit of every stage: the bars of the paper's figure 3.

    Parameters
    ----------
    units
        Those of a network, in the order of execution.

    Returns
    -------
    list of Unit
        All units where the network has no stages.

    Examples
    --------
    >>> probe = skviz.Probe(skviz.load_model())
    >>> [unit.short for unit in skviz.paper_units(probe.units)]
    ['2_3', '3_4', '4_6', '5_3']
    """
    last: dict[int | None, Unit] = {}
    for unit in units:
        last[unit.stage] = unit
    if list(last) == [None]:
        return list(units)
    return [unit for stage, unit in last.items() if stage is not None]


def notes_of(units: Sequence[Unit]) -> list[str]:
    """Say what the finding of the units noted, every note once: "3_1, 3_2: kernel size unknown"."""
    found: dict[str, list[str]] = {}
    for unit in units:
        for note in unit.notes:
            found.setdefault(note, []).append(unit.short)
    return [
        f"{'all units' if len(names) == len(units) > 1 else ', '.join(names)}: {note}"
        for note, names in found.items()
    ]


def select_units(wanted: str | Iterable[str], units: Sequence[Unit]) -> list[Unit]:
    """Return the units that the names ask for, in the network's own order, each once.

    Parameters
    ----------
    wanted
        Names: `3_4`, `SK_3_4`, a module path, a pattern such as `3_*`, `all`, or `paper` (the last
        unit of every stage).
    units
        Those of the network.

    Returns
    -------
    list of Unit
        One or more.

    Raises
    ------
    UnitError
        For a name that matches nothing.

    Examples
    --------
    >>> probe = skviz.Probe(skviz.load_model())
    >>> [unit.short for unit in skviz.select_units("5_*", probe.units)]
    ['5_1', '5_2', '5_3']
    """
    if isinstance(wanted, str):
        wanted = [wanted]
    chosen: set[int] = set()
    for name in wanted:
        chosen.update(_matches(name.strip(), units))
    if not chosen:
        raise UnitError(f"expected at least one unit name, got none. {_known(units)}")
    return [unit for index, unit in enumerate(units) if index in chosen]


def _matches(name: str, units: Sequence[Unit]) -> list[int]:
    if name == "all":
        return list(range(len(units)))
    if name == "paper":
        chosen = paper_units(units)
        return [index for index, unit in enumerate(units) if unit in chosen]
    found = [
        index
        for index, unit in enumerate(units)
        if name in (unit.name, unit.short, unit.path)
        or any(fnmatch.fnmatchcase(known, name) for known in (unit.name, unit.short, unit.path))
    ]
    if not found:
        stage = name.removeprefix("SK_").split("_")[0]
        near = [unit.short for unit in units if unit.short.split("_")[0] == stage]
        hint = did_you_mean(name, near or [unit.short for unit in units])
        raise UnitError(f"unknown unit '{name}'.{hint} {_known(units)}")
    return found


def _known(units: Sequence[Unit]) -> str:
    names = ", ".join(unit.short for unit in units)
    return f"This network has: {names}; also 'all', 'paper' and patterns such as '3_*'."
