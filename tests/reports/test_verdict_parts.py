"""The verdicts within a report."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from skviz.cli.main import cli
from skviz.errors import UsageError
from skviz.figures.metadata import figure_info
from skviz.reports.documents.of_run import run_document
from skviz.reports.pptx.table_fit import TableFit
from skviz.runs.records import Run
from skviz.studies.controls.suite import ControlSuite
from tests.helpers.synthetic_suite import make_run, make_suite

SHIFTS = {
    "plain": (0.05, 0.05, 0.05, 0.0),
    "blur": (0.0, 0.05, 0.0, 0.0),
    "object-constant": (0.0, 0.0, 0.05, 0.0),
    "object-blurred": (0.0, 0.0, 0.05, 0.0),
    "masked": (0.05, 0.05, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> ControlSuite:
    return ControlSuite(make_suite(tmp_path_factory.mktemp("suite"), SHIFTS))


def test_a_suite_adds_its_verdicts(suite: ControlSuite) -> None:
    contents = run_document(suite.plain, suite.path, resamples=200)
    assert contents.figures[0].name == "verdicts"
    assert isinstance(contents.figures[0].draw("web"), Figure)
    assert [part.name for part in contents.tables][:2] == ["verdicts", "findings"]
    table = contents.tables[0].frame
    assert table["verdict"][0] == "larger objects get the larger kernel"
    assert "blur alone" in table["verdict"][1]
    assert "In 1 of 4 units larger objects get the larger kernel" in contents.figures[0].title
    data = contents.figures[0].data()
    np.testing.assert_allclose(table["shift"], data["shift"])
    assert "1.0x to 2.0x" in contents.tables[1].frame["what was found"][0]


def test_a_folder_of_controls_is_a_run_with_verdicts(suite: ControlSuite, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = CliRunner().invoke(cli, ["report", str(suite.path), "--to", str(page)])
    assert result.exit_code == 0, result.stderr
    assert 'id="verdicts-section"' in page.read_text()


def test_slides_have_a_few_units_each_and_their_sentences(tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx", reason="needs python-pptx (pip install 'skviz[pptx]')")
    from skviz.reports.pptx.deck import TalkOptions, deck_bytes

    shifts = {name: values + values for name, values in SHIFTS.items()}
    many = ControlSuite(make_suite(tmp_path / "suite", shifts, per_stage=(2, 2, 2, 2)))
    contents = run_document(many.plain, many.path, resamples=50)
    assert len(contents.tables[0].frame) == 8
    contents = replace(contents, figures=contents.figures[:1], tables=contents.tables[:2])
    talk = TalkOptions(sections=("question",), appendix=True)
    data = deck_bytes(contents, command="skviz report suite", talk=talk)
    deck = pptx.Presentation(io.BytesIO(data))
    cover, *slides = deck.slides
    titles = [slide.shapes.title.text_frame.text for slide in slides]
    names = list(contents.tables[0].frame["unit"])
    assert titles[0] == f"{contents.figures[0].title} (here {names[0]} to {names[3]})"
    assert titles[1].startswith(f"{names[4]} to {names[7]}: larger objects get the larger kernel")
    assert titles[2:] == ["Verdicts"]  # sentences are no table of slides
    notes = [slide.notes_slide.notes_text_frame.text for slide in slides]
    for index, (name, text) in enumerate(contents.tables[1].table.cells):
        assert f"{name}: {text}" in notes[index // 4]
    assert "survives" in notes[2]
    table = next(shape.table for shape in slides[2].shapes if shape.has_table)
    cells = [[cell.text_frame.text for cell in row.cells] for row in table.rows]
    assert len(cells[0]) == 6
    assert [row[0] for row in cells[1:]] == names
    verdicts = [row[1].replace("\n", " ") for row in cells[1:]]
    assert verdicts == list(contents.tables[0].frame["verdict"])
    assert "skviz report suite" in cover.notes_slide.notes_text_frame.text
    assert deck.core_properties.comments == "Command: skviz report suite"


@pytest.mark.parametrize("width", [3.0, 6.0, 12.0])
def test_names_stay_whole_and_verdicts_are_wrapped(width: float) -> None:
    text = "rises, but not more than random networks that vary as much"
    rows = [["SK_2_1", text, "+0.0123"]]
    heads, numbers = ["unit", "verdict", "shift"], [False, False, True]
    fit = TableFit.of(heads, rows, numbers, width, (10, 8), wrapped=True)
    assert fit.cell("SK_2_1", 0) == ["SK_2_1"]
    assert " ".join(fit.cell(text, 1)) == text
    assert len(fit.cell(text, 1)) == fit.lines
    assert sum(fit.widths) <= width + 1e-9
    assert (fit.lines > 1) == (width == 3.0)
    cut = TableFit.of(heads, rows, numbers, 3.0, (10, 8))
    assert cut.cell("SK_2_1", 0) == ["SK_2_1"]
    assert cut.cell(text, 1)[0].endswith("…")


def test_files_of_a_folder_of_controls_say_their_command(
    suite: ControlSuite, tmp_path: Path
) -> None:
    folder = tmp_path.resolve() / "report"
    result = CliRunner().invoke(cli, ["report", str(suite.path), "--to", str(folder)])
    assert result.exit_code == 0, result.stderr
    command = figure_info(folder / "figures" / "verdicts.png").command
    assert command == f"skviz report {suite.path.name} --to report"
    assert r"p{0.8\linewidth}" in (folder / "tables" / "findings.tex").read_text()
    assert "survives" not in (folder / "tables" / "verdicts.tex").read_text()
    assert "survives" in (folder / "tables" / "verdicts.csv").read_text()


def test_controls_of_other_images_are_refused(suite: ControlSuite, tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    settings = tmp_path / "run" / "run.json"
    settings.write_text(settings.read_text().replace('"digest": "0"', '"digest": "other"'))
    with pytest.raises(UsageError, match="expected measurements of the same data set as"):
        run_document(Run(tmp_path / "run"), suite.path, resamples=0)


def test_unfinished_controls_are_named(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "suite", SHIFTS)
    (folder / "blur" / "run.json").unlink()
    notes = run_document(Run(folder / "plain"), folder, resamples=50).notes
    assert notes == ["Controls that are unfinished and left out: blur."]
