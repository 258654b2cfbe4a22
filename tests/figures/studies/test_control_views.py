"""The views of the controls: every one drawn, nothing on top of anything else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from skviz.errors import UsageError
from skviz.figures import figure_style
from skviz.figures.studies.control_views import ControlViews


def row(name: str, scales: tuple[float, ...] = (1.0, 1.5, 2.0)) -> tuple:
    rng = np.random.default_rng(len(name))
    return name, scales, rng.integers(0, 256, (len(scales), 12, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize("style", ["default", "talk", "dark"])
@pytest.mark.parametrize("title", ["", "ant/$1.png", "a/very/long/path/" * 8])
def test_every_view_is_drawn_and_named(
    assert_tidy: Callable[[Figure], None], style: str, title: str
) -> None:
    rows = [row("plain"), row("object-constant"), row("zoom-out-mean", (1.0, 1 / 1.5, 0.5))]
    with figure_style(style):
        figure = ControlViews(rows, title).plot().figure_
        assert_tidy(figure)
    (ax,) = figure.axes
    assert len(ax.images) == 9
    for image, pixels in zip(ax.images, [p for _, _, ps in rows for p in ps], strict=True):
        np.testing.assert_array_equal(image.get_array(), pixels)
        left, right, bottom, top = image.get_extent()
        assert right - left == pytest.approx(bottom - top)
    texts = [text.get_text() for text in ax.texts]
    assert {"plain", "object-constant", "zoom-out-mean"} <= set(texts)
    assert texts.count("1.0x") == 3
    assert "0.5x" in texts


def test_rows_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="expected at least one row of views, got none"):
        ControlViews([])
    with pytest.raises(UsageError, match=r"expected 3 views .* got uint8 of shape \(2, .* 'blur'"):
        ControlViews([row("plain"), row("blur", (1.0, 2.0))])
