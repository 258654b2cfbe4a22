from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from skviz.errors import UsageError
from skviz.figures import Thumbnails, figure_style, scale_styles
from skviz.pictures.scaling import Views

Tidy = Callable[[Figure], None]
EIGHT = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
LONG = "Granny Smith, an apple with a name that never ends, nor fits below one picture\n99.9 %"


@pytest.mark.parametrize("captions", [None, LONG])
@pytest.mark.parametrize("count", [1, 3, 5, 8])
def test_every_image_is_drawn_framed_and_named(
    views_of: Callable[..., Views], assert_tidy: Tidy, count: int, captions: str | None
) -> None:
    views = views_of(EIGHT[:count])
    texts = None if captions is None else [captions] * count
    with figure_style("default"):
        figure = Thumbnails.from_views(views, texts).plot().figure_
    (ax,) = figure.axes
    assert len(ax.images) == count
    for image, pixels in zip(ax.images, views.pixels, strict=True):
        np.testing.assert_array_equal(image.get_array(), pixels)
        left, right, bottom, top = image.get_extent()
        assert right - left == pytest.approx(bottom - top)
    frames = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    styles = scale_styles(views.scales)
    expected = [style.colour.lower() for style in styles]
    assert [to_hex(frame.get_edgecolor()) for frame in frames] == expected
    drawn = [text.get_text() for text in ax.texts]
    assert [text for text in drawn if text in views.labels] == list(views.labels)
    assert drawn.count("99.9 %") == (0 if captions is None else count)
    assert_tidy(figure)


def test_images_keep_their_shape(assert_tidy: Tidy) -> None:
    images = np.zeros((3, 20, 60, 3), np.uint8)
    figure = Thumbnails(images, (1.0, 2.0, 3.0)).plot().figure_
    for image in figure.axes[0].images:
        left, right, bottom, top = image.get_extent()
        assert (right - left) / (bottom - top) == pytest.approx(3)
    assert_tidy(figure)


def test_rows_and_columns(views_of: Callable[..., Views]) -> None:
    thumbnails = Thumbnails.from_views(views_of(EIGHT))
    figure = Figure(figsize=(4, 3), layout=None)
    ax = figure.add_axes((0, 0, 1, 1))
    assert thumbnails.plot(ax, columns=4).figure_ is figure
    extents = [image.get_extent() for image in ax.images]
    assert len({extent[0] for extent in extents}) == 4
    assert len({extent[3] for extent in extents}) == 2


def test_errors(views_of: Callable[..., Views]) -> None:
    with pytest.raises(UsageError, match=r"uint8 of shape \(V, H, W, 3\), got float64"):
        Thumbnails(np.zeros((1, 2, 2, 3)), (1.0,))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="expected 1 scales, one per image, got 2"):
        Thumbnails(np.zeros((1, 2, 2, 3), np.uint8), (1.0, 2.0))
    with pytest.raises(UsageError, match="expected 3 captions, one per image, got 1"):
        Thumbnails.from_views(views_of(), ["one"])
