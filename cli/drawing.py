"""A display of a study as figures on disk, with what they show and how they were made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .echo import command_line

if TYPE_CHECKING:
    from skviz.figures.display import Display
    from skviz.figures.provenance import Provenance


def save_display(
    display: Display, provenance: Provenance, style: str, files: Iterable[Path], overwrite: bool
) -> list[Path]:
    """Draw a display with the note of its caption, and write it to files."""
    from skviz.figures.layout.footer import with_note
    from skviz.figures.metadata import figure_metadata
    from skviz.figures.save import save_figure
    from skviz.figures.style.sheets import figure_style

    caption = display.caption(provenance)
    metadata = figure_metadata(caption, command_line())
    with figure_style(style):
        figure = with_note(display.plot, caption)
        return [save_figure(figure, file, metadata, overwrite=overwrite) for file in files]
