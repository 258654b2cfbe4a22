"""What may not be overwritten is said before anything is computed, by every command that writes."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import skviz
from skviz.cli.main import COMMANDS, cli
from tests.helpers.synthetic import make_run
from tests.helpers.synthetic_suite import make_suite

# Command line: the file that is there, and the work that must not have begun.
CASES = {
    "attention example": ("okapi_attention_3_4.png", "skviz.models.load_model"),
    "attention example --stage SK_2_3,3_4 --data csv": (
        "okapi_attention_2_3-3_4.csv", "skviz.models.load_model",
    ),
    "attention example --sheet x.png": ("x.png", "skviz.models.load_model"),
    "report run --to x.html": ("x.html", "skviz.reports.documents.of_run.run_document"),
    "report run --to x.pptx": ("x.pptx", "skviz.reports.documents.of_run.run_document"),
    "report run --to x.pdf": ("x.pdf", "skviz.reports.documents.of_run.run_document"),
    "report run --to x": ("x/README.md", "skviz.reports.documents.of_run.run_document"),
    "report example --to x.html": ("x.html", "skviz.models.load_model"),
    "report suite --card --to x": ("x/sknet50_lite.card.md", "skviz.models.load_model"),
    "plot run --figure bars --out x.png": ("x.png", "skviz.inference.summary.summarise"),
    "plot paper --figure 3a --out x.png": (
        "x.png", "skviz.figures.runs.paper_figures.draw_paper",
    ),
    "summary run --csv x": ("x/units.csv", "skviz.inference.summary.Summary.to_frame"),
    "summary suite --verdicts x": (
        "x/verdicts.md", "skviz.studies.controls.suite.ControlSuite.verdicts",
    ),
    "compare run run --csv x.csv": ("x.csv", "skviz.inference.compare.compare"),
    "compare run --paper --figure x.png": (
        "x.png", "skviz.inference.paper.compare_with_paper",
    ),
    "receptive-field photos --out x": (
        "x/field_3_4.csv", "skviz.studies.receptive_field.study.receptive_field",
    ),
    "train photos --out x": ("x/metrics.json", "skviz.training.run._network"),
}  # fmt: skip
# These go on with what is there, or write nothing.
OTHERS = {"analyze", "controls", "intervene", "merge", "explore", "models", "doctor"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_run(folder / "run", classes=2, per_class=2)
    make_suite(folder / "suite", {"plain": (0.0,) * 4}, seeds=0)
    skviz.example_images(folder / "photos")
    return folder


@pytest.mark.parametrize("line", CASES)
def test_refuses_before_it_computes(
    line: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, work = CASES[line]
    monkeypatch.chdir(tmp_path)
    for name in ("run", "suite", "photos"):
        os.symlink(made / name, name)
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("mine")

    def begun(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"{work} was called")

    monkeypatch.setattr(work, begun)
    result = CliRunner().invoke(cli, line.split())
    assert result.exit_code in (1, 2), result.output
    assert not isinstance(result.exception, AssertionError), result.exception
    assert re.search("exists|holds|files that are not of a report", result.stderr), result.stderr
    assert Path(there).read_text() == "mine"


def test_every_command_that_writes_is_here() -> None:
    assert {line.split()[0] for line in CASES} | OTHERS == set(COMMANDS)
