"""A new figure is one file and one line in a table: here is one, and all that it gets."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from skviz import displays
from skviz.figures.caption import Caption
from skviz.figures.display import RunDisplay
from skviz.figures.layout.page import figure_size, own_axes
from skviz.figures.native import NativeChart, ticks_of
from skviz.figures.provenance import Provenance
from skviz.figures.redraw import drawn_run
from skviz.figures.selection import Selection
from skviz.inference.summary import Summary, summarise
from skviz.reports.documents.of_run import run_document
from skviz.reports.write import write_report
from skviz.runs.records import Run
from tests.helpers.synthetic import make_run, stage_units


@dataclass(frozen=True, eq=False)
class Spread(RunDisplay):
    """Standard deviation over images per unit."""

    values: np.ndarray
    units: tuple[str, ...]
    scale: float

    @classmethod
    def from_summary(
        cls,
        summary: Summary,
        units: Sequence[str] | None = None,
        *,
        scales: Sequence[float] | None = None,
    ) -> Self:
        shown = Selection.of(summary, units, scales=scales)
        values = shown.quantity.per_image(summary.measurements)
        last = values[:, shown.columns[-1]][:, shown.rows]
        names = tuple(unit.short for unit in shown.units)
        return cls(last.std(axis=0, ddof=1), names, shown.scales[-1])

    def plot(self, ax: Any = None) -> Self:
        ax, figure = own_axes(ax, *figure_size())
        ax.plot(self.units, self.values, marker="o")
        ax.set_ylabel("standard deviation")
        return self._drawn(figure, ax)

    def caption(self, provenance: Provenance) -> Caption:
        text = (f"Standard deviation over images at {self.scale}x.",)
        return Caption("The spread of units", text, (), provenance, "A line over units.")

    def to_frame(self) -> pd.DataFrame:
        return pd.DataFrame({"unit": self.units, "spread": self.values})

    def native_charts(self, caption: Caption) -> list[NativeChart]:
        chart = NativeChart(
            kind="line", caption=caption, x=self.units, scales=(self.scale,),
            values=self.values[None], x_title="unit", y_title="standard deviation",
            ticks=ticks_of(self.values), numbers="",
        )  # fmt: skip
        return [chart]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run") / "run"
    make_run(folder, stage_units((1, 2, 1, 1)), classes=3, per_class=3)
    return Run(folder)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """The one line. The command's choices are made when its file is read."""
    displays.DISPLAYS["spread"] = displays.Entry(f"{__name__}:Spread", "spread over images")
    plot = importlib.reload(importlib.import_module("skviz.cli.commands.plot"))
    yield
    del displays.DISPLAYS["spread"]
    importlib.reload(plot)


def test_it_is_drawn_with_its_caption(run: Run) -> None:
    figure, caption = drawn_run(summarise(run, resamples=0), "spread", units=("2_1", "3_*"))
    assert figure.axes[0].get_ylabel() == "standard deviation"
    assert len(figure.axes[0].lines[0].get_xdata()) == 3
    assert caption.title == "The spread of units"
    assert "made up" in caption.text


def test_it_has_a_command(run: Run, tmp_path: Path) -> None:
    from skviz.cli.main import cli

    words = ["plot", str(run.path), "--figure", "spread", "--out", str(tmp_path / "x.svg")]
    done = CliRunner().invoke(cli, [*words, "--units", "3_2", "--scales", "1"])
    assert done.exit_code == 0, done.output
    assert "standard deviation" in (tmp_path / "x.svg").read_text()
    assert "spread: spread over images" in " ".join(
        CliRunner().invoke(cli, ["plot", "-h"]).output.split()
    )
    refused = CliRunner().invoke(cli, [*words, "--overwrite", "--every", "2"])
    assert "'every' belongs to the figure classes, got 'spread'" in refused.stderr


@pytest.mark.slow
def test_it_is_part_of_every_report(run: Run, tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    document = run_document(run, resamples=0)
    (part,) = [part for part in document.figures if part.name == "spread"]
    frame = Spread.from_summary(summarise(run, resamples=0)).to_frame()
    pd.testing.assert_frame_equal(part.data(), frame)

    write_report(run, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "The spread of units" in page and "A line over units." in page

    write_report(run, tmp_path / "talk.pptx", appendix=True)
    charts = [
        shape.chart
        for slide in pptx.Presentation(str(tmp_path / "talk.pptx")).slides
        for shape in slide.shapes
        if shape.has_chart
    ]
    values = [list(plot.series[0].values) for chart in charts for plot in chart.plots]
    assert any(np.allclose(found, frame["spread"]) for found in values if len(found) == len(frame))

    write_report(run, tmp_path / "folder")
    names = json.dumps(json.loads((tmp_path / "folder" / "contents.json").read_text()))
    assert "spread" in names
    assert len(pd.read_csv(tmp_path / "folder" / "data" / "spread.csv")) == len(frame)
