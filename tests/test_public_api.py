"""Every public name says what it takes and returns, and its example runs."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import re
from pathlib import Path

import pytest

import skviz
from skviz import figures
from skviz.errors import SkvizError

PUBLIC = {name: getattr(figures, name) for name in figures.__all__}
PUBLIC |= {name: getattr(skviz, name) for name in skviz.__all__}


def is_error(name: str) -> bool:
    value = PUBLIC[name]
    return isinstance(value, type) and issubclass(value, SkvizError)


# Tables and versions have no docstring of their own.
NAMES = [name for name, value in PUBLIC.items() if callable(value) and not is_error(name)]


def sections(name: str) -> dict[str, str]:
    """The numpydoc sections of a name's docstring, by their heads."""
    text = inspect.getdoc(PUBLIC[name]) or ""
    parts = re.split(r"^(\w+)\n-{3,}\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names_in(section: str) -> list[str]:
    """What a section describes: its lines without indent, several names with commas."""
    lines = re.findall(r"^(\S.*)$", section, flags=re.MULTILINE)
    return [part.lstrip("*") for line in lines for part in line.split(", ")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and two runs, as the examples name them."""
    folder = tmp_path_factory.mktemp("examples")
    images = skviz.example_images(folder / "images", per_class=2)
    for name, pretrained in (("example", True), ("untrained", False)):
        skviz.analyze(
            images,
            skviz.load_model(pretrained=pretrained),
            out=folder / "runs" / name,
            scales=(1, 2),
            units="3_4",
            progress=False,
        )
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_what_it_takes_and_returns_is_said(name: str) -> None:
    value, found = PUBLIC[name], sections(name)
    assert "Examples" in found
    if isinstance(value, type):
        assert {"Parameters", "Attributes"} & set(found)
        if name in figures.__all__ and dataclasses.is_dataclass(value):
            said = names_in(found["Attributes"])
            assert said == [field.name for field in dataclasses.fields(value)]
        return
    assert {"Returns", "Yields"} & set(found)
    assert names_in(found.get("Parameters", "")) == list(inspect.signature(value).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_runs(name: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    value = PUBLIC[name]
    text = inspect.getdoc(value) or ""
    example = doctest.DocTestParser().get_doctest(
        text, {"skviz": skviz, name: value}, name, None, None
    )
    assert example.examples
    said: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=said.append)
    assert result.failed == 0, "".join(said)


def test_it_would_see_a_wrong_example() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3", {}, "wrong", None, None)
    assert doctest.DocTestRunner().run(wrong, out=lambda text: None).failed == 1


@pytest.mark.parametrize("name", [name for name in skviz.__all__ if is_error(name)])
def test_errors_say_when_they_are_raised(name: str) -> None:
    assert (inspect.getdoc(getattr(skviz, name)) or "").endswith(".")
