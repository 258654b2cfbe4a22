"""Every display keeps the contract: it draws itself, and brings its caption and its data."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import skviz.figures
from skviz.errors import UsageError
from skviz.figures import Display, FieldFigure, Provenance, figure_bytes
from skviz.figures.display import figure_of
from skviz.figures.studies.control_views import ControlViews
from skviz.figures.studies.interventions import InterventionPanels
from tests.figures.extremes import (
    STAGES,
    bars_of,
    compared_of,
    curves_of,
    depth_of,
    heatmap_of,
    lines_of,
    overview_of,
)
from tests.figures.extremes_controls import field_of, panels_of, suite_of, verdicts_of

FIELD = FieldFigure.from_field(field_of(2))
DISPLAYS: list[Any] = [
    lines_of("SK_3_4", 2),
    bars_of(STAGES["four"], 2),
    depth_of(STAGES["four"], 2),
    curves_of(1, 2, 5),
    heatmap_of(2, 8),
    overview_of(STAGES["four"], 1, 2, plain=True),
    overview_of(STAGES["four"], 1, 2, plain=True).thumbnails,
    compared_of(3),
    FIELD,
    FIELD.maps,
    FIELD.widths,
    panels_of(("2_1", "all"), 2),
    suite_of(2, 2),
    verdicts_of(("2_1", "3_4")),
]
ABOUT = Provenance("sknet50", "photos", True, 500, 10, "val")


def test_all_displays_are_looked_at() -> None:
    public = {value for value in vars(skviz.figures).values() if inspect.isclass(value)}
    known = {kind for kind in public if issubclass(kind, Display) and not inspect.isabstract(kind)}
    assert known | {ControlViews, InterventionPanels} == {type(one) for one in DISPLAYS}


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda one: type(one).__name__)
def test_displays_bring_caption_and_data(display: Display) -> None:
    caption = display.caption(ABOUT)
    assert caption.title
    assert caption.drawn
    assert caption.alt
    assert caption.provenance is not None
    assert caption.provenance.network == "sknet50"
    frame = display.to_frame()
    assert len(frame)
    assert not frame.columns.duplicated().any()


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda one: type(one).__name__)
def test_native_charts_say_what_they_show(display: Display) -> None:
    caption = display.caption(ABOUT)
    for chart in display.native_charts(caption):
        assert chart.caption.drawn
        assert len(chart.caption.shown) <= len(caption.shown)
        assert chart.values.shape == (2, len(chart.x))


def test_what_a_native_chart_lacks_is_not_said_of_it() -> None:
    depth = depth_of(STAGES["four"], 2)
    (chart,) = depth.native_charts(depth.caption(ABOUT))
    assert "Vertical lines separate the stages." in depth.caption(ABOUT).drawn
    assert "Vertical" not in chart.caption.text
    curves = curves_of(2, 2, 5)
    charts = curves.native_charts(curves.caption(ABOUT))
    assert [chart.caption.title.partition(":")[0] for chart in charts] == list(curves.units)
    assert "one panel per unit" in curves.caption(ABOUT).shown
    assert not any("panel" in chart.caption.shown for chart in charts)


def test_slides_of_verdicts_leave_out_what_can_be_read_there() -> None:
    rows = verdicts_of(("2_1", "3_4"))
    caption = rows.caption(ABOUT)
    assert "On the right: the verdict" in caption.shown
    assert f"what remains of it: {rows.labels[0]}" in caption.shown
    short = rows.short_caption(caption)
    assert short.shown.startswith("Mean over 500 images")
    assert "what remains of it. Bars" in short.shown
    assert "Hatched" not in short.shown.partition("Bars")[0]
    assert "On the right" not in short.shown
    assert short.details == caption.details


def test_data_of_studies_are_what_is_drawn() -> None:
    compared = compared_of(3)
    frame = compared.to_frame()
    np.testing.assert_array_equal(frame["shift"], compared.values.ravel())
    assert list(frame["unit"][:3]) == list(compared.units)
    rows = verdicts_of(("2_1", "3_4"))
    frame = rows.to_frame().set_index(["mark", "unit"])
    assert frame.loc[(rows.labels[1], "3_4"), "low"] == rows.values[1, 1, 1]
    assert frame.loc[(rows.labels[1], "3_4"), "verdict"] == rows.verdicts[1]
    panels = panels_of(("2_1", "all"), 2)
    frame = panels.to_frame().set_index(["kind", "target", "scale"])
    assert frame.loc[(panels.kinds[1], "all", 1.0), "high"] == panels.high[1, 1, 0]
    frame = FIELD.to_frame().set_index(["scale", "field"])
    width = FIELD.widths.widths[1, list(FIELD.widths.labels).index("mixed")]
    assert frame.loc[(FIELD.widths.scales[1], "mixed"), "width"] == width
    assert set(FIELD.maps.labels) <= set(frame.index.get_level_values("field"))


def test_a_display_that_was_drawn_has_its_axes_and_shows_itself() -> None:
    bars = bars_of(STAGES["four"], 2)
    assert bars._repr_png_() is None
    with pytest.raises(UsageError, match=r"that was drawn: call its plot\(\) first"):
        figure_of(bars)
    assert bars.plot() is bars
    assert bars.ax_ is bars.figure_.axes[0]
    assert figure_of(bars) is figure_of(bars.figure_) is bars.figure_
    shown = bars._repr_png_()
    assert shown is not None
    assert shown == figure_bytes(bars, "png")


def test_a_display_lacks_nothing() -> None:
    class Half(Display):
        def caption(self, provenance: Provenance) -> Any:
            return None

    with pytest.raises(TypeError, match="plot"):
        Half()  # type: ignore[abstract]
