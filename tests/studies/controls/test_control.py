"""Controls by name: every form, there and back, and what is said of a wrong one."""

from __future__ import annotations

import re

import pytest

from skviz.errors import UnitError, UsageError
from skviz.studies.controls.control import FORMS, Control, parse_control
from skviz.units import Kernel, Unit

UNITS = [Unit(f"SK_2_{n}", f"stage2.{n}", (Kernel(3), Kernel(3, 2)), 8) for n in (1, 2)]


@pytest.mark.parametrize(
    ("text", "entry", "name"),
    [
        ("blur", {"kind": "blur"}, "blur"),
        ("object-constant", {"kind": "object", "surround": "constant"}, "object-constant"),
        ("object-blurred", {"kind": "object", "surround": "blurred"}, "object-blurred"),
        ("masked", {"kind": "masked", "window": "centre"}, "masked"),
        ("masked-box", {"kind": "masked", "window": "box"}, "masked-box"),
        ("zoom-out-reflect", {"kind": "zoom-out", "fill": "reflect"}, "zoom-out-reflect"),
        ("resample-lanczos", {"kind": "resample", "filter": "lanczos"}, "resample-lanczos"),
        ("random:7", {"kind": "random", "seed": 7}, "random-07"),
        ("random", {"kind": "random", "seed": 0}, "random-00"),
        (
            "cascade:SK_5_3:0",
            {"kind": "cascade", "from": "SK_5_3", "seed": 0},
            "cascade-SK_5_3",
        ),
        ("unit:SK_3_4:2", {"kind": "unit", "unit": "SK_3_4", "seed": 2}, "unit-SK_3_4-02"),
    ],
)
def test_a_name_becomes_an_entry_and_comes_back(text: str, entry: dict, name: str) -> None:
    control = parse_control(text)
    assert control.to_dict() == entry
    assert control.name == name
    assert Control.from_dict(entry) == control


def test_every_form_that_help_lists_is_understood() -> None:
    for form in FORMS:
        parse_control(form.replace("SEED", "1").replace("UNIT", "SK_3_4"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blurr", "got 'blurr'. Did you mean 'blur'?"),
        ("object", "got 'object'. Did you mean 'object-"),
        ("zoom-out-reflekt", "Did you mean 'zoom-out-reflect'?"),
        ("blur:3", "expected a control out of blur, object-constant"),
        ("random:seven", "expected a control such as random:0, got 'random:seven'"),
        ("random:-1", "expected a control such as random:0, got 'random:-1'"),
        ("unit:3", "expected a control such as unit:SK_3_4:0, got 'unit:3'"),
        ("cascade", "expected a control such as cascade:SK_3_4:0, got 'cascade'"),
    ],
)
def test_a_wrong_name_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_control(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("blue",), "expected a control of kind blur, object, masked, .*, got 'blue'. Did you"),
        (("object", "blured"), "'object' with constant or blurred, got 'blured'. Did you mean"),
        (("masked", None), "'masked' with centre or box, got None"),
        (("unit",), "control 'unit' with the name of a unit, got none"),
        (("random", None, -1), "expected a seed of 0 or more, got -1"),
    ],
)
def test_a_control_that_makes_no_sense_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Control(*arguments)


def test_units_get_their_full_names() -> None:
    assert parse_control("unit:2_1").for_units(UNITS).word == "SK_2_1"
    assert parse_control("blur").for_units(UNITS) == Control("blur")
    with pytest.raises(UnitError, match=r"one unit in control 'unit:2_\*', it means 2_1, 2_2"):
        parse_control("unit:2_*").for_units(UNITS)
