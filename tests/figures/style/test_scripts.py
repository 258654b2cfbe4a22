"""Names in any script: drawn where a font has them, by number where none has, and said so."""

from __future__ import annotations

import logging
from pathlib import Path

import matplotlib
import pytest
from click.testing import CliRunner
from matplotlib.text import Text

from skviz.cli.main import cli
from skviz.figures import figure_style
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.style import sheets
from skviz.figures.style.fonts import can_draw_all, missing_fonts
from skviz.figures.style.text import clean
from skviz.inference.summary import summarise
from tests.helpers.synthetic import make_run

NAMES = ("狗", "かな", "한국어", "कुत्ता", "قطة", "כלב", "\N{DOG FACE}", "Käse", "chien", "cat")
# Of these Matplotlib's own DejaVu Sans has no glyphs.
ABSENT = ("狗", "かな", "한국어", "कुत्ता", "\N{DOG FACE}")


@pytest.fixture(autouse=True)
def no_other_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "fallback_fonts", tuple)
    missing_fonts()


@pytest.mark.parametrize(
    ("name", "script", "package"),
    [
        ("狗", "Chinese or Japanese", "fonts-noto-cjk"),
        ("かな", "Japanese", "fonts-noto-cjk"),
        ("한국어", "Korean", "fonts-noto-cjk"),
        ("कुत्ता", "Devanagari", "fonts-noto-core"),
        ("ไทย", "Thai", "fonts-noto-core"),
        ("\N{T-REX}", "emoji or symbols", "fonts-symbola"),
    ],
)
def test_the_package_is_named(name: str, script: str, package: str) -> None:
    with figure_style("default"):
        assert not can_draw_all(f"a {name}")
        (line,) = missing_fonts()
        assert f"no installed font has the {script} characters '{name[0]}" in line
        assert line.endswith(f"install the package {package}")
        assert missing_fonts() == ()  # said once
        clean(name)  # other texts than names of classes are noticed, too
        assert len(missing_fonts()) == 1
        assert can_draw_all("Käse قطة כלב \u200d") and missing_fonts() == ()


def test_class_names_give_way_to_their_number(tmp_path: Path) -> None:
    make_run(tmp_path / "run", classes=NAMES, per_class=2)
    summary = summarise(tmp_path / "run", resamples=0)
    with figure_style("web"):
        figure = ClassCurves.from_summary(summary, "2_1").plot().figure_
    words = [text.get_text() for text in figure.findobj(Text)]
    for number, name in enumerate(NAMES):
        assert (name in words) == (name not in ABSENT)
        assert (f"class {number}" in words) == (name in ABSENT)
    assert not any("\N{REPLACEMENT CHARACTER}" in word for word in words)
    assert ClassCurves.from_summary(summary, "2_1").to_frame()["name"].tolist()[:10] == [*NAMES]


def test_the_command_says_it_once(tmp_path: Path) -> None:
    make_run(tmp_path / "run", classes=NAMES, per_class=2)
    out = tmp_path / "classes.svg"
    arguments = ["plot", str(tmp_path / "run"), "--figure", "classes", "--out", str(out)]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    lines = [line for line in result.stderr.splitlines() if "no installed font" in line]
    assert len(lines) == 5
    assert all(line.startswith("Warning: ") and "package fonts-" in line for line in lines)
    drawn = out.read_text(encoding="utf-8")
    assert "class 0" in drawn and "\N{REPLACEMENT CHARACTER}" not in drawn.partition("<defs>")[2]


def test_a_font_of_one_weight_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    with matplotlib.rc_context({"font.family": ["DejaVu Math TeX Gyre"]}):
        figure = matplotlib.figure.Figure()
        figure.text(0.5, 0.5, "bold", weight="bold")
        with caplog.at_level(logging.WARNING):
            figure.draw_without_rendering()
    assert caplog.messages == []
