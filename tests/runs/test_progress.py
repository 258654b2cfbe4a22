"""What is said while a run goes on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from skviz.runs.progress import Progress, clock


def test_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2000, every=0) as progress:
        progress.advance(1000)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.fullmatch(
        r"skviz: 1,000 of 2,000 images, [\d.]+ images/s, \d+:\d\d left\n", captured.err
    )


def test_not_every_batch_says_something(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(20) as progress:
        progress.advance(10)
    with Progress(20, show=False, every=0) as progress:
        progress.advance(10)
    assert capsys.readouterr().err == ""
    assert progress.done == 10


def test_before_the_first_image() -> None:
    assert Progress(20).line() == "0 of 20 images, 0.0 images/s"


def test_clock() -> None:
    assert [clock(s) for s in (5, 574, 4174)] == ["0:05", "9:34", "1:09:34"]


@pytest.mark.slow  # starts a kernel
def test_a_bar_in_a_notebook(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    code = (
        "from skviz.runs.progress import Progress\n"
        "with Progress(2000) as progress:\n"
        "    progress.advance(500)\n"
        "    progress.advance(1500)\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    settings = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=120, resources=settings).execute()
    (shown,) = notebook.cells[0].outputs
    assert '<progress value="2000" max="2000">' in shown.data["text/html"]
    assert shown.data["text/plain"].startswith("2,000 of 2,000 images")
