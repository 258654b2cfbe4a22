"""`skviz models`: what is printed, and what is said where there is nothing."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from skviz.cli.main import cli


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments], standalone_mode=True)


def test_the_units_of_timm_are_named_with_their_kernels() -> None:
    pytest.importorskip("timm")
    done = run("timm:skresnext50_32x4d", "--no-pretrained")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    names = [line.split()[0] for line in lines[1:]]
    assert names == [f"{s + 2}_{p + 1}" for s, n in enumerate((3, 4, 6, 3)) for p in range(n)]
    assert all("3x3, 5x5 (3x3, dilation 2)" in line for line in lines[1:])


def test_json_is_one_document() -> None:
    pytest.importorskip("timm")
    done = run("timm:resnest14d", "--no-pretrained", "--json")
    document = json.loads(done.stdout)
    assert [unit["kind"] for unit in document["units"]] == ["split attention"] * 4
    first = document["units"][0]
    assert (first["name"], first["call"], first["branches"]) == ("SK_2_1", 0, [None, None])
    assert not first["kernels_known"]
    assert "softmax over axis 1 of 4" in first["found_by"]
    assert "Warning: all units: kernel size unknown" in done.stderr


def test_a_network_without_any_fails_with_what_was_looked_at() -> None:
    done = run("torchvision.models:resnet18")
    assert done.exit_code == 1
    assert "found none in ResNet: looked for softmax and sigmoid" in done.stderr


def test_arguments_reach_the_factory() -> None:
    done = run("torch.nn:Conv2d", "--model-args", '{"in_channels": 3}')
    assert done.exit_code == 1
    assert "missing 2 required positional arguments" in done.stderr
    done = run("torch.nn:Conv2d", "--model-args", "3")
    assert done.exit_code == 2
    assert "expected a JSON object, got 3" in done.stderr
    done = run("torch.nn:Conv2d", "--model-args", "{")
    assert "expected a JSON object such as" in done.stderr


def test_attention_can_be_told() -> None:
    pytest.importorskip("timm")
    done = run("timm:skresnet18", "--no-pretrained", "--attention", "layer*.*.conv1.attn:1")
    assert done.exit_code == 0
    assert "told: axis 1 of the output of layer1.0.conv1.attn" in done.stdout


def test_a_gate_is_called_a_gate() -> None:
    pytest.importorskip("timm")
    lines = run("timm:seresnext26t_32x4d", "--no-pretrained").stdout.splitlines()
    assert lines[1].split()[0] == "2_1"
    for line in lines[1:]:
        assert "  gate  " in line
        assert "branch" not in line
