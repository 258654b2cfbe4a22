"""The verdicts within a report."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from skviz.analysis.controls.suite import Suite
from skviz.analysis.records import Run
from skviz.cli.main import cli
from skviz.errors import UsageError
from skviz.reports.contents import run_contents

tests = Path(__file__).resolve().parent.parent
made = runpy.run_path(str(tests / "synthetic_suite.py"))
SHIFTS = {
    "plain": (0.05, 0.05, 0.05, 0.0),
    "blur": (0.0, 0.05, 0.0, 0.0),
    "object-constant": (0.0, 0.0, 0.05, 0.0),
    "object-blurred": (0.0, 0.0, 0.05, 0.0),
    "masked": (0.05, 0.05, 0.0, 0.0),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return Suite(made["make_suite"](tmp_path_factory.mktemp("suite"), SHIFTS))


def test_a_suite_adds_its_verdicts(suite: Suite) -> None:
    contents = run_contents(suite.plain, suite.path, resamples=200)
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


def test_a_folder_of_controls_is_a_run_with_verdicts(suite: Suite, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = CliRunner().invoke(cli, ["report", str(suite.path), "--to", str(page)])
    assert result.exit_code == 0, result.stderr
    assert 'id="verdicts-section"' in page.read_text()


def test_controls_of_other_images_are_refused(suite: Suite, tmp_path: Path) -> None:
    made["make_run"](tmp_path / "run")
    settings = tmp_path / "run" / "run.json"
    settings.write_text(settings.read_text().replace('"digest": "0"', '"digest": "other"'))
    with pytest.raises(UsageError, match="expected controls of the same data set as"):
        run_contents(Run(tmp_path / "run"), suite.path, resamples=0)


def test_unfinished_controls_are_named(tmp_path: Path) -> None:
    folder = made["make_suite"](tmp_path / "suite", SHIFTS)
    (folder / "blur" / "run.json").unlink()
    notes = run_contents(Run(folder / "plain"), folder, resamples=50).notes
    assert notes == ["Controls that are not finished, and left out: blur."]
