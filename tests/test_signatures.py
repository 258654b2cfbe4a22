"""The central signatures say what they take and give: no `Any` in them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import pytest

import skviz
from skviz.figures.display import Display
from skviz.runs.options import OptionFields, Options

CENTRAL = (
    *("Attention", "ControlSuite", "ImageResult", "InputSpec", "Probe", "Run", "Summary", "Unit"),
    *("Views", "analyze", "analyze_image", "controls", "enlarge", "intervene"),
    *("intervene_dataset", "summarise"),
)


def signatures(value: object) -> dict[str, Callable[..., object]]:
    """The functions a reader may call: the one itself, or the public methods of a class."""
    if not inspect.isclass(value):
        assert callable(value)
        return {value.__name__: value}
    found = {}
    for name, member in vars(value).items():
        member = member.fget if isinstance(member, property) else member
        member = getattr(member, "__func__", getattr(member, "func", member))
        if inspect.isfunction(member) and (not name.startswith("_") or name in PUBLIC_DUNDERS):
            found[f"{value.__name__}.{name}"] = member
    return found


PUBLIC_DUNDERS = ("__init__", "__call__", "__getitem__", "__iter__", "__len__")


def vague(function: Callable[..., object]) -> list[str]:
    """What of a signature is `Any` or says nothing; an array's own shape type is not meant."""
    found = []
    for name, note in inspect.get_annotations(function).items():
        if re.search(r"\bAny\b", str(note)) and not re.fullmatch(r".*NDArray\[Any\].*", str(note)):
            found.append(f"{name}: {note}")
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.annotation is inspect.Parameter.empty and name not in ("self", "cls"):
            found.append(f"{name}: nothing")
    return found


@pytest.mark.parametrize("name", [*CENTRAL, "Display"])
def test_central_signatures_are_typed(name: str) -> None:
    value = Display if name == "Display" else getattr(skviz, name)
    checked = signatures(value)
    assert checked
    assert {key: vague(one) for key, one in checked.items() if vague(one)} == {}


def test_the_check_sees_any() -> None:
    from typing import Any

    class Vague:
        def method(self, given: dict[str, Any], other, **named: int) -> Any:  # type: ignore[no-untyped-def]
            return given, other, named

    (method,) = signatures(Vague).values()
    assert vague(method) == ["given: dict[str, Any]", "return: Any", "other: nothing"]


def test_named_options_are_the_fields_of_options() -> None:
    """What `analyze(**options)` takes, to the type checker, is what `Options` holds."""
    wanted = {k: v for k, v in inspect.get_annotations(Options).items() if k != "channels"}
    given = inspect.get_annotations(OptionFields)
    assert {k: getattr(v, "__forward_arg__", v) for k, v in given.items()} == wanted
