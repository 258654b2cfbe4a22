"""One call makes a report of whatever was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

import skviz
from skviz.errors import UsageError
from skviz.runs.records import Run
from skviz.studies.image_result import ImageResult


def test_runs_and_images_become_reports(
    hard_run: Run, image_result: ImageResult, tmp_path: Path
) -> None:
    page = tmp_path / "run.html"
    assert skviz.write_report(hard_run, page, title="A <b>title</b>") == [page]
    assert '<h1 dir="auto">A &lt;b&gt;title&lt;/b&gt;</h1>' in page.read_text()
    for name, source in (("one", image_result), ("two", [image_result, image_result])):
        skviz.write_report(source, tmp_path / f"{name}.html")
        assert "photo.png" in (tmp_path / f"{name}.html").read_text()


def test_what_is_no_result_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected a Run, a ControlSuite, or results of"):
        skviz.write_report("runs/val", tmp_path / "r.html")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"expected slides .* for --appendix"):
        skviz.write_report([], tmp_path / "r.html", appendix=True)
