from __future__ import annotations

from itertools import combinations

import pytest

from skviz.errors import UsageError
from skviz.figures.style.palette import (
    contrast,
    in_palette,
    luminance,
    of_scales,
    palette_colours,
    scale_styles,
)
from skviz.figures.style.sheets import figure_style, style_names
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
    for count, least in ((2, 8), (3, 8), (5, 2.5)):
        for scales in (EIGHT[:count], EIGHT[1 : count + 1], (1.0, 1.5, 2.0, 1.25, 3.0)[:count]):
            styles = scale_styles(scales, background)
            lightness = [116 * luminance(style.colour) ** (1 / 3) - 16 for style in styles]
            gaps = [abs(a - b) for a, b in combinations(lightness, 2)]
            assert min(gaps) > least
    styles = scale_styles(EIGHT, background)
    ground = luminance(background)
    for style in styles:
        low, high = sorted((luminance(style.colour), ground))
        assert (high + 0.05) / (low + 0.05) > 2.2


def test_labels() -> None:
    assert scale_labels((1, 1.5, 0.25, 4 / 3)) == ("1.0x", "1.5x", "0.25x", "1.333x")
    assert scale_labels((1.00001, 1.00002)) == ("1.00001x", "1.00002x")


def test_the_papers_scales_always_look_the_same() -> None:
    whole = {style.scale: style for style in scale_styles((1.0, 1.5, 2.0))}
    for scales in ((1.0, 2.0), (2.0,), (0.75, 1.0, 1.25, 1.5, 2.0)):
        for style in scale_styles(scales):
            assert style == whole.get(style.scale, style)


def test_within_a_report_every_scale_keeps_its_look() -> None:
    measured = (0.5, 0.75, 1.0, 1.25, 3.0)
    with of_scales(measured):
        whole = {style.scale: style for style in scale_styles(measured)}
        for scales in ((0.75, 3.0), (3.0,), (1.0, 1.25)):
            assert [whole[scale] for scale in scales] == list(scale_styles(scales))
    assert scale_styles((3.0,)) != (whole[3.0],)


@pytest.mark.parametrize("name", ["paper", "deep", "pastel", "Set2", "viridis", "rocket"])
@pytest.mark.parametrize("background", ["white", "#15181C"])
def test_every_palette_stands_out(name: str, background: str) -> None:
    colours = palette_colours(name, background, 8)
    assert len(set(colours)) >= 6
    assert min(contrast(colour, background) for colour in colours) >= 3


def test_the_papers_colours_are_blue_green_and_red() -> None:
    with figure_style(palette="paper"):
        blue, green, red = (style.colour for style in scale_styles((1.0, 1.5, 2.0)))
    for colour, part in ((blue, 2), (green, 1), (red, 0)):
        channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert channels.index(max(channels)) == part


def test_seaborns_colours_are_taken_as_they_are_where_they_can_be_read() -> None:
    seaborn = pytest.importorskip("seaborn")
    deep = list(seaborn.color_palette("deep").as_hex())
    with in_palette("deep"):
        taken = [style.colour for style in scale_styles((1.0, 1.5, 2.0, 0.5))]
    kept = [colour for colour in deep[:4] if contrast(colour, "white") >= 3]
    assert len(kept) >= 2 and set(kept) <= set(taken)


def test_a_palette_is_part_of_a_styles_name() -> None:
    assert style_names("talk,palette:paper") == ("talk", "palette:paper")
    with figure_style("dark,palette:paper"):
        inside = scale_styles((1.0,), "#15181C")
    assert inside != scale_styles((1.0,), "#15181C")
    with pytest.raises(UsageError, match=r"unknown palette 'papr'\. Did you mean 'paper'"):
        style_names("palette:papr")
