"""What sphinx-gallery must know of skviz: where an example's figures are, and where it runs.

skviz draws on figures that pyplot does not know, so the gallery's own way of finding them does
not. An example shows the figures that its names stand for, each once.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

DOTS_PER_INCH = 160
# Pages and pictures must not remember earlier examples.
_shown: set[int] = set()
_folders: list[tempfile.TemporaryDirectory[str]] = []


def figures(block: Any, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """Save the figures that the block made, and return the text that shows them."""
    files = []
    for value in variables["example_globals"].values():
        if not isinstance(value, Figure) or id(value) in _shown:
            continue
        _shown.add(id(value))
        file = next(variables["image_path_iterator"])
        value.savefig(file, dpi=DOTS_PER_INCH)
        files.append(file)
    return figure_rst(files, settings["src_dir"])


def fresh_folder(settings: dict[str, Any], file: str) -> None:
    """Let every example run in an empty folder of its own."""
    _shown.clear()
    os.chdir(Path(settings["src_dir"]))
    for folder in _folders:
        folder.cleanup()
    _folders[:] = [tempfile.TemporaryDirectory(prefix="skviz-gallery-")]
    os.chdir(_folders[0].name)
