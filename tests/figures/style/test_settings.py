"""A matplotlibrc changes no figure, whatever it says; axes of the user's own keep her settings."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib
import matplotlib.style
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from skviz.figures.redraw import RUN_FIGURES, draw_run
from skviz.figures.save import figure_bytes
from skviz.figures.style.sheets import figure_style
from skviz.inference.summary import summarise
from skviz.reports.html.inline_svg import ColourPairs, inline_svg
from tests.figures.extremes import Case, lines_of
from tests.figures.extremes_controls import every_case
from tests.helpers.synthetic import make_run

# Each of these alone changes or breaks a figure that takes it.
HOSTILE = {
    "text.usetex": True,  # no LaTeX is installed where tests run
    "image.origin": "lower",
    "image.cmap": "jet",
    "savefig.bbox": "tight",
    "savefig.pad_inches": 1.0,
    "savefig.transparent": True,
    "savefig.facecolor": "red",
    "savefig.dpi": 30,
    "figure.autolayout": True,
    "figure.subplot.left": 0.4,
    "lines.linestyle": "--",
    "lines.marker": "x",
    "lines.dash_joinstyle": "miter",
    "axes.grid": True,
    "axes.grid.axis": "both",
    "axes.titleweight": "light",
    "axes.xmargin": 0.4,
    "axes.unicode_minus": False,
    "axes.autolimit_mode": "round_numbers",
    "font.size": 30,
    "font.family": "serif",
    "font.sans-serif": ["DejaVu Serif"],
    "xtick.direction": "in",
    "xtick.minor.visible": True,
    "ytick.labelright": True,
    "ytick.right": True,
    "legend.frameon": True,
    "legend.numpoints": 3,
    "errorbar.capsize": 9,
    "hatch.linewidth": 5,
    "patch.force_edgecolor": True,
    "path.sketch": (4, 100, 2),
}
# One figure of every kind.
KINDS = (
    "lines-5", "bars-4x3", "depth-33x5", "classes-10", "heatmap-5", "compared-4", "overview-1",
    "field-3", "interventions-5", "views-9", "verdicts-4", "null-bars", "panels-4-null",
)  # fmt: skip
CASES = [case for case in every_case(whole=False) if case.name in KINDS]


def pixels(figure: Figure) -> np.ndarray:
    import io

    return np.asarray(Image.open(io.BytesIO(figure_bytes(figure, "png"))))


def drawn(case: Case) -> Figure:
    with figure_style("web"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs
        return case.draw()


def test_every_kind_is_here() -> None:
    assert [case.name for case in CASES] and {case.name for case in CASES} == set(KINDS)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_settings_change_no_figure(case: Case) -> None:
    plain = pixels(drawn(case))
    with matplotlib.rc_context(HOSTILE):  # type: ignore[arg-type]
        # Written outside its style, where the settings are hostile again.
        np.testing.assert_array_equal(pixels(drawn(case)), plain)


def test_settings_change_no_figure_of_a_page() -> None:
    def drawing() -> str:
        figures = []
        for style in ("web", "web,dark"):
            with figure_style(style):
                figures.append(lines_of("SK_3_4", 3).plot().figure_)
        return inline_svg(figures[0], figures[1], "p", "alt", ColourPairs())

    plain = drawing()
    with matplotlib.rc_context(HOSTILE):  # type: ignore[arg-type]
        assert drawing() == plain


@pytest.mark.slow
def test_a_matplotlibrc_changes_no_figure_of_a_run(tmp_path: Path) -> None:
    make_run(tmp_path / "run", classes=3, per_class=2)
    summary = summarise(tmp_path / "run", resamples=0)
    file = tmp_path / "matplotlibrc"
    lines = [f"{key}: {str(value).strip('()[]')}\n" for key, value in HOSTILE.items()]
    file.write_text("".join(lines).replace("'", ""))
    code = (
        "import sys; from skviz.inference.summary import summarise; from skviz.figures import *\n"
        "import matplotlib; assert matplotlib.rcParams['text.usetex']\n"
        "summary = summarise('run', resamples=0)\n"
        "for kind in RUN_FIGURES: save_figure(draw_run(summary, kind), f'{kind}.png')\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MATPLOTLIBRC": str(file)}, cwd=tmp_path, check=True,
    )  # fmt: skip
    for kind in RUN_FIGURES:
        found = np.asarray(Image.open(tmp_path / f"{kind}.png"))
        np.testing.assert_array_equal(found, pixels(draw_run(summary, kind)))


def test_axes_of_her_own_keep_her_settings() -> None:
    with matplotlib.rc_context({"axes.titlesize": 31, "lines.linewidth": 7, "savefig.dpi": 50}):
        figure = Figure(figsize=(4, 3))
        ax = figure.add_subplot()
        lines_of("SK_3_4", 2).plot(ax)
        assert ax.title.get_fontsize() == 31
        assert ax.lines[0].get_linewidth() == 7
        assert pixels(figure).shape[:2] == (150, 200)
        # So does a figure that skviz makes, where she draws outside of a style of skviz.
        assert lines_of("SK_3_4", 2).plot().figure_.axes[0].title.get_fontsize() == 31


def test_a_style_leaves_the_backend() -> None:
    before = matplotlib.rcParams["backend"]
    with figure_style("talk"):
        assert matplotlib.rcParams["backend"] == before
