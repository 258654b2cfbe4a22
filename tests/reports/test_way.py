"""The way of a run to its report: who is handed the run, or what was made of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import skviz
from skviz.displays import DISPLAYS
from skviz.figures.display import PerUnit, RunDisplay
from skviz.figures.redraw import find_display
from skviz.reports.documents.of_run import run_document
from skviz.runs.records import Run
from tests.test_imports import RANK

LIBRARY = Path(skviz.__file__).parent
MADE_OF_IT = {
    "Run", "RunMeasurements", "Summary", "ClassTable", "Provenance", "FigurePart", "TablePart",
    "Document",
}  # fmt: skip
MOST_FUNCTIONS, MOST_FILES = 30, 12

# A file and the function in it.
Place = tuple[str, str]


@pytest.fixture(scope="module")
def calls(hard_run: Run) -> set[tuple[Place, Place]]:
    """Who called whom with the run, or what was made of it, to make the document of a report."""
    found = set()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or (place := place_of(frame)) is None or code.co_name.startswith("<"):
            return
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        handed = (frame.f_locals.get(name) for name in names if name != "self")
        if any(is_made_of_it(value) for value in handed):
            caller = next((one for one in map(place_of, callers(frame)) if one), place)
            found.add((caller, place))

    sys.setprofile(watch)
    try:
        run_document(hard_run, resamples=50)
    finally:
        sys.setprofile(None)
    return found


def place_of(frame: FrameType) -> Place | None:
    file = Path(frame.f_code.co_filename)
    if not file.is_relative_to(LIBRARY):
        return None
    return file.relative_to(LIBRARY).as_posix(), frame.f_code.co_qualname


def callers(frame: FrameType) -> Iterator[FrameType]:
    while frame.f_back is not None:
        frame = frame.f_back
        yield frame


def is_made_of_it(value: object) -> bool:
    if isinstance(value, list | tuple) and value:
        value = value[0]
    return type(value).__name__ in MADE_OF_IT


def test_few_are_handed_it(calls: set[tuple[Place, Place]]) -> None:
    """Besides the displays: each is one door, `in_report`, and what it calls of its own."""
    handed = {place for _, place in calls}
    displays = {
        cls.__module__.removeprefix("skviz.").replace(".", "/") + ".py"
        for name in DISPLAYS
        for cls in find_display(name).__mro__
        if cls not in (PerUnit, RunDisplay)
    }
    others = {place for place in handed if place[0] not in displays}
    assert len(others) <= MOST_FUNCTIONS, sorted(others)
    assert len({file for file, _ in others}) <= MOST_FILES, sorted({file for file, _ in others})


def test_nobody_hands_it_back_up(calls: set[tuple[Place, Place]]) -> None:
    def rank(place: Place) -> int:
        return RANK[place[0].partition("/")[0].removesuffix(".py")]

    assert not [(one, other) for one, other in calls if rank(other) > rank(one)]
