"""Figures: displays that hold arrays and draw them, and what is common to their looks.

A display is made by `from_attention`, `from_summary` or from arrays, and `plot(ax=None)` draws
it; `figure_` is its Matplotlib figure. None of it needs a screen.
"""

from __future__ import annotations

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.overview import AttentionFigure, draw_attention
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.caption import Caption
from skviz.figures.display import Display, RunDisplay, caption_of
from skviz.figures.layout.footer import with_note
from skviz.figures.metadata import FigureInfo, figure_info, figure_metadata
from skviz.figures.provenance import Provenance
from skviz.figures.redraw import RUN_FIGURES, draw_run, drawn_run, run_displays
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.figures.save import FORMATS, figure_bytes, save_figure
from skviz.figures.studies.comparison import ComparedShifts
from skviz.figures.studies.field_figure import FieldFigure, draw_field
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import FieldMaps
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.palette import ScaleStyle, scale_styles
from skviz.figures.style.sheets import PLACES, STYLES, figure_style, place_style, style_names

__all__ = [
    "FORMATS",
    "PLACES",
    "RUN_FIGURES",
    "STYLES",
    "AttentionFigure",
    "Caption",
    "ChannelHeatmap",
    "ChannelLines",
    "ClassCurves",
    "ComparedShifts",
    "DepthLines",
    "Display",
    "FieldFigure",
    "FieldMaps",
    "FieldWidths",
    "FigureInfo",
    "Provenance",
    "RunDisplay",
    "ScaleStyle",
    "Thumbnails",
    "UnitBars",
    "VerdictRows",
    "caption_of",
    "draw_attention",
    "draw_field",
    "draw_run",
    "drawn_run",
    "figure_bytes",
    "figure_info",
    "figure_metadata",
    "figure_style",
    "place_style",
    "run_displays",
    "save_figure",
    "scale_styles",
    "style_names",
    "with_note",
]
