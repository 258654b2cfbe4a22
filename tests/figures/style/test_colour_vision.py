"""The scales stay apart without colour, and for people with a colour vision deficiency.

Deficiencies are simulated with the matrices of Machado, Oliveira and Fernandes (2009) at full
severity, as in colorspacious. Distances are those of CAM02-UCS, in which about 1 is just seen.
`python tests/figures/style/test_colour_vision.py FOLDER` writes simulated figures to be looked at.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from skviz.figures.style.palette import scale_styles

DEFICIENCIES = ("deuteranomaly", "protanomaly", "tritanomaly")
BACKGROUNDS = ("#FFFFFF", "#15181C")
LEAST = 10.0  # between any two of eight scales
# Number of scales: least difference in lightness. More than five are told apart by marker,
# dash and hatch, which all differ.
IN_GREY = {3: 25.0, 5: 6.0}


def simulate(rgb: np.ndarray, deficiency: str) -> np.ndarray:
    """Return sRGB in [0, 1], shape (..., 3), as seen with a deficiency, or in grey."""
    from colorspacious import cspace_convert

    if deficiency == "grey":
        light = cspace_convert(rgb, "sRGB1", "CAM02-UCS")
        light[..., 1:] = 0
        return np.clip(cspace_convert(light, "CAM02-UCS", "sRGB1"), 0, 1)
    space = {"name": "sRGB1+CVD", "cvd_type": deficiency, "severity": 100}
    return np.clip(cspace_convert(rgb, space, "sRGB1"), 0, 1)


def colours(background: str, count: int = 8) -> np.ndarray:
    return np.array(
        [to_rgb(style.colour) for style in scale_styles(range(1, count + 1), background)]
    )


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_eight_scales_with_a_deficiency(deficiency: str, background: str) -> None:
    space = pytest.importorskip("colorspacious")
    seen = simulate(colours(background), deficiency)
    for one, other in combinations(range(8), 2):
        distance = space.deltaE(seen[one], seen[other], input_space="sRGB1")
        assert distance > LEAST, f"scales {one} and {other}: {distance:.1f}"


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize(("count", "least"), IN_GREY.items())
def test_scales_in_grey(count: int, least: float, background: str) -> None:
    space = pytest.importorskip("colorspacious")
    light = space.cspace_convert(colours(background, count), "sRGB1", "CAM02-UCS")[:, 0]
    for one, other in combinations(range(count), 2):
        gap = abs(light[one] - light[other])
        assert gap > least, f"scales {one} and {other}: {gap:.1f}"


def test_red_and_green_would_fail() -> None:
    """The measure notices a pair that a deuteranope does not tell apart."""
    space = pytest.importorskip("colorspacious")
    pair = np.array([to_rgb("#B8860B"), to_rgb("#6B8E23")])
    seen = simulate(pair, "deuteranomaly")
    assert space.deltaE(*pair, input_space="sRGB1") > LEAST
    assert space.deltaE(*seen, input_space="sRGB1") < LEAST


def main(folder: Path) -> None:
    from PIL import Image

    from skviz.figures import figure_style, save_figure
    from tests.figures.extremes import STAGES, Case, bars_of, depth_of, lines_of

    folder.mkdir(parents=True, exist_ok=True)
    for dark in ("", ",dark"):
        with figure_style(f"web{dark}"):
            for case in (
                Case.of("lines", lines_of("SK_3_4", 5)),
                Case.of("bars", bars_of(STAGES["four"], 5)),
                Case.of("depth", depth_of(STAGES["sknet50"], 3)),
            ):
                path = folder / f"{case.name}{dark[1:]}.png"
                save_figure(case.draw(), path, overwrite=True, dpi=60)
                rgb = np.asarray(Image.open(path).convert("RGB")) / 255
                rows = [rgb, *(simulate(rgb, kind) for kind in (*DEFICIENCIES, "grey"))]
                Image.fromarray((np.concatenate(rows, 1) * 255).astype(np.uint8)).save(path)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    main(Path(sys.argv[1]))
