"""The paper's figures as the paper has them: of a run, and from its published values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from skviz.cli.main import cli
from skviz.errors import UsageError
from skviz.figures.redraw import drawn_run, run_displays
from skviz.figures.runs.figure3 import Figure3
from skviz.figures.runs.paper_figures import (
    PAPER_FIGURES,
    draw_paper,
    paper_caption,
    paper_display,
)
from skviz.inference.published import published_values
from skviz.inference.summary import Summary, summarise
from tests.figures.tidy import troubles
from tests.helpers.synthetic import make_run, stage_units

STYLES = ("default", "paper", "paper-wide", "talk,dark", "poster")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    make_run(folder, stage_units((1, 4, 1, 1), channels=32), classes=3, per_class=4)
    return folder


@pytest.fixture(scope="module")
def summary(folder: Path) -> Summary:
    return summarise(folder, resamples=0)


@pytest.mark.parametrize("style", STYLES)
def test_lines_and_bars_are_one_figure(summary: Summary, style: str) -> None:
    figure, caption = drawn_run(summary, "3c", style=style)
    assert troubles(figure) == []
    left, right = figure.axes
    lines, bars = run_displays(summary, "lines")[0], run_displays(summary, "bars")[0]
    np.testing.assert_allclose([line.get_ydata() for line in left.lines], lines.curves)
    heights = [[p.get_height() for p in g] for g in right.containers if hasattr(g, "patches")]
    np.testing.assert_allclose(np.transpose(heights), bars.values)
    assert left.get_title("left") == "SK_3_4"
    assert caption.title == bars.caption(caption.provenance).title
    assert "Left: Mean over 12 images" in caption.text and "Error bars: ± one" in caption.text
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["1.0x", "1.5x", "2.0x"]
    one, other = left.get_position(), right.get_position()
    beside = one.x1 < other.x0
    assert beside == (style not in ("paper", "poster"))  # whose pages are narrow in font sizes
    ends = [(box.y0, box.y1) if beside else (box.x0, box.x1) for box in (one, other)]
    np.testing.assert_allclose(*ends)


def test_its_data_and_charts_are_those_of_both(summary: Summary) -> None:
    (display,) = run_displays(summary, "3c")
    assert isinstance(display, Figure3)
    frame = display.to_frame()
    assert frame["part"].value_counts().to_dict() == {"lines": 48, "bars": 12}
    _, caption = drawn_run(summary, "3c")
    assert [chart.kind for chart in display.native_charts(caption)] == ["xy", "bars"]
    with pytest.raises(UsageError, match="'quantity' belongs to the figure lines or bars"):
        run_displays(summary, "3c", quantity="expected_kernel")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("kind", PAPER_FIGURES)
def test_the_papers_figures_are_tidy(kind: str, style: str) -> None:
    figure, caption = draw_paper(kind, style)
    assert troubles(figure) == []
    assert isinstance(figure, Figure)
    assert caption.title.startswith("The paper: ")
    number = "4" if kind == "4" else f"3 ({kind[1]})"
    assert f"figure {number} of Li, Wang, Hu, Yang" in caption.text
    assert "How to read it: " in caption.note


def test_they_show_the_published_values() -> None:
    left, right = (published_values("figure3")[side] for side in ("left", "right"))
    for kind, key in (
        ("3a", "a_one_image"),
        ("3b", "b_one_image"),
        ("3c", "c_all_validation_images"),
    ):
        display = paper_display(kind)
        bars = display if kind == "3a" else display.bars
        for column, label in enumerate(("1.0x", "1.5x", "2.0x")):
            assert bars.values[:, column].tolist() == right[key][label]
    curves = paper_display("3b").lines.curves
    assert np.isnan(curves[0]).all()  # not in the paper
    assert curves[1:].tolist() == list(left["b_one_image"].values())
    assert paper_display("3c").lines.curves.tolist() == list(
        left["c_all_validation_images"].values()
    )
    classes = paper_display("4")
    assert classes.units == ("SK_2_3", "SK_3_4", "SK_5_3")
    caption = paper_caption("4", classes)
    assert caption.title == (
        "The paper: From 1.0x to 1.5x, 98 of 100 points rise in SK_2_3, 100 of 100 points rise in"
        " SK_3_4 and 34 of 100 points rise in SK_5_3"
    )
    with pytest.raises(UsageError, match="out of 3a, 3b, 3c, 4, got '3'"):
        paper_display("3")


@pytest.mark.parametrize("kind", ["3c", "4"])
def test_the_command_draws_both(kind: str, folder: Path, tmp_path: Path) -> None:
    for run in ("paper", str(folder)):
        out = tmp_path / f"{Path(run).name}.svg"
        arguments = ["plot", run, "--figure", kind, "--out", str(out), "--json"]
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        assert json.loads(result.stdout)["files"] == [str(out)]
        assert ("Li, Wang, Hu, Yang" in out.read_text(encoding="utf-8")) == (run == "paper")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["paper", "--figure", "bars"], "expected a figure of the paper out of 3a, 3b, 3c, 4, got"),
        (["paper", "--figure", "3c", "--units", "3_4"], "expected no --units with the paper's own"),
        (["run", "--figure", "3a"], "figure 3 (a) is of one photograph, got a run; draw it with"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: list[str], words: str, tmp_path: Path) -> None:
    out = tmp_path / "x.svg"
    result = CliRunner().invoke(cli, ["plot", *arguments, "--out", str(out)])
    assert result.exit_code == 2
    assert words in str(result.exception) + result.stderr
    assert not out.exists()
