"""What is drawn can be read: type on slides, and contrast of text and marks, light and dark."""

from __future__ import annotations

import re

import matplotlib
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

from skviz.figures import figure_style
from skviz.figures.style.palette import contrast, of_scales, scale_styles, warning_colour
from tests.figures.extremes import SCALES, Case
from tests.figures.extremes_controls import every_case
from tests.figures.tidy import visible_texts

ON_SLIDES = 14.0  # points, of the smallest type
FOR_TEXT, FOR_MARKS = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
CASES = list(every_case(whole=False))
SCALED = ("lines", "bars-4", "bars-33", "depth", "classes-10", "overview", "null", "panels")


def seen(colour: object, alpha: float | None, ground: object) -> tuple[float, ...]:
    """Return a colour as it looks on a ground that shows through it."""
    red, green, blue, own = to_rgba(colour)
    share = own if alpha is None else alpha
    below = to_rgba(ground)[:3]
    return tuple(
        share * c + (1 - share) * g for c, g in zip((red, green, blue), below, strict=True)
    )


def faint(figure: Figure) -> list[str]:
    """Return the texts whose contrast with the page is too small."""
    ground = figure.get_facecolor()
    found = []
    for text in visible_texts(figure):
        value = contrast(seen(text.get_color(), text.get_alpha(), ground), ground)
        if value < FOR_TEXT:
            found.append(f"{text.get_text()!r}: {value:.2f}")
    return found


@pytest.mark.parametrize("style", ["talk", "talk,dark"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_type_on_slides(case: Case, style: str) -> None:
    with figure_style(style):
        figure = case.draw()
        figure.draw_without_rendering()
    small = {
        (text.get_text(), round(text.get_fontsize(), 1))
        for text in visible_texts(figure)
        if text.get_fontsize() < ON_SLIDES
    }
    assert small == set()
    assert faint(figure) == []


@pytest.mark.parametrize("style", ["web", "web,dark"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_text_stands_out(case: Case, style: str) -> None:
    with figure_style(style):
        figure = case.draw()
        figure.draw_without_rendering()
    assert faint(figure) == []


@pytest.mark.parametrize("ground", ["#FFFFFF", "#15181C"])
def test_marks_stand_out(ground: str) -> None:
    low = {s.colour: contrast(s.colour, ground) for s in scale_styles(range(1, 9), ground)}
    assert {colour for colour, value in low.items() if value < FOR_MARKS} == set()
    assert contrast(warning_colour(ground), ground) >= FOR_TEXT


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)  # known to just fail
    assert contrast("#E69F00", "#FFFFFF") < FOR_MARKS


def legend_colours(figure: Figure) -> list[tuple[str, str]]:
    """Return the scales that legends name, each with the colour of its entry."""
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes if ax.get_legend())]
    found = []
    for legend in legends:
        labels = [text.get_text() for text in legend.get_texts()]
        for label, handle in zip(labels, legend.legend_handles, strict=True):
            if re.fullmatch(r"\d+\.\d+x", label):
                colour = handle.get_facecolor() if hasattr(handle, "get_facecolor") else None
                found.append((label, to_hex(colour or handle.get_color())))
    return found


@pytest.mark.parametrize("style", ["paper", "web,dark"])
def test_a_scale_has_one_colour_in_all_figures(style: str) -> None:
    with figure_style(style), of_scales(SCALES):  # as reports and commands draw
        ground = matplotlib.rcParams["axes.facecolor"]
        expected = {s.label: s.colour.lower() for s in scale_styles(SCALES, ground)}
        figures = [case.draw() for case in CASES if case.name.startswith(SCALED)]
    named = [pair for figure in figures for pair in legend_colours(figure)]
    assert len(named) > 20
    assert {pair for pair in named if expected[pair[0]] != pair[1]} == set()
