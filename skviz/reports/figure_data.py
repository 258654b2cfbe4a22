"""The tidy data behind a figure: what a display holds, one row per mark."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import TYPE_CHECKING

import numpy as np

from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.overview import AttentionFigure
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap

if TYPE_CHECKING:
    import pandas as pd


def frame_of(display: object) -> Callable[[], pd.DataFrame]:
    """Return a function that makes the tidy data of a display when it is asked for."""
    return lambda: data_of(display)


@singledispatch
def data_of(display: object) -> pd.DataFrame:
    """Return the tidy data of a display; raises `UsageError` for what is none."""
    raise UsageError(f"expected a display of skviz, got {type(display).__name__}")


@data_of.register(ChannelLines)
def _(display: ChannelLines) -> pd.DataFrame:
    import pandas as pd

    count, points = display.curves.shape
    columns = {
        "unit": display.unit,
        "kernel": display.branch_label,
        "scale": np.repeat(display.scales, points),
        "channel": np.tile(display.x, count),
        "channels": np.tile(display.group_sizes, count),
        "attention": display.curves.ravel(),
    }
    if display.deviations is not None:
        columns["std"] = display.deviations.ravel()
    return pd.DataFrame(columns)


@data_of.register(UnitBars)
@data_of.register(DepthLines)
def _(display: UnitBars | DepthLines) -> pd.DataFrame:
    import pandas as pd

    units, count = display.values.shape
    columns = {
        "unit": np.repeat(np.array(display.units, dtype=object), count),
        "scale": np.tile(display.scales, units),
        "value": display.values.ravel(),
    }
    if display.errors is not None:
        columns["std"] = display.errors.ravel()
    return pd.DataFrame(columns)


@data_of.register(ClassCurves)
def _(display: ClassCurves) -> pd.DataFrame:
    import pandas as pd

    index = pd.MultiIndex.from_product(
        [display.units, display.scales, display.classes], names=["unit", "scale", "label"]
    )
    frame = pd.DataFrame({"value": display.values.ravel()}, index=index).reset_index()
    if display.names is not None:
        names = dict(zip(display.classes.tolist(), display.names, strict=True))
        frame.insert(3, "name", frame["label"].map(names))
    return frame


@data_of.register(ChannelHeatmap)
def _(display: ChannelHeatmap) -> pd.DataFrame:
    import pandas as pd

    count, channels = display.values.shape
    columns = {
        "unit": display.unit,
        "kernel": display.branch_label,
        "scale": np.repeat(display.scales, channels),
        "channel": np.tile(np.arange(channels), count),
        "attention": display.values.ravel(),
    }
    return pd.DataFrame(columns)


@data_of.register(Thumbnails)
def _(display: Thumbnails) -> pd.DataFrame:
    import pandas as pd

    captions = display.captions or [None] * len(display.scales)
    return pd.DataFrame({"scale": display.scales, "caption": list(captions)})


@data_of.register(AttentionFigure)
def _(display: AttentionFigure) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([data_of(chart) for chart in display.lines], ignore_index=True)
