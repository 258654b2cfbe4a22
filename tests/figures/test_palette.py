from __future__ import annotations

from itertools import combinations

import pytest

from skviz.figures.style.palette import luminance, scale_styles
from skviz.scales import scale_labels

EIGHT = tuple(0.5 * n for n in range(1, 9))


@pytest.mark.parametrize("background", ["white", "#15181C"])
@pytest.mark.parametrize("count", range(1, 9))
def test_scales_differ_in_every_way(count: int, background: str) -> None:
    styles = scale_styles(EIGHT[:count], background)
    for one, other in combinations(styles, 2):
        for name in ("label", "colour", "marker", "dash", "hatch"):
            assert getattr(one, name) != getattr(other, name)


def test_a_scale_keeps_its_look_when_others_follow() -> None:
    assert scale_styles((1.0, 1.5)) == scale_styles((1.0, 1.5, 2.0))[:2]


def test_many_scales_still_differ() -> None:
    styles = scale_styles([1 + n / 10 for n in range(40)])
    assert len({(style.colour, style.marker) for style in styles}) == 40


@pytest.mark.parametrize("background", ["white", "#15181C"])
def test_colours_are_apart_in_greyscale_and_stand_out(background: str) -> None:
    styles = scale_styles(EIGHT, background)
    lightness = [116 * luminance(style.colour) ** (1 / 3) - 16 for style in styles]
    for count, least in ((2, 8), (3, 8), (5, 2.5)):
        gaps = [abs(a - b) for a, b in combinations(lightness[:count], 2)]
        assert min(gaps) > least
    ground = luminance(background)
    for style in styles:
        low, high = sorted((luminance(style.colour), ground))
        assert (high + 0.05) / (low + 0.05) > 2.2


def test_labels() -> None:
    assert scale_labels((1, 1.5, 0.25, 4 / 3)) == ("1.0x", "1.5x", "0.25x", "1.333x")
    assert scale_labels((1.00001, 1.00002)) == ("1.00001x", "1.00002x")
