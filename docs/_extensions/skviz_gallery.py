"""What sphinx-gallery must know of skviz: where an example's figures are.

skviz draws on figures that pyplot does not know, so the gallery's own way of finding them does
not. An example shows the figures that its names stand for, each once.
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

DOTS_PER_INCH = 160
_shown: set[int] = set()


def figures(block: Any, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """Save the figures that the block made, and return the text that shows them."""
    files = []
    for value in variables["example_globals"].values():
        value = getattr(value, "figure_", value)  # of a display that was drawn
        if not isinstance(value, Figure) or id(value) in _shown:
            continue
        _shown.add(id(value))
        file = next(variables["image_path_iterator"])
        value.savefig(file, dpi=DOTS_PER_INCH)
        files.append(file)
    return figure_rst(files, settings["src_dir"])


def forget(settings: dict[str, Any], file: str) -> None:
    """Begin every example without the figures of the one before."""
    _shown.clear()
