"""What every figure is: arrays that draw themselves, with a caption and tidy data."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from skviz.errors import UsageError
from skviz.figures.caption import Caption, together
from skviz.figures.provenance import Provenance
from skviz.studies.unit_choice import choose_units
from skviz.typing import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skviz.figures.native import NativeChart
    from skviz.inference.summary import Summary


class Display(ABC):
    """Arrays that are drawn, and all that goes with the drawing.

    A display computes in `from_attention` or `from_summary` and holds what it computed. `plot`
    draws it, `caption` says what is to be seen, `to_frame` returns the numbers.

    Attributes
    ----------
    figure_
        The Matplotlib figure, once it is drawn.
    ax_
        The axes of its chart, or of the first of several.

    Examples
    --------
    >>> import numpy as np
    >>> from skviz.figures import UnitBars
    >>> bars = UnitBars(np.array([[-0.1, 0.05]]), scales=(1.0, 2.0), units=("2_3",))
    >>> bars.plot().ax_.get_ylabel()
    'attention difference'
    >>> bars.to_frame()["value"].tolist()
    [-0.1, 0.05]
    """

    ax_: Axes
    figure_: Figure

    @abstractmethod
    def plot(self) -> Self:
        """Draw the display on a new figure, and return the display.

        Then it has `figure_`, and `ax_`, the axes of its chart or of the first of several.
        Single charts take an `ax` to be drawn on instead.
        """

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

    def _drawn(self, figure: Figure, ax: Axes | None = None) -> Self:
        """Keep what was drawn last, which is no part of the frozen arrays."""
        object.__setattr__(self, "figure_", figure)
        object.__setattr__(self, "ax_", figure.axes[0] if ax is None else ax)
        return self

    def _repr_png_(self) -> bytes | None:
        """Show in a notebook what was drawn."""
        if not hasattr(self, "figure_"):
            return None
        from skviz.figures.save import figure_bytes

        return figure_bytes(self.figure_, "png")


class RunDisplay(Display):
    """A display of a run's summary: a figure of `skviz plot` and of reports, see `skviz.displays`.

    `from_summary(summary, units, ...)` computes it; what else that takes are the figure's options.

    Attributes
    ----------
    paper_words
        What a caption says of the paper's values; empty where the paper has none to show.
    paper_details
        What it says of how they are drawn.

    Examples
    --------
    >>> from skviz.figures import UnitBars
    >>> sorted(UnitBars.options())
    ['deviations', 'null', 'paper', 'quantity', 'scales', 'units']
    """

    paper_words: ClassVar[str] = ""
    paper_details: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def from_summary(cls, summary: Summary, *args: Any, **kwargs: Any) -> Self:
        """Compute the display from the records of a run."""

    @classmethod
    def of_run(cls, summary: Summary, units: Sequence[str] = (), **options: Any) -> list[Self]:
        """Return what is drawn on one page: one display, or one per unit."""
        return [cls.from_summary(summary, units or None, **options)]

    @classmethod
    def in_report(cls, name: str, summary: Summary) -> list[tuple[str, Display]]:
        """Return the displays of a report with their names; none where there is nothing to draw."""
        return [(name, display) for display in cls.of_run(summary)]

    @classmethod
    def options(cls) -> set[str]:
        """Return the names of the options that the figure takes."""
        named = set(inspect.signature(cls.from_summary).parameters) - {"summary", "unit"}
        return named | {"units"} | ({"paper"} if cls.paper_words else set())

    @classmethod
    def page(cls, displays: Sequence[Self], paper: bool = False) -> Figure:
        """Draw the displays of `of_run` on one new figure, and the paper's values if asked for."""
        figure = displays[0].plot().figure_
        if paper:
            displays[0].lay_paper(figure)
        return figure

    def lay_paper(self, figure: Figure) -> None:
        """Draw the paper's values over the figure; raises `UsageError` where there are none."""


class PerUnit(RunDisplay):
    """A display of one unit: a figure of a run has one for each, by default of 3_4."""

    @classmethod
    def of_run(cls, summary: Summary, units: Sequence[str] = (), **options: Any) -> list[Self]:
        """Return a display per unit."""
        chosen = choose_units(summary.units, units).lines
        return [cls.from_summary(summary, unit.name, **options) for unit in chosen]


def check_shape(name: str, array: FloatArray | None, axes: str, expected: tuple[int, ...]) -> None:
    """Raise `UsageError` for an array of another shape than its axes have."""
    if array is not None and array.shape != expected:
        raise UsageError(f"expected {name} of shape ({axes}) = {expected}, got {array.shape}")


def figure_of(drawn: Figure | Display) -> Figure:
    """Return the figure of a display that was drawn; a figure is its own.

    Raises `UsageError` for a display that was not drawn.
    """
    if isinstance(drawn, Display):
        if not hasattr(drawn, "figure_"):
            raise UsageError("expected a display that was drawn: call its plot() first")
        return drawn.figure_
    return drawn


def caption_of(display: object, about: Provenance) -> Caption:
    """Write the caption of a display, or of several on one page, from its data.

    Parameters
    ----------
    display
        One, or a sequence of them. Those that are all of one kind show one unit each; others show
        the same in several ways.
    about
        Where the numbers come from.

    Returns
    -------
    Caption
        Title, sentences and alternative text.

    Raises
    ------
    UsageError
        For what is no display.

    Examples
    --------
    >>> import numpy as np
    >>> from skviz.figures import Provenance, UnitBars
    >>> bars = UnitBars(np.array([[-0.1, 0.05]]), scales=(1.0, 2.0), units=("2_3",))
    >>> about = Provenance("SKNet-50", "trained on ImageNet", images=500)
    >>> caption_of(bars, about).note
    'SKNet-50, weights: trained on ImageNet; 500 images.'
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
