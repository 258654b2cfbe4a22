"""Displays at the ends of what skviz draws: scales, units, classes, and names of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from skviz.capture.attention import Attention
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.overview import AttentionFigure
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap, plot_heatmaps
from skviz.figures.studies.comparison import ComparedShifts
from skviz.figures.style.text import closed
from skviz.pictures.scaling import Views, enlarge
from skviz.units import Kernel, Unit

SCALES = (1.0, 1.25, 1.5, 1.75, 2.0)
STAGES = {"four": (1, 1, 1, 1), "sknet50": (3, 4, 6, 3), "sknet101": (3, 4, 23, 3)}
NAMES = (
    "golden retriever",
    "狗 金毛寻回犬 日本語の名前 한국어",
    "قطة سوداء صغيرة",
    "\N{DOG FACE} dog \N{GRINNING FACE} \N{FAMILY}",
    "$x_1$ \\alpha & 100% #1 {a}~^",
    "<b>bold</b><script>alert(1)</script>",
    "a name of two hundred characters " * 6,
    "tab\tand\nline\x00end",
    "a",
    "Käse",
)


@dataclass(frozen=True)
class Case:
    """One figure of the sheet: `draw()` makes it in the style of the moment."""

    name: str
    display: Any
    draw: Callable[[], Figure]

    @classmethod
    def of(cls, name: str, display: Any) -> Case:
        return cls(name, display, lambda: display.plot().figure_)


def some_units(stages: tuple[int, ...], channels: int = 64) -> tuple[Unit, ...]:
    kernels = (Kernel(3), Kernel(3, 2))
    return tuple(
        Unit(f"SK_{stage}_{k + 1}", f"layer{stage}.{k}", kernels, channels * 2 ** (stage - 2))
        for stage, count in enumerate(stages, 2)
        for k in range(count)
    )


def attention_of(units: tuple[Unit, ...], scales: tuple[float, ...]) -> Attention:
    random = np.random.default_rng(1)
    arrays = {}
    for unit in units:
        logits = random.normal(0, 0.25, (len(scales), unit.branches, unit.channels))
        logits[:, -1] += 0.1 * np.arange(len(scales))[:, None]
        weights = np.exp(logits)
        arrays[unit.name] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return Attention(units, arrays, scales)


def views_of(scales: tuple[float, ...]) -> Views:
    from PIL import Image

    y, x = np.mgrid[0:300, 0:300]
    ring = 128 + 100 * np.sin(np.hypot(x - 150, y - 150) / 8)
    pixels = np.stack([ring, 255 - ring, 0.8 * x], axis=2).astype(np.uint8)
    return enlarge(Image.fromarray(pixels), scales)


def names_of(count: int) -> tuple[str, ...]:
    return tuple(NAMES[k] if k < len(NAMES) else f"class number {k}" for k in range(count))


def curves_of(units: int, scales: int, classes: int, **options: Any) -> ClassCurves:
    random = np.random.default_rng(2)
    level = random.normal(0, 0.05, (units, 1, classes))
    rise = random.normal(0.02, 0.01, (units, 1, classes))
    values = level + rise * np.arange(scales)[None, :, None]
    names = options.pop("names", names_of(classes))
    units_ = tuple(f"SK_{k % 4 + 2}_{k // 4 + 1}" for k in range(units))
    return ClassCurves(values, np.arange(classes), SCALES[:scales], units_, names, **options)


def bars_of(stages: tuple[int, ...], scales: int, *, errors: bool = True) -> UnitBars:
    names = tuple(unit.short for unit in some_units(stages))
    values = np.random.default_rng(3).normal(0, 0.05, (len(names), scales))
    deviations = np.full(values.shape, 0.02) if errors else None
    label = "attention difference (5x5 \N{MINUS SIGN} 3x3)"
    return UnitBars(values, SCALES[:scales], names, deviations, label)


def long_bars(scales: int) -> UnitBars:
    names = tuple(f"backbone.encoder.stages.{k}.blocks.0.selective_attention" for k in range(6))
    values = np.random.default_rng(3).normal(0, 0.05, (6, scales))
    return UnitBars(values, SCALES[:scales], names, None, "attention difference (branch 1 - 0)")


def depth_of(stages: tuple[int, ...], scales: int) -> DepthLines:
    bars, units = bars_of(stages, scales), some_units(stages)
    return DepthLines(
        bars.values, bars.scales, bars.units, tuple(u.stage for u in units), bars.errors,
        bars.quantity,
    )  # fmt: skip


def lines_of(unit: str, scales: int, group: int | None = None, band: bool = False) -> ChannelLines:
    chosen = Unit(unit, unit, (Kernel(3), Kernel(3, 2)), 512)
    lines = ChannelLines.from_attention(attention_of((chosen,), SCALES[:scales]), unit, group)
    spread = np.full(lines.curves.shape, 0.03) if band else None
    return ChannelLines(
        lines.curves, lines.x, lines.scales, unit, lines.branch_label, lines.group, 512, spread
    )


def overview_of(
    stages: tuple[int, ...], lines: int, scales: int, *, plain: bool = False
) -> AttentionFigure:
    units = some_units(stages)
    seen = [f"{closed(NAMES[k % len(NAMES)])} 91%" for k in range(scales)]
    return AttentionFigure.from_attention(
        views_of(SCALES[:scales]),
        attention_of(units, SCALES[:scales]),
        [unit.name for unit in units[:lines]],
        units="all" if len(units) > 20 else None,
        captions=[f"retriever {90 - k}%" for k in range(scales)] if plain else seen,
        title="dog.jpg" if plain else f"{NAMES[6]}.jpg" if lines == 1 else "狗 $x$.jpg",
        note="sknet50_lite, weights: bundled, trained on photographs of 171 classes",
        warning="untrained network: this is the attention of random weights",
    )


def heatmap_of(scales: int, channels: int, unit: str = "SK_3_4") -> ChannelHeatmap:
    values = 0.45 + 0.1 * np.random.default_rng(5).random((scales, channels))
    return ChannelHeatmap(values, SCALES[:scales], unit, "5x5")


def compared_of(units: int) -> ComparedShifts:
    values = np.random.default_rng(6).normal(0.05, 0.02, (2, units))
    labels = (f"a: {NAMES[6]}", "b: 狗 sknet50")
    names = tuple(f"4_{k + 1}" for k in range(units))
    return ComparedShifts(values, values - 0.01, values + 0.01, names, labels, (1.0, 2.0))


def cases(*, whole: bool = True) -> Iterator[Case]:
    """Every figure at its extremes; without `whole` the ones that go wrong first."""
    yield Case.of("lines-5", lines_of("SK_3_4", 5))
    yield Case.of("bars-4x3", bars_of(STAGES["four"], 3))
    yield Case.of("bars-33x5", bars_of(STAGES["sknet101"], 5))
    yield Case.of("bars-long-names", long_bars(3))
    yield Case.of("depth-33x5", depth_of(STAGES["sknet101"], 5))
    yield Case.of("classes-10", curves_of(3, 5, 10))
    yield Case.of("classes-1000", curves_of(4, 2, 1000))
    yield Case.of("heatmap-5", heatmap_of(5, 2048))
    yield Case.of("compared-4", compared_of(4))
    yield Case.of("overview-1", overview_of(STAGES["four"], 1, 3))
    yield Case.of("overview-5", overview_of(STAGES["sknet50"], 2, 5))
    if not whole:
        return
    yield Case.of("lines-1", lines_of("SK_3_4", 1))
    yield Case.of("lines-dense", lines_of("SK_3_4", 3, group=1, band=True))
    yield Case.of("lines-long-name", lines_of("encoder.stages.3.blocks.11.selective.attention", 3))
    yield Case.of("bars-1x1", bars_of((1,), 1))
    yield Case.of("bars-16x3", bars_of(STAGES["sknet50"], 3))
    yield Case.of("depth-4x1", depth_of(STAGES["four"], 1))
    yield Case.of("depth-16x3", depth_of(STAGES["sknet50"], 3))
    yield Case.of("classes-1x1x10", curves_of(1, 1, 10))
    yield Case.of("classes-40-by-shift", curves_of(3, 2, 40, sort="shift"))
    yield Case.of("classes-171", curves_of(6, 3, 171, names=None))
    yield Case.of("classes-smooth", curves_of(3, 2, 1000, smooth=10))
    yield Case.of("heatmap-1", heatmap_of(1, 16))
    yield Case.of("heatmap-3", heatmap_of(3, 256, "encoder.stages.3.blocks.11.selective.attention"))
    maps = [heatmap_of(3, 64, f"SK_{k}_1") for k in range(2, 6)]
    yield Case("heatmaps-4", maps, partial(plot_heatmaps, maps))
    yield Case.of("compared-33", compared_of(33))
    yield Case.of("thumbnails-5", Thumbnails.from_views(views_of(SCALES), names_of(5)))
    yield Case.of("thumbnails-1", Thumbnails.from_views(views_of((1.0,))))
    yield Case.of("overview-one-scale", overview_of(STAGES["four"], 1, 1))
    yield Case.of("overview-16", overview_of(STAGES["sknet50"], 16, 3))
    yield Case.of("overview-101", overview_of(STAGES["sknet101"], 23, 5))
