from __future__ import annotations

import logging

import matplotlib
import matplotlib.style
import pytest
from matplotlib.figure import Figure

from skviz.errors import UsageError
from skviz.figures import STYLES, figure_style, style_names
from skviz.figures.style.sheets import PLACES, place_style


@pytest.mark.parametrize("name", STYLES)
def test_styles_keep_text_as_text_and_leave_no_trace(name: str) -> None:
    before = dict(matplotlib.rcParams)
    with figure_style(name):
        assert matplotlib.rcParams["pdf.fonttype"] == 42
        assert matplotlib.rcParams["svg.fonttype"] == "none"
        assert matplotlib.rcParams["figure.constrained_layout.use"]
    assert dict(matplotlib.rcParams) == before


def test_settings_come_back_after_an_error() -> None:
    before = dict(matplotlib.rcParams)
    with pytest.raises(ZeroDivisionError), figure_style("talk"):
        _ = 1 / 0
    assert dict(matplotlib.rcParams) == before


def test_styles_go_over_each_other() -> None:
    with figure_style("talk"):
        size = matplotlib.rcParams["font.size"]
    with figure_style("talk, dark"):
        assert matplotlib.rcParams["font.size"] == size
        assert matplotlib.rcParams["figure.facecolor"] == "#15181C"


def test_matplotlib_styles_are_known() -> None:
    with figure_style("ggplot"):
        assert matplotlib.rcParams["axes.facecolor"] == "#E5E5E5"
        assert matplotlib.rcParams["svg.fonttype"] == "none"


def test_unknown_style_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"unknown style 'papre'.*'paper'.*talk.*ggplot"):
        style_names("papre")
    with pytest.raises(UsageError, match="unknown style ''"), figure_style("talk,"):
        pass


# Place: (seaborn's context, font size in points).
CONTEXTS = {
    "paper": ("paper", 7),
    "paper-wide": ("paper", 8),
    "thesis": ("paper", 9),
    "talk": ("talk", 17),
    "poster": ("poster", 24),
    "web": ("notebook", 11),
}
FONTS = [
    "font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize",
    "legend.fontsize", "legend.title_fontsize",
]  # fmt: skip
WIDTHS = [
    "axes.linewidth", "grid.linewidth", "lines.linewidth", "lines.markersize", "hatch.linewidth",
    "xtick.major.width", "ytick.major.width", "xtick.major.size", "ytick.major.size",
]  # fmt: skip


@pytest.mark.parametrize("name", CONTEXTS)
def test_places_follow_the_contexts_of_seaborn(name: str) -> None:
    seaborn = pytest.importorskip("seaborn")
    context, points = CONTEXTS[name]
    natural = seaborn.plotting_context(context)
    expected = seaborn.plotting_context(context, font_scale=points / natural["font.size"])
    factor = natural["lines.linewidth"] / seaborn.plotting_context("notebook")["lines.linewidth"]
    with figure_style("default"):
        usual = {key: matplotlib.rcParams[key] for key in WIDTHS}
    with figure_style(name):
        for key in FONTS:
            assert matplotlib.rcParams[key] == pytest.approx(expected[key], rel=1e-3), key
        for key in WIDTHS:
            assert matplotlib.rcParams[key] == pytest.approx(factor * usual[key], rel=1e-3), key


@pytest.mark.parametrize(
    ("place", "columns", "width", "dpi"),
    [
        ("paper", 1, 3.5, 600),
        ("paper", 2, 7.16, 600),
        ("thesis", 1, 6, 300),
        ("talk", 1, 13.333, 150),
        ("poster", 1, 14, 200),
        ("web", 1, 8, 192),
    ],
)
def test_places_set_width_and_resolution(place: str, columns: int, width: float, dpi: int) -> None:
    with figure_style(place_style(place, columns=columns)):
        assert matplotlib.rcParams["figure.figsize"][0] == width
        assert matplotlib.rcParams["savefig.dpi"] == dpi


def test_a_place_goes_over_a_style_and_dark_over_both() -> None:
    assert place_style() == "default"
    assert place_style("talk", dark=True, style="ggplot") == "ggplot,talk,dark"
    with figure_style("ggplot,talk,dark"):
        assert matplotlib.rcParams["font.size"] == 17
        assert matplotlib.rcParams["axes.facecolor"] == "#15181C"


def test_a_slide_is_16_by_9() -> None:
    with figure_style("talk"):
        width, height = matplotlib.rcParams["figure.figsize"]
        assert width / height == pytest.approx(16 / 9, rel=1e-3)


def test_unknown_places() -> None:
    with pytest.raises(UsageError, match=r"expected a place out of paper, .*, got 'tlak'.*'talk'"):
        place_style("tlak")
    with pytest.raises(UsageError, match="expected 1 or 2 columns, got 3"):
        place_style("paper", columns=3)
    with pytest.raises(UsageError, match=r"one column for talk, got 2: only a paper has two"):
        place_style("talk", columns=2)
    with pytest.raises(UsageError, match="one column for no place, got 2"):
        place_style(columns=2)


@pytest.mark.parametrize("name", [style for style in STYLES if style != "default"])
def test_matplotlib_takes_the_sheets_by_their_package(name: str) -> None:
    """`plt.style.use` with the sheets gives what `figure_style` gives, but for the fonts."""
    with figure_style(name):
        ours = dict(matplotlib.rcParams)
    with matplotlib.rc_context():
        matplotlib.style.use(["skviz.assets.styles.default", f"skviz.assets.styles.{name}"])
        theirs = dict(matplotlib.rcParams)
    assert {key for key in ours if ours[key] != theirs[key]} <= {"font.family"}


def test_every_place_has_its_sheet() -> None:
    assert set(PLACES) <= set(STYLES)


def test_helping_fonts_exist_in_both_weights(caplog: pytest.LogCaptureFixture) -> None:
    """Matplotlib logs every font whose weight it does not find, text by text."""
    with figure_style("default"), caplog.at_level(logging.WARNING):
        figure = Figure()
        for weight in ("normal", "bold"):
            figure.text(0.1, 0.5, "\u72d7 and a name", weight=weight)
        figure.draw_without_rendering()
    assert [message for message in caplog.messages if "findfont" in message] == []
