"""No figure clips or overlaps its text, in no place, at no size.

A small part of the sheet; `python tests/figures/sheet.py FOLDER` draws the whole of it.
"""

from __future__ import annotations

import logging
import warnings

import matplotlib
import pytest
from matplotlib.figure import Figure

from skviz.figures import figure_style
from skviz.figures.studies.control_views import ControlViews
from tests.figures.extremes import Case
from tests.figures.extremes_controls import every_case
from tests.figures.tidy import troubles

# Class names below each of three panels: docs/figures.md says what is higher than a slide.
TOO_HIGH = ("classes-10",)
CASES = list(every_case(whole=False))
# The narrowest page, the narrowest in font sizes after it, and the slide; with and without dark.
STYLES = ("paper", "poster", "talk,dark")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_nothing_is_cut_off_or_overlaps(
    case: Case, style: str, caplog: pytest.LogCaptureFixture
) -> None:
    with figure_style(style), warnings.catch_warnings(), caplog.at_level(logging.WARNING):
        warnings.simplefilter("error")  # a missing glyph is a warning
        figure = case.draw()
        assert troubles(figure) == []
        width, height = figure.get_size_inches()
        page = matplotlib.rcParams["figure.figsize"]
        # Views are no larger than they need to be.
        assert width <= page[0] if isinstance(case.display, ControlViews) else width == page[0]
        if style.startswith("talk") and case.name not in TOO_HIGH:
            assert height <= page[1] + 1e-6
    assert caplog.messages == []


def test_the_checker_finds_what_is_wrong() -> None:
    figure = Figure(figsize=(2, 2), layout="none", dpi=100)
    ax = figure.add_axes((0.3, 0.3, 0.6, 0.6), label="one")
    assert troubles(figure) == []
    figure.text(0.9, 0.5, "beyond the page")
    figure.text(0.5, 0.1, "below")
    figure.text(0.52, 0.1, "on it")
    figure.add_axes((0.8, 0.3, 0.1, 0.1), label="two")
    found = "\n".join(troubles(figure))
    assert "'beyond the page' leaves the page" in found
    assert "'below' is on 'on it'" in found
    assert "axes one are on axes two" in found
    assert "axes two are too small: 20 x 20 pixels" in found
    ax.set_title("a title that is far too long for its axes")
    assert any("a title" in line and "leaves the page" in line for line in troubles(figure))
