"""More displays at their ends: fields, interventions, controls, verdicts, bands of random networks.

`every_case` gives them after those of `extremes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
from matplotlib.figure import Figure

from skviz.figures.attention.lines import ChannelLines, plot_lines
from skviz.figures.attention.overview import AttentionFigure
from skviz.figures.display import caption_of
from skviz.figures.layout.footer import with_note
from skviz.figures.provenance import Provenance
from skviz.figures.runs.depth import DepthLines
from skviz.figures.studies.control_views import ControlViews
from skviz.figures.studies.field_figure import draw_field
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import FieldMaps
from skviz.figures.studies.interventions import InterventionPanels
from skviz.figures.studies.verdicts import ROWS, VerdictRows
from skviz.inference.verdicts import VERDICTS
from skviz.studies.interventions.kinds import kind_label
from skviz.studies.receptive_field.result import Field, ReceptiveField
from skviz.studies.receptive_field.widths import moments
from skviz.units import Kernel, Unit
from tests.figures.extremes import (
    NAMES,
    SCALES,
    STAGES,
    Case,
    bars_of,
    cases,
    curves_of,
    depth_of,
    lines_of,
    some_units,
    views_of,
)

ABOUT = Provenance(
    "sknet50", "untrained (seed 0)", False, 1500, 10, "/data/狗/val", control={"kind": "blur"}
)
FIELDS = ("field-3", "field-1", "field-5x3", "field-one-image")
LONG = "encoder.stages.3.blocks.11.selective.attention"
KINDS = ("smallest", "largest", "uniform", "mean", "channels", "images", "patch")
SUITE = (
    "plain", "blur", "object-constant", "object-blurred", "masked", "zoom-out-mean",
    "zoom-out-reflect", "resample-bilinear", "resample-lanczos",
)  # fmt: skip


def field_of(scales: int, *, branches: int = 2, images: int = 8, unit: str = "SK_3_4"):
    """Bells of noise whose width grows with branch and scale."""
    random, size = np.random.default_rng(8), 64
    one = Unit(unit, unit, tuple(Kernel(3, k + 1) for k in range(branches)), 8)
    labels = [one.branch_label(k) for k in range(branches)]
    fields = [Field("branch", label, k) for k, label in enumerate(labels)]
    fields.append(Field("mixed", "mixed"))
    fields += [Field("clamped", f"all {labels[k]}", k) for k in (0, branches - 1)]
    fields.append(Field("fixed", "attention of 1.0x"))
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    sigma = 6 * (1 + 0.1 * np.arange(len(fields)) + 0.05 * np.arange(scales)[:, None])
    sigma = sigma * random.uniform(0.8, 1.2, (images, 1, 1))
    bells = np.exp(-(x**2 + y**2) / (2 * sigma[..., None, None] ** 2))
    bells /= bells.sum(axis=(-2, -1), keepdims=True)
    attention = random.uniform(0.4, 0.6, (images, scales))
    return ReceptiveField(
        one, SCALES[:scales], tuple(fields), tuple(f"{k}.png" for k in range(images)),
        bells.mean(axis=0).astype(np.float32), moments(bells), attention, 3 + 2 * attention, {},
    )  # fmt: skip


def panels_of(targets: tuple[str, ...], scales: int, kinds: int = 7) -> InterventionPanels:
    values = np.random.default_rng(9).normal(-0.03, 0.05, (kinds, len(targets), scales))
    values[-1, :, 0] = np.nan
    return InterventionPanels(
        values, values - 0.02, values + 0.02, tuple(map(kind_label, KINDS[:kinds])), targets,
        SCALES[:scales], "change of the probability of the predicted class",
    )  # fmt: skip


def suite_of(rows: int, scales: int, title: str = "ant/n01440764_10026.JPEG") -> ControlViews:
    pixels = views_of(SCALES[:scales]).pixels
    chosen = SUITE[:rows]
    sizes = dict.fromkeys(chosen, SCALES[:scales])
    sizes |= {name: tuple(1 / s for s in SCALES[:scales]) for name in chosen if "zoom" in name}
    return ControlViews([(name, sizes[name], pixels) for name in chosen], title)


def verdicts_of(units: tuple[str, ...], marks: int = 4, *, null: bool = True) -> VerdictRows:
    random = np.random.default_rng(10)
    mean = random.normal(0.03, 0.03, (marks, len(units)))
    values = np.stack([mean, mean - 0.01, mean + 0.012], axis=-1)
    words = tuple(VERDICTS.values())
    band = np.tile([-0.03, 0.03], (len(units), 1)) if null else None
    return VerdictRows(
        values, tuple(row[0] for row in ROWS[:marks]), units,
        tuple(words[k % len(words)] for k in range(len(units))), 2.0, band,
    )  # fmt: skip


def banded_lines(unit: str, scales: int) -> ChannelLines:
    lines = lines_of(unit, scales)
    return replace(lines, null=np.stack([lines.curves[-1] - 0.08, lines.curves[-1] + 0.05]))


def panel_case(name: str, units: list[str], scales: int, *, null: bool = False) -> Case:
    charts = [(banded_lines if null else lines_of)(unit, scales) for unit in units]
    draw: partial[Figure] = partial(plot_lines, charts)
    return Case(name, charts, draw)


def field_case(name: str, field: ReceptiveField) -> Case:
    parts = [FieldMaps.from_field(field), FieldWidths.from_field(field)]
    return Case(name, parts, partial(draw_field, field))


def _banded(display):
    """Give bars or lines along the depth the band of random networks."""
    low = np.nan_to_num(display.values) - 0.03
    null = np.stack([low, low + 0.07], axis=-1)
    null[:, 0] = np.nan
    return replace(display, null=null[:, -1] if isinstance(display, DepthLines) else null)


def _banded_curves(units: int, classes: int):
    curves = curves_of(units, 2, classes)
    middle = curves.values[:, 0]
    return replace(curves, null=np.stack([middle - 0.02, middle + 0.03], axis=1))


def more_cases(*, whole: bool = True) -> Iterator[Case]:
    four = [f"SK_{stage}_1" for stage in range(2, 6)]
    fifty = tuple(unit.short for unit in some_units(STAGES["sknet50"]))
    yield field_case("field-3", field_of(3))
    yield Case.of("interventions-5", panels_of((*fifty[:4], "all"), 3))
    yield Case.of("views-9", suite_of(9, 3))
    yield Case.of("verdicts-4", verdicts_of(fifty[:4]))
    yield Case.of("null-lines", banded_lines("SK_3_4", 3))
    yield Case.of("null-bars", _banded(bars_of(STAGES["four"], 3)))
    yield panel_case("panels-4-null", four, 3, null=True)
    if not whole:
        return
    yield field_case("field-1", field_of(1))
    yield field_case("field-5x3", field_of(5, branches=3, unit=LONG))
    yield field_case("field-one-image", field_of(2, images=1))
    yield Case.of("field-maps", FieldMaps.from_field(field_of(3)))
    yield Case.of("field-widths", FieldWidths.from_field(field_of(5)))
    yield Case.of("interventions-17", panels_of((*fifty, "all"), 2))
    yield Case.of("interventions-1", panels_of(("2_1",), 5, kinds=1))
    yield Case.of("interventions-long", panels_of((*(f"{LONG}.{k}" for k in range(3)), "all"), 2))
    yield Case.of("views-1", suite_of(1, 1, ""))
    yield Case.of("views-5-scales", suite_of(5, 5, f"{NAMES[6]}.jpg"))
    yield Case.of("verdicts-1", verdicts_of(("3_4",), null=False))
    yield Case.of("verdicts-33", verdicts_of(tuple(f"4_{k + 1}" for k in range(33)), 5))
    yield Case.of("verdicts-long", verdicts_of(tuple(f"{LONG}.{k}" for k in range(3)), 2))
    yield Case.of("null-depth", _banded(depth_of(STAGES["sknet50"], 3)))
    yield Case.of("null-bars-16", _banded(bars_of(STAGES["sknet50"], 5)))
    yield Case.of("null-classes", _banded_curves(4, 100))
    yield panel_case("panels-2", four[:2], 5)
    yield panel_case("panels-16", [unit.name for unit in some_units(STAGES["sknet50"])], 3)
    yield panel_case("panels-long", [f"{LONG}.{k}" for k in range(3)], 2, null=True)


def every_case(*, whole: bool = True) -> Iterator[Case]:
    """Every figure at its extremes; without `whole` the ones that go wrong first."""
    return map(noted, chain(cases(whole=whole), more_cases(whole=whole)))


def noted(case: Case) -> Case:
    """Give a figure the lines below it that commands write; two kinds bring their own."""
    if isinstance(case.display, AttentionFigure) or case.name in FIELDS:
        return case
    caption = caption_of(case.display, ABOUT)
    return replace(case, draw=lambda: with_note(case.draw, caption))
