"""Figures of receptive fields: they show the numbers, and stay readable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from skviz.errors import UsageError
from skviz.figures.studies.field_figure import draw_field
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import FieldMaps
from skviz.figures.style.sheets import figure_style
from skviz.studies.receptive_field.result import Field, ReceptiveField
from skviz.studies.receptive_field.widths import moments
from skviz.units import Kernel, Unit

SIZE = 64


def make_field(
    scales: tuple[float, ...] = (1.0, 1.5, 2.0),
    *,
    images: int = 8,
    branches: int = 2,
    known: bool = True,
    spread: float = 6.0,
    name: str = "SK_3_4",
) -> ReceptiveField:
    """Bells of noise whose width grows with branch and scale."""
    random = np.random.default_rng(0)
    unit = Unit(name, name, tuple(Kernel(3, i + 1) for i in range(branches)), 8)
    labels = [unit.branch_label(i) for i in range(branches)]
    fields = [Field("branch", label, i) for i, label in enumerate(labels)] if known else []
    fields.append(Field("mixed", "mixed"))
    fields += [Field("clamped", f"all {labels[i]}", i) for i in (0, branches - 1)]
    fields.append(Field("fixed", "attention of 1.0x"))
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    sigma = spread * (1 + 0.1 * np.arange(len(fields)) + 0.05 * np.arange(len(scales))[:, None])
    sigma = sigma * random.uniform(0.8, 1.2, (images, 1, 1))
    bells = np.exp(-(x**2 + y**2) / (2 * sigma[..., None, None] ** 2))
    bells /= bells.sum(axis=(-2, -1), keepdims=True)
    attention = random.uniform(0.4, 0.6, (images, len(scales)))
    return ReceptiveField(
        unit, scales, tuple(fields), tuple(f"{i}.png" for i in range(images)),
        bells.mean(axis=0).astype(np.float32), moments(bells), attention, 3 + 2 * attention, {},
    )  # fmt: skip


LOOKS = [
    ("default", {}), ("paper", {}), ("paper-wide", {}), ("talk", {}), ("dark", {}),
    ("default", {"scales": (1.0,)}),
    ("paper-wide", {"scales": (1.0, 1.25, 1.5, 1.75, 2.0, 3.0)}),
    ("default", {"branches": 3}),
    ("talk", {"known": False}),
    ("default", {"spread": 30.0}),
    ("paper", {"images": 1, "name": "net.layer1.0.$sk$"}),
]  # fmt: skip


@pytest.mark.parametrize(("style", "options"), LOOKS, ids=str)
def test_tidy(style: str, options: dict[str, Any], assert_tidy: Callable[[Figure], None]) -> None:
    with figure_style(style):
        assert_tidy(draw_field(make_field(**options)))


def test_maps_show_the_numbers() -> None:
    field = make_field()
    maps = FieldMaps.from_field(field)
    assert maps.labels == ("3x3", "5x5", "mixed")
    figure = maps.plot().figure_
    panels = [ax for ax in figure.axes if ax.images and ax.get_label() != "colours"]
    assert len(panels) == 9
    assert len({ax.images[0].norm.vmax for ax in panels}) == 1
    for number, ax in enumerate(panels):
        row, column = divmod(number, 3)
        assert np.array_equal(ax.images[0].get_array(), field.maps[column, row])
        (box,) = (patch for patch in ax.patches if isinstance(patch, Rectangle))
        assert box.get_width() == pytest.approx(field.widths[column, row])
        assert ax.get_title("left") == f"{field.widths[column, row]:.1f} px"
        # The square stands around the middle of the field, and is inside of what is shown.
        assert box.get_x() + box.get_width() / 2 == pytest.approx(0, abs=1e-3)
        assert ax.get_xlim()[1] >= box.get_width() / 2


def test_widths_show_the_numbers() -> None:
    field = make_field()
    chart = FieldWidths.from_field(field)
    assert chart.labels == ("mixed", "all 3x3", "all 5x5", "attention of 1.0x")
    (ax,) = chart.plot().figure_.axes
    for number, container in enumerate(ax.containers):
        line, _, (bars,) = container
        assert line.get_ydata() == pytest.approx(field.widths[:, 2 + number])
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert ends[:, 0] == pytest.approx(chart.low[:, number])
        assert ends[:, 1] == pytest.approx(chart.high[:, number])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert tuple(texts) == chart.labels


def test_an_empty_field() -> None:
    field = make_field(scales=(1.0,), images=1)
    maps = FieldMaps.from_field(field)
    empty = FieldMaps(maps.maps * np.nan, maps.widths * np.nan, (1.0,), maps.labels, "SK_3_4")
    figure = empty.plot().figure_
    assert figure.axes[0].get_title("left") == "no gradient"
    figure.draw_without_rendering()


def test_shapes_that_do_not_fit() -> None:
    field = make_field()
    with pytest.raises(UsageError, match=r"with \(2, 6\), got \(3, 6, 64, 64\) and \(3, 6\)"):
        FieldMaps(field.maps, field.widths, (1.0, 2.0), tuple("abcdef"), "SK_3_4")
    with pytest.raises(UsageError, match=r"\(scales, fields\) = \(3, 2\), got \(3, 6\)"):
        FieldWidths(field.widths, field.widths, field.widths, field.scales, ("a", "b"), "SK_3_4")
