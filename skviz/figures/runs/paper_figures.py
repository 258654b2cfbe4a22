"""Figures 3 and 4 of the paper, drawn by our displays from its published values.

The values were read from the vector paths of the figures in Li, Wang, Hu, Yang: Selective Kernel
Networks, CVPR 2019. So anyone sees what the paper found, and knows how to read it, before
looking at a network of one's own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from skviz.errors import UsageError, did_you_mean
from skviz.figures.attention.bars import UnitBars
from skviz.figures.caption import Caption
from skviz.figures.display import Display
from skviz.figures.layout.footer import with_note
from skviz.figures.provenance import Provenance
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.figure3 import Figure3
from skviz.figures.runs.published import published_lines
from skviz.figures.style.sheets import figure_style
from skviz.inference.published import SCALES, published_values
from skviz.scales import scale_label

PAPER_FIGURES = ("3a", "3b", "3c", "4")
_QUANTITY = "attention difference (5x5 \N{MINUS SIGN} 3x3)"
_SOURCE = (
    "Values read from the vector paths of figure {} of Li, Wang, Hu, Yang: Selective Kernel"
    " Networks, CVPR 2019."
)
_HIGHER = (
    "How to read it: where the line of a larger scale lies above, and the bar is higher, the 5x5"
    " kernel gets more attention."
)
_READ = {
    "3a": "How to read it: the higher the bar, the more attention the 5x5 kernel gets.",
    "3b": f"{_HIGHER} The paper shows no line for 1.0x.",
    "3c": _HIGHER,
    "4": "How to read it: where the line of 1.5x lies above that of 1.0x, larger objects of"
    " that class get more of the 5x5 kernel. 100 points per line; the paper does not say whether"
    " a point is one class or the mean of ten.",
}


def paper_display(figure: str) -> Display:
    """Return a figure of the paper, "3a", "3b", "3c" or "4", as arrays that can be drawn.

    Of figure 3 (a) the bars are published, of (b) bars and the lines of 1.5x and 2.0x.

    Raises `UsageError` for another figure.

    Examples
    --------
    >>> paper_display("3c").bars.values.shape  # units, scales
    (4, 3)
    """
    if figure not in PAPER_FIGURES:
        hint = did_you_mean(figure, PAPER_FIGURES)
        raise UsageError(
            f"expected a figure of the paper out of {', '.join(PAPER_FIGURES)}, got"
            f" '{figure}'.{hint}"
        )
    if figure == "4":
        return _classes()
    bars = _bars(figure)
    return (
        bars if figure == "3a" else Figure3(published_lines(_part(figure), SCALES, "SK_3_4"), bars)
    )


def paper_caption(figure: str, display: Display) -> Caption:
    """Return the caption of a figure of the paper, which says where its values are from."""
    caption = display.caption(_provenance(figure))
    drawn = (*caption.drawn, _SOURCE.format("4" if figure == "4" else f"3 ({figure[1]})"))
    return replace(
        caption, title=f"The paper: {caption.title}", drawn=drawn,
        details=(*caption.details, _READ[figure]),
    )  # fmt: skip


def draw_paper(figure: str, style: str = "default") -> tuple[Figure, Caption]:
    """Draw a figure of the paper, and write its caption; raises what `paper_display` raises."""
    display = paper_display(figure)
    caption = paper_caption(figure, display)
    with figure_style(style):
        return with_note(display.plot, caption), caption


def _provenance(figure: str) -> Provenance:
    network, weights = "SKNet-50", "the paper's (Li et al. 2019)"
    if figure in ("3a", "3b"):
        image = f"figure 3 ({figure[1]})"
        return Provenance(network, weights, scales=SCALES, image=image)
    scales = SCALES[:2] if figure == "4" else SCALES
    data = "ImageNet, validation"
    return Provenance(network, weights, images=50_000, classes=1000, dataset=data, scales=scales)


def _bars(figure: str) -> UnitBars:
    right = published_values("figure3")["right"]
    labels = [scale_label(scale) for scale in SCALES]
    values, errors = np.array([right[_part(figure)][label] for label in labels]).T, None
    if figure == "3c":
        ends = np.array([right["c_error_bars_low_high"][label] for label in labels])
        errors = (ends[..., 1] - ends[..., 0]).T / 2
    return UnitBars(values, SCALES, tuple(right["units"]), errors, _QUANTITY)


def _part(figure: str) -> str:
    return "c_all_validation_images" if figure == "3c" else f"{figure[1]}_one_image"


def _classes() -> ClassCurves:
    figure, labels = published_values("figure4"), [scale_label(scale) for scale in SCALES[:2]]
    values = [[curves[label] for label in labels] for curves in figure["curves"].values()]
    units = tuple(f"SK_{name}" for name in figure["curves"])
    return ClassCurves(np.array(values), np.array(figure["x"]), SCALES[:2], units, counts="points")
