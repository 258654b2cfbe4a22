"""`skviz models`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from skviz.cli.commands.models import units_per_stage
from skviz.cli.main import cli


def test_json_is_the_reference() -> None:
    result = CliRunner().invoke(cli, ["models", "--json"])
    assert result.exit_code == 0
    models = {model["name"]: model for model in json.loads(result.stdout)}
    expected = {
        "sknet26": (16_746_408, 2.5869e9, 8),
        "sknet50": (27_479_784, 4.4627e9, 16),
        "sknet101": (48_736_040, 8.4487e9, 33),
    }
    for name, (parameters, macs, units) in expected.items():
        assert models[name]["parameters"] == parameters
        assert models[name]["macs"] == pytest.approx(macs, rel=0.003)
        assert models[name]["input_size"] == 224
        assert len(models[name]["units"]) == units
    assert models["sknet50"]["units"][:4] == ["SK_2_1", "SK_2_2", "SK_2_3", "SK_3_1"]
    assert {"name", "parameters", "macs", "input_size", "units", "weights"} <= set(
        models["sknet50"]
    )
    assert models["sknet50"]["weights"] is None


def test_table_for_a_reader() -> None:
    result = CliRunner().invoke(cli, ["models"])
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "27,479,784" in lines["sknet50"]
    assert "3, 4, 6, 3" in lines["sknet50"]
    assert "224 px" in lines["sknet50"]


def test_units_per_stage() -> None:
    assert units_per_stage(["SK_2_1", "SK_2_2", "SK_3_1"]) == "2, 1"
    assert units_per_stage([]) == ""
