"""What is said while a run goes on."""

from __future__ import annotations

import re

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
