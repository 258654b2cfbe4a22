"""Figures: displays that hold arrays and draw them, and what is common to their looks.

A display is made by `from_attention` (or from arrays), and `plot(ax=None)` returns a
Matplotlib figure. None of it needs a screen.
"""

from __future__ import annotations

from skviz.figures.bars import UnitBars
from skviz.figures.classes import ClassCurves
from skviz.figures.depth import DepthLines
from skviz.figures.heatmap import ChannelHeatmap
from skviz.figures.lines import ChannelLines
from skviz.figures.overview import AttentionFigure, draw_attention
from skviz.figures.palette import ScaleStyle, scale_styles
from skviz.figures.redraw import RUN_FIGURES, RunFigure, draw_run
from skviz.figures.save import FORMATS, save_figure
from skviz.figures.style import STYLES, figure_style, style_names
from skviz.figures.thumbnails import Thumbnails

__all__ = [
    "FORMATS",
    "RUN_FIGURES",
    "STYLES",
    "AttentionFigure",
    "ChannelHeatmap",
    "ChannelLines",
    "ClassCurves",
    "DepthLines",
    "RunFigure",
    "ScaleStyle",
    "Thumbnails",
    "UnitBars",
    "draw_attention",
    "draw_run",
    "figure_style",
    "save_figure",
    "scale_styles",
    "style_names",
]
