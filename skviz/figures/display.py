"""What every figure is: arrays that draw themselves, with a caption and tidy data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from skviz.errors import UsageError
from skviz.figures.caption import Caption, together
from skviz.figures.provenance import Provenance

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from skviz.figures.native import NativeChart


class Display(ABC):
    """Arrays that are drawn, and all that goes with the drawing.

    A display computes in `from_attention` or `from_summary` and holds what it computed. `plot`
    draws it, `caption` says what is to be seen, `to_frame` returns the numbers.
    """

    @abstractmethod
    def plot(self) -> Figure:
        """Draw the display on a new figure, and return the figure."""

    @abstractmethod
    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """Return the tidy data behind the figure, one row per mark."""

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        """Return the charts of an office program, one per panel, with their part of the caption.

        There is none where only a picture shows it all, such as heat maps and photographs.
        """
        return []


def caption_of(display: object, about: Provenance) -> Caption:
    """Write the caption of a display, or of several on one page, from its data.

    Charts that are all of one kind show one unit each; others show the same in several ways.
    Raises `UsageError` for what is no display.
    """
    if isinstance(display, Display):
        return display.caption(about)
    if isinstance(display, Sequence) and display and not isinstance(display, str):
        alike = len({type(part) for part in display}) == 1
        return together([caption_of(part, about) for part in display], alike=alike)
    raise UsageError(
        "expected a display of skviz, such as ChannelLines or UnitBars, to write a caption for,"
        f" got {type(display).__name__}"
    )
