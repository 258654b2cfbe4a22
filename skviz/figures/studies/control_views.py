"""What the controls show the network: one photograph, a row for each, a column for each scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import matplotlib
import numpy as np
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from skviz.errors import UsageError
from skviz.figures.caption import Caption
from skviz.figures.display import Display
from skviz.figures.layout.page import most_height, new_figure
from skviz.figures.provenance import Provenance
from skviz.figures.style.palette import scale_styles
from skviz.figures.style.text import clean, font_points, shorten, storable, text_width
from skviz.figures.wording import scales_in_words, upper_first
from skviz.numbers import counted, listed

if TYPE_CHECKING:
    import pandas as pd

Row = tuple[str, tuple[float, ...], NDArray[np.uint8]]
# In font sizes: of a view at most, in two blocks and on a slide at least.
_TILE, _SMALLEST, _LEAST = 7.2, 4.6, 2.7
# Between views, above rows, above all, of names.
_GAP, _HEAD, _TOP, _NAME = 0.6, 1.4, 2.0, 11.0


@dataclass(frozen=True, eq=False)
class ControlViews(Display):
    """Rows of views: name, scales (V,) and pixels, uint8 of shape (V, H, W, 3), of each control.

    Raises `UsageError` for other arrays, for no rows, and for rows of unequal length.
    """

    rows: Sequence[Row]
    title: str = ""

    def __post_init__(self) -> None:
        if not self.rows:
            raise UsageError("expected at least one row of views, got none")
        count = len(self.rows[0][1])
        for name, scales, pixels in self.rows:
            good = pixels.ndim == 4 and pixels.shape[3] == 3 and pixels.dtype == np.uint8
            if not good or not len(pixels) == len(scales) == count:
                raise UsageError(
                    f"expected {count} views as uint8 of shape (V, H, W, 3) in every row, got "
                    f"{pixels.dtype} of shape {pixels.shape} for {len(scales)} scales in '{name}'"
                )

    def caption(self, provenance: Provenance) -> Caption:
        """Write the caption from the numbers that are drawn."""
        shown = f"'{storable(self.title)}'" if self.title else None
        image = f"the image {shown}" if shown else "one image"
        names = [storable(name) for name, _, _ in self.rows]
        data = f" of '{provenance.dataset}'" if provenance.dataset else ""
        text = [
            f"What the network sees of {image}{data}: one row per control ({listed(names)}), one"
            " column per scale, which stands above each view."
        ]
        alt = [f"{counted(len(names), 'row')} of pictures of {image}."]
        for name, (_, scales, _) in zip(names, self.rows, strict=True):
            alt.append(f"{upper_first(name)}: {scales_in_words(scales)}.")
        title = f"{upper_first(image)} in {counted(len(names), 'control')}"
        # Pictures, no numbers: of how many images is of no concern here.
        provenance = replace(provenance, images=1, dataset=None, image=shown)
        return Caption(title, tuple(text), (), provenance, " ".join(alt))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per view: its control and its scale."""
        import pandas as pd

        rows = [(name, scale) for name, scales, _ in self.rows for scale in scales]
        return pd.DataFrame(rows, columns=["control", "scale"])

    def plot(self) -> Self:
        """Draw the views, each framed in its scale's colour with the scale above it.

        Where the page is wide enough the rows stand in two blocks beside each other. The figure
        is as wide as it needs to be, and no wider than the style says.
        """
        size = float(matplotlib.rcParams["font.size"])
        page = 72 * float(matplotlib.rcParams["figure.figsize"][0]) / size  # in font sizes
        names = [shorten(clean(name), _NAME * size, size) for name, _, _ in self.rows]
        left = max(text_width(name, size) for name in names) / size + 1.2
        blocks, tile = self._layout(page, left)
        lines = -(-len(self.rows) // blocks)
        top = _TOP if self.title else _GAP
        across = left + len(self.rows[0][1]) * (tile + _GAP)
        width, height = blocks * across + _GAP, top + lines * (tile + _HEAD + _GAP) + 0.2
        figure = new_figure(width * size / 72, height * size / 72)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set_axis_off()
        for index, (name, (_, scales, pixels)) in enumerate(zip(names, self.rows, strict=True)):
            block, line = divmod(index, lines)
            y = top + line * (tile + _HEAD + _GAP) + _HEAD
            ax.text(
                block * across + left - 0.6, y + tile / 2, name,
                ha="right", va="center", size=size, parse_math=False,
            )  # fmt: skip
            for column, style in enumerate(scale_styles(scales, figure.get_facecolor())):
                x = block * across + left + column * (tile + _GAP)
                box = (x, x + tile, y + tile, y)
                ax.imshow(pixels[column], extent=box, interpolation="nearest")
                look: dict[str, Any] = {"fill": False, "edgecolor": style.colour, "linewidth": 1.5}
                ax.add_patch(Rectangle((x, y), tile, tile, **look))
                ax.text(
                    x + tile / 2, y - 0.35, style.label,
                    ha="center", va="baseline", size=font_points("small"), parse_math=False,
                )  # fmt: skip
        ax.set(xlim=(0, width), ylim=(height, 0))  # again: images change them
        if self.title:
            room = (width - 2 * _GAP) * size
            ax.text(
                width / 2, 0.5 * top, shorten(clean(self.title), room, size, keep_end=True),
                ha="center", va="center", size=size, parse_math=False,
            )  # fmt: skip
        return self._drawn(figure)

    def _layout(self, page: float, left: float) -> tuple[int, float]:
        """Return the number of blocks, and the side of a view in font sizes."""
        columns = len(self.rows[0][1])
        tiles = [((page - _GAP) / blocks - left) / columns - _GAP for blocks in (1, 2)]
        blocks = 2 if len(self.rows) > 4 and tiles[1] >= _SMALLEST else 1
        lines = -(-len(self.rows) // blocks)
        room = 72 * most_height() / float(matplotlib.rcParams["font.size"]) - _TOP - 0.2
        on_slide = room / lines - _HEAD - _GAP
        most = min(_TILE, on_slide) if on_slide > _LEAST else _TILE
        return blocks, min(most, tiles[blocks - 1])
