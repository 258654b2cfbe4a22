from __future__ import annotations

import matplotlib
import pytest

from skviz.errors import UsageError
from skviz.figures import STYLES, figure_style, style_names


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
