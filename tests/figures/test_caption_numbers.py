"""Every number of a title or an alternative text, recomputed from the figure's tidy data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skviz.figures.attention.overview import AttentionFigure
from skviz.figures.display import Display
from skviz.figures.provenance import Provenance
from skviz.figures.redraw import run_displays
from skviz.figures.runs.paper_figures import paper_caption, paper_display
from skviz.figures.studies.field_figure import FieldFigure
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import FieldMaps
from skviz.inference.summary import summarise
from tests.figures.conftest import make_attention, make_views
from tests.figures.extremes import compared_of
from tests.figures.extremes_controls import panels_of, verdicts_of
from tests.figures.studies.test_fields import make_field
from tests.helpers.synthetic import make_run, stage_units

ABOUT = Provenance("sknet50", "photos", True, 12, 3, "val", (1.0, 2.0))
_NUMBER = re.compile(r"(?<![\w.])([+\N{MINUS SIGN}-]?)(\d+\.\d{4})(?!\d)")
_COUNT = re.compile(r"(\d+) of (\d+) (?:channels|classes|points) rise")


def numbers(text: str) -> set[float]:
    return {float(value) * (-1 if sign in "\N{MINUS SIGN}-" and sign else 1)
            for sign, value in _NUMBER.findall(text)}  # fmt: skip


def rounded(values: Iterable[float]) -> set[float]:
    return {round(float(value), 4) + 0.0 for value in values}


def of_lines(frame: pd.DataFrame) -> set[float]:
    value = "attention" if "attention" in frame else "value"
    found: set[float] = set()
    for _, line in frame.groupby("scale"):
        curve = line[value].to_numpy()
        if np.isnan(curve).all():
            continue  # the paper shows no line of 1.0x in figure 3 (b)
        mean = np.average(curve, weights=line["channels"])
        found |= rounded([mean, curve[0], curve[-1], np.nanmin(curve), np.nanmax(curve)])
    return found


def of_units(frame: pd.DataFrame) -> set[float]:
    table = frame.pivot(index="unit", columns="scale", values="value")
    return rounded(table.to_numpy().ravel()) | rounded(table.iloc[:, -1] - table.iloc[:, 0])


def of_classes(frame: pd.DataFrame) -> set[float]:
    found: set[float] = set()
    for _, part in frame.groupby("unit"):
        table = part.pivot(index="label", columns="scale", values="value")
        found |= rounded(table.mean()) | rounded(table.iloc[:, -1] - table.iloc[:, 0])
    return found


def of_heatmap(frame: pd.DataFrame) -> set[float]:
    table = frame.pivot(index="channel", columns="scale", values="attention")
    ends = rounded([table.to_numpy().min(), table.to_numpy().max()])
    return ends | rounded(table.mean()) | rounded(table.iloc[:, -1] - table.iloc[:, 0])


def of_figure3(frame: pd.DataFrame) -> set[float]:
    parts = dict(list(frame.groupby("part")))
    lines = [of_lines(part) for _, part in parts["lines"].groupby("unit")]
    return set[float]().union(*lines) | of_units(parts["bars"])


RECOMPUTED: dict[str, Callable[[pd.DataFrame], set[float]]] = {
    "lines": of_lines,
    "bars": of_units,
    "units": of_units,
    "classes": of_classes,
    "channels": of_heatmap,
    "3c": of_figure3,
}


def check(display: Display, text: str, known: set[float]) -> None:
    said = numbers(text)
    assert said, text
    # Float32 records: the last of four decimals may be rounded the other way.
    strange = {value for value in said if min(abs(value - one) for one in known) > 1.01e-4}
    assert strange == set(), type(display).__name__


@pytest.mark.parametrize("kind", RECOMPUTED)
def test_of_a_run(kind: str, tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((1, 4, 1, 1), channels=32), classes=3, per_class=4)
    (display,) = run_displays(summarise(tmp_path / "run", resamples=0), kind)
    caption = display.caption(ABOUT)
    frame = display.to_frame()
    check(display, f"{caption.title} {caption.alt}", RECOMPUTED[kind](frame))
    for rising, total in _COUNT.findall(caption.title):
        keys = {"classes": "label", "channels": "channel"}
        column = "value" if kind == "classes" else "attention"
        units = [part for _, part in frame.groupby("unit")]
        tables = [u.pivot(index=keys[kind], columns="scale", values=column) for u in units]
        counts = {(int((t.iloc[:, -1] > t.iloc[:, 0]).sum()), len(t)) for t in tables}
        assert (int(rising), int(total)) in counts


@pytest.mark.parametrize(
    ("kind", "recompute"),
    [("3a", of_units), ("3b", of_figure3), ("3c", of_figure3), ("4", of_classes)],
)
def test_of_the_paper(kind: str, recompute: Callable[[pd.DataFrame], set[float]]) -> None:
    display = paper_display(kind)
    caption = paper_caption(kind, display)
    check(display, f"{caption.title} {caption.alt}", recompute(display.to_frame()))


@pytest.mark.parametrize(
    ("display", "column"),
    [
        (compared_of(4), "shift"),
        (panels_of(("2_1", "all"), 2), "value"),
        (verdicts_of(("2_1", "3_4")), "mean"),
    ],
    ids=["compared", "interventions", "verdicts"],
)
def test_of_controls_and_comparisons(display: Display, column: str) -> None:
    caption = display.caption(ABOUT)
    check(display, f"{caption.title} {caption.alt}", rounded(display.to_frame()[column]))


def test_of_a_photograph() -> None:
    display = AttentionFigure.from_attention(make_views(), make_attention(), ("2_3", "3_4"))
    caption = display.caption(Provenance("sknet50", "photos", True, image="dog.jpg"))
    check(display, f"{caption.title} {caption.alt}", of_figure3(display.to_frame()))


@pytest.mark.parametrize("part", [FieldFigure, FieldMaps, FieldWidths])
def test_of_receptive_fields(part: type[FieldFigure | FieldMaps | FieldWidths]) -> None:
    field = make_field()
    display = part.from_field(field)
    caption = display.caption(Provenance.of_field(field))
    # Widths are told to a tenth of a pixel, or a hundredth for changes.
    said = {float(v) for v in re.findall(r"(?<![\w.])\d+\.\d{1,2}(?!\d)(?!x)", caption.alt)}
    frame = display.to_frame()
    known = frame.select_dtypes("number").drop(columns="scale").to_numpy().ravel()
    assert said
    assert {v for v in said if np.nanmin(np.abs(np.abs(known) - v)) > 0.051} == set()


def test_another_number_would_be_found() -> None:
    display = compared_of(4)
    with pytest.raises(AssertionError):
        check(display, "It shifts by +9.1234.", rounded(display.to_frame()["shift"]))
