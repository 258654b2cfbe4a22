"""The main figures look as they did when somebody last looked at them.

`python tests/figures/test_baseline.py` draws the baselines anew: look at each before committing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.ft2font import __freetype_version__
from matplotlib.testing.compare import compare_images

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from skviz.figures import figure_style, save_figure
from tests.figures.extremes import (
    STAGES,
    bars_of,
    curves_of,
    depth_of,
    heatmap_of,
    lines_of,
    overview_of,
)

BASELINE = Path(__file__).resolve().parent / "baseline"
# Root mean square over the pixels' 0 to 255. Measured on "lines": 0 for the same figure, 3.0 for
# one line a quarter wider, 10.2 for another colour of it, 26.6 for a label moved by a point.
TOLERANCE = 1.0
VERSIONS = {"matplotlib": matplotlib.__version__, "freetype": __freetype_version__}


def figures() -> dict[str, tuple[str, object]]:
    """Name: (style, display)."""
    plain = [f"class {k}" for k in range(10)]
    return {
        "lines": ("paper", lines_of("SK_3_4", 3, band=True)),
        "bars": ("paper", bars_of(STAGES["four"], 3)),
        "depth": ("default,dark", depth_of(STAGES["sknet50"], 3)),
        "classes": ("paper-wide", curves_of(2, 2, 10, names=tuple(plain))),
        "channels": ("paper", heatmap_of(3, 64)),
        "overview": ("talk", overview_of(STAGES["four"], 1, 3, plain=True)),
    }


def write(name: str, path: Path) -> None:
    style, display = figures()[name]
    with figure_style(style):
        matplotlib.rcParams["font.family"] = ["DejaVu Sans"]  # comes with Matplotlib
        figure = display.plot().figure_
        save_figure(figure, path, overwrite=True, dpi=500 / figure.get_size_inches()[0])


@pytest.mark.parametrize("name", figures())
def test_looks_as_before(name: str, tmp_path: Path) -> None:
    made_with = json.loads((BASELINE / "versions.json").read_text())
    if made_with != VERSIONS:
        pytest.skip(f"the baselines were made with {made_with}, this is {VERSIONS}")
    write(name, tmp_path / f"{name}.png")
    expected = tmp_path / "expected.png"
    expected.write_bytes((BASELINE / f"{name}.png").read_bytes())
    difference = compare_images(str(expected), str(tmp_path / f"{name}.png"), TOLERANCE)
    assert difference is None, difference


def test_the_comparison_notices_another_colour(tmp_path: Path) -> None:
    for number, style in enumerate(("paper", "paper,dark")):
        with figure_style(style):
            save_figure(bars_of(STAGES["four"], 3).plot(), tmp_path / f"{number}.png", dpi=60)
    files = [str(tmp_path / f"{number}.png") for number in range(2)]
    assert compare_images(*files, TOLERANCE) is not None


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for each in figures():
        write(each, BASELINE / f"{each}.png")
    (BASELINE / "versions.json").write_text(json.dumps(VERSIONS) + "\n")
