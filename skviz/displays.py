"""The figures of a run by name: where each one's display is, and what it shows.

A new figure is a file with a `RunDisplay` and one line here: commands, reports, slides and data
exports find it by its name. Nothing is imported before a figure is drawn.
"""

from __future__ import annotations

from typing import NamedTuple


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
