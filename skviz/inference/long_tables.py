"""The long tables of a summary: per class, and per channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skviz.capture.attention import channel_frame
from skviz.inference.class_table import ClassTable
from skviz.quantities import EXPECTED_KERNEL
from skviz.runs.measurements import AnyMeasurements

if TYPE_CHECKING:
    import pandas as pd


def class_rows(table: ClassTable, measured: AnyMeasurements) -> pd.DataFrame:
    """Return one row per class, unit and scale."""
    import pandas as pd

    index = pd.MultiIndex.from_product(
        [table.labels, [unit.name for unit in measured.units], measured.scales],
        names=["label", "unit", "scale"],
    )
    columns = {
        "n": table.counts.transpose(2, 0, 1).ravel(),
        "mean": table.means.transpose(2, 0, 1).ravel(),
    }
    frame = pd.DataFrame(columns, index=index).reset_index()
    known = dict(enumerate(measured.class_names or ()))
    frame.insert(1, "name", frame["label"].map(known).astype("str" if known else object))
    return frame


def channel_rows(measured: AnyMeasurements) -> pd.DataFrame:
    """Return one row per unit, scale, branch and channel."""
    import pandas as pd

    frames = []
    for unit in measured.units:
        found = measured.channels[unit.name]
        count = np.broadcast_to(found.count[:, None, None], found.mean.shape)
        values = {"n": count, "mean": found.mean, "std": found.std}
        frames.append(channel_frame(unit, "scale", measured.scales, values))
    return pd.concat(frames, ignore_index=True)


def channel_kernel_rows(measured: AnyMeasurements) -> pd.DataFrame:
    """Return one row per unit, scale and channel: its expected kernel size."""
    import pandas as pd

    frames = []
    for unit in measured.units:
        found = measured.channels[unit.name]
        sizes = EXPECTED_KERNEL.of(found.mean, unit, axis=1)
        index = pd.MultiIndex.from_product(
            [measured.scales, range(sizes.shape[1])], names=["scale", "channel"]
        )
        frame = pd.DataFrame({"expected_kernel": sizes.ravel()}, index=index).reset_index()
        frame.insert(0, "unit", unit.name)
        frame.insert(3, "n", np.repeat(found.count, sizes.shape[1]))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
