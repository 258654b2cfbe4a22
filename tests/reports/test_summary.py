"""The summary on a terminal: one screen of 24 lines and 80 columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from skviz.inference.judging import JudgeOptions
from skviz.inference.summary import Summary, summarise
from skviz.reports.tables import Table
from skviz.reports.terminal import summary as text
from skviz.reports.terminal.tables import plain_table, rich_table
from skviz.reports.verdicts import to_document
from skviz.studies.controls.suite import ControlSuite
from skviz.units import paper_units
from tests.helpers.synthetic import make_run, stage_units
from tests.helpers.synthetic_suite import make_suite


def shown(parts: list[text.Part]) -> list[str]:
    lines = [rich_table(p, 80, False) if isinstance(p, Table) else p for p in parts]
    return "\n".join(lines).splitlines()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    folder = tmp_path_factory.mktemp("run") / "run"
    make_run(folder, stage_units((3, 4, 6, 3)), classes=6, per_class=3)
    return summarise(folder, resamples=200)


def test_a_run_fits_a_screen(found: Summary) -> None:
    lines = shown(text.screen(found, paper_units(found.units)))
    assert len(lines) <= 20  # four are left for what comes next
    assert max(map(len, lines[1:])) <= 80  # but for the folder's name


def test_verdicts_fit_a_screen(tmp_path: Path) -> None:
    shifts = {"plain": (0.05, 0.05, 0.0, -0.05), "blur": (0.0, 0.05, 0.0, 0.0)}
    suite = ControlSuite(make_suite(tmp_path / "suite", shifts))
    found = summarise(suite.plain)
    how = JudgeOptions()
    claims = to_document(suite, suite.verdicts(how), how)["claims"]
    parts = [*text.screen(found, found.units, verdicts=True), "", "verdicts"]
    lines = shown([*parts, text.verdict_table(claims, found.units)])
    assert len(lines) <= 22
    assert max(map(len, lines[1:])) <= 80


def test_many_scales_show_three(tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((1,)), (1.0, 1.25, 1.5, 1.75, 2.0), classes=2)
    found = summarise(tmp_path / "run", resamples=0)
    *_, table, ends, rest = text.screen(found, found.units)
    assert isinstance(table, Table)
    assert table.heads == ["unit", "1.0x", "1.5x", "2.0x", "change"]
    assert (ends, rest) == (
        "change from 1.0x to 2.0x", "shown: 3 of 5 scales (--all shows the others)"
    )  # fmt: skip
    whole = text.tables(found, found.units)
    assert any(isinstance(p, Table) and len(p.heads) == 6 for p in whole)


def test_three_branches_show_the_expected_kernel(tmp_path: Path) -> None:
    make_run(tmp_path / "run", stage_units((1,), branches=3), classes=2)
    parts = text.screen(summarise(tmp_path / "run", resamples=0), stage_units((1,), branches=3))
    assert "expected kernel size in pixels: mean over images" in parts


def test_texts_stand_on_the_left_in_a_pipe(found: Summary) -> None:
    table = next(p for p in text.screen(found, found.units[:2]) if isinstance(p, Table))
    starts = {line.find(line.split("  ")[-1]) for line in plain_table(table).splitlines()[1:]}
    assert len(starts) == 1
