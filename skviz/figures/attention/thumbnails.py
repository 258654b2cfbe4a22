"""The enlarged images in a row (paper, figure 3, top)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.caption import Caption
from skviz.figures.display import Display
from skviz.figures.layout.page import new_figure, root_figure, size_in_points
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import scale_styles
from skviz.figures.style.text import clean, font_points, storable, text_width, wrap
from skviz.figures.wording import upper_first
from skviz.numbers import counted, listed
from skviz.pictures.scaling import Views
from skviz.scales import scale_labels

if TYPE_CHECKING:
    import pandas as pd

_LINE = 1.35  # height of a line of text, in font sizes
_GAP = 1.0  # between two images, in font sizes
_CAPTION_LINES = 3


@dataclass(frozen=True, eq=False)
class Thumbnails(Display):
    """Enlarged images, each framed in its scale's colour and named by it (figure 3, top).

    Attributes
    ----------
    images
        Type uint8, shape (V, H, W, 3).
    scales
        V of them.
    captions
        One text per image, such as the class that the network sees, or None; a line break in it
        stays, and lines that are too long are wrapped or cut.

    Examples
    --------
    >>> thumbnails = Thumbnails.from_views(skviz.enlarge(skviz.example_photo(), (1, 2)))
    >>> thumbnails.images.shape
    (2, 224, 224, 3)
    >>> figure = thumbnails.plot().figure_
    """

    images: NDArray[np.uint8]
    scales: tuple[float, ...]
    captions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.shape[3] != 3 or self.images.dtype != np.uint8:
            raise UsageError(
                "expected images as uint8 of shape (V, H, W, 3),"
                f" got {self.images.dtype} of shape {self.images.shape}"
            )
        captions = self.scales if self.captions is None else self.captions
        for name, given in (("scales", self.scales), ("captions", captions)):
            count = len(self.images)
            if len(given) != count:
                raise UsageError(f"expected {count} {name}, one per image, got {len(given)}")

    @classmethod
    def from_views(cls, views: Views, captions: Sequence[str] | None = None) -> Thumbnails:
        """Take the images of `enlarge`; raises `UsageError` if captions do not match them."""
        return cls(views.pixels, views.scales, None if captions is None else tuple(captions))

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        labels, source, below = scale_labels(self.scales), provenance.source, ""
        shown = list(labels)
        if self.captions is not None:
            below = "; below each the top prediction"
            pairs = zip(labels, map(storable, self.captions), strict=True)
            shown = [f"{label} ({caption})" for label, caption in pairs]
        drawn = f"What the network sees of {source} at {listed(labels)}{below}."
        alt = f"{counted(len(labels), 'picture')} of {source}, enlarged: {listed(shown)}."
        return Caption(f"{upper_first(source)} at {listed(labels)}", (drawn,), (), provenance, alt)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per image: its scale, and the words below it."""
        import pandas as pd

        captions = self.captions or [None] * len(self.scales)
        return pd.DataFrame({"scale": self.scales, "caption": list(captions)})

    def plot(self, ax: Axes | None = None, *, columns: int | None = None) -> Self:
        """Draw the images on `ax`, or on a new figure, and return the display.

        They go into as many columns as make them largest, unless `columns` says how many. On
        given axes they are drawn for the size that these have now.
        """
        if ax is None:
            width = float(matplotlib.rcParams["figure.figsize"][0])
            columns = min(len(self.images), 5) if columns is None else columns
            size = font_points("medium")
            edge = 0.5 * size / 72
            inner = width - 2 * edge
            height = self.height_for(72 * inner, 30 * size, columns) / 72
            figure = new_figure(width, height + 2 * edge)
            ax = figure.add_axes(
                (edge / width, edge / (height + 2 * edge), inner / width,
                 height / (height + 2 * edge))
            )  # fmt: skip
        width, height = size_in_points(ax)
        if columns is None:
            choices = range(1, len(self.images) + 1)
            columns = max(choices, key=lambda count: self._side(width, height, count))
        self._draw(ax, width, height, columns)
        return self._drawn(root_figure(ax), ax)

    def height_for(self, width: float, largest: float, columns: int | None = None) -> float:
        """Return the height in points that the images take at a width, none above `largest`."""
        columns = columns or len(self.images)
        side = min(largest, self._side(width, math.inf, columns))
        text = self._text_height(len(self._captions(side)[0]))
        rows = math.ceil(len(self.images) / columns)
        return rows * (side * self._aspect + text) + (rows - 1) * self._gap

    @property
    def _aspect(self) -> float:
        return float(self.images.shape[1] / self.images.shape[2])

    @property
    def _gap(self) -> float:
        return _GAP * font_points("medium")

    def _text_height(self, lines: int) -> float:
        return _LINE * (font_points("medium") + lines * font_points("small"))

    def _side(self, width: float, height: float, columns: int) -> float:
        """Return the width in points of one image when all have to fit."""
        rows = math.ceil(len(self.images) / columns)
        across = (width - (columns - 1) * self._gap) / columns
        if math.isinf(height):
            return across
        side, lines = across, -1
        # Lines of text make the images smaller, and smaller images make for more lines.
        while (needed := len(self._captions(side)[0])) > lines:
            lines = needed
            down = (height - (rows - 1) * self._gap) / rows - self._text_height(lines)
            side = max(1.0, min(across, down / self._aspect))
        return side

    def _captions(self, side: float) -> list[list[str]]:
        """Return the lines below each image, as many below each."""
        size = font_points("small")
        wrapped: list[list[str]] = []
        for caption in self.captions or [""] * len(self.images):
            given = caption.splitlines()
            spare = max(1, _CAPTION_LINES - len(given) + 1)
            lines: list[str] = []
            for line in map(clean, given):
                # The first line that is too long gets the lines that are left over.
                parts = wrap(line, 1.05 * side, size, spare)
                spare = max(1, spare - len(parts) + 1)
                lines += parts
            wrapped.append(lines[: max(_CAPTION_LINES, len(given))])
        most = max(len(lines) for lines in wrapped)
        return [lines + [""] * (most - len(lines)) for lines in wrapped]

    def _draw(self, ax: Axes, width: float, height: float, columns: int) -> None:
        side = self._side(width, height, columns)
        tall = side * self._aspect
        captions = self._captions(side)
        size, small = font_points("medium"), font_points("small")
        step = tall + self._text_height(len(captions[0])) + self._gap
        used = columns * side + (columns - 1) * self._gap
        left = (width - used) / 2
        frame = max(1.5, 0.2 * size)
        styles = scale_styles(self.scales, root_figure(ax).get_facecolor())
        for index, style in enumerate(styles):
            x = left + index % columns * (side + self._gap)
            y = index // columns * step + _LINE * size
            ax.imshow(self.images[index], extent=(x, x + side, y + tall, y), aspect="auto")
            ax.add_patch(
                # Half of a line is on either side of its path: most of this one is on the image.
                Rectangle(
                    (x + frame / 4, y + frame / 4), side - frame / 2, tall - frame / 2,
                    fill=False, edgecolor=style.colour, linewidth=frame, clip_on=False,
                )
            )  # fmt: skip
            label_size = min(size, size * side / max(text_width(style.label, size, "bold"), 1))
            ax.text(
                x + side / 2, y - 0.35 * size, style.label,
                ha="center", va="baseline", weight="bold", size=label_size,
            )  # fmt: skip
            for line, text in enumerate(captions[index]):
                ax.text(
                    x + side / 2, y + tall + 0.4 * size + (line + 0.5) * _LINE * small, text,
                    ha="center", va="center", size=small, parse_math=False,
                )  # fmt: skip
        ax.set(xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()
