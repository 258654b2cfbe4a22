"""The figures of a run by name: where each one's display is, and what it shows.

A new figure is a file with a `RunDisplay` and one line here: commands, reports, slides and data
exports find it by its name. Nothing is imported before a figure is drawn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from skviz.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from skviz.figures.display import RunDisplay


class Entry(NamedTuple):
    """Where a display is, "module:Class", and what it shows, for the help of the command."""

    address: str
    about: str


DISPLAYS: dict[str, Entry] = {
    "lines": Entry(
        "skviz.figures.attention.lines:ChannelLines",
        "attention of one kernel over channels (figure 3 (c), left)",
    ),
    "bars": Entry(
        "skviz.figures.attention.bars:UnitBars", "difference per unit, with deviations (its right)"
    ),
    "3c": Entry("skviz.figures.runs.figure3:Figure3", "lines and bars, as in the paper"),
    "units": Entry("skviz.figures.runs.depth:DepthLines", "all units along the depth"),
    "classes": Entry("skviz.figures.runs.classes:ClassCurves", "difference per class (figure 4)"),
    "channels": Entry(
        "skviz.figures.runs.heatmap:ChannelHeatmap", "heat map of channels and scales"
    ),
}
# The paper's numbers of figures that have a name.
ALIASES = {"4": "classes"}


def find_display(name: str) -> type[RunDisplay]:
    """Return the display of a name; raises `UsageError` for an unknown one.

    Examples
    --------
    >>> find_display("bars").__name__, find_display("4").__name__
    ('UnitBars', 'ClassCurves')
    """
    name = ALIASES.get(name, name)
    if name not in DISPLAYS:
        hint = did_you_mean(name, DISPLAYS)
        raise UsageError(f"expected a figure out of {', '.join(DISPLAYS)}, got '{name}'.{hint}")
    module, _, cls = DISPLAYS[name].address.partition(":")
    found: type[RunDisplay] = getattr(importlib.import_module(module), cls)
    return found
