"""Networks that need inputs of certain shapes, or several: told by `example`."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from skviz.capture.probe import Probe
from skviz.cli.main import cli
from skviz.errors import CaptureError, UsageError
from skviz.models import load_model, with_example
from skviz.models.inputs import parse_shapes
from skviz.studies.controls.change import analyze

FILE = """
import torch
from torch import nn


class Two(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.u = nn.ModuleList(nn.Conv2d(channels, 8, k, padding=k // 2) for k in (3, 5))
        self.f, self.fc = nn.Linear(8, 16), nn.Linear(8, 4)
        self.m = nn.Linear(10, 8)

    def mix(self, x, more=0):
        features = [u(x) for u in self.u]
        z = self.f(sum(features).mean((2, 3)) + more).view(len(x), -1, 8).softmax(1)
        return (torch.stack(features, 1) * z[..., None, None]).sum(1)

    def forward(self, x):
        return self.fc(self.mix(x).mean((2, 3)))


class Sized(Two):
    def forward(self, x):
        return super().forward(x if x.shape[2:] == (48, 48) else x[0, 0, 0])


class Later(Two):
    def forward(self, table, x):
        return self.fc(self.mix(x, self.m(table)).mean((2, 3)))


class Inner(Two):
    def forward(self, x, more):
        return self.mix(x, more)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.n = Inner()

    def forward(self, table, x):
        return self.n.fc(self.n(x, self.n.m(table)).mean((2, 3)))


def grey():
    return Two(1)
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize(
    "given", ["1x3x64x64,1x10", [(1, 3, 64, 64), (1, 10)], [[1, 3, 64, 64], ["1", "10"]]]
)
def test_shapes_are_read(given: Any) -> None:
    assert parse_shapes(given) == ((1, 3, 64, 64), (1, 10))


@pytest.mark.parametrize("given", ["", "1x3x", "1x0", "1x-3", "a", "1x3,", "1.5", [], [()], 3, [3]])
def test_wrong_shapes_are_usage_errors(given: Any) -> None:
    with pytest.raises(UsageError, match="expected shapes such as 1x3x64x64"):
        parse_shapes(given)


def test_a_network_of_one_size_is_found_and_sees_images_at_it(nets: Path) -> None:
    with pytest.raises(CaptureError, match="or its shape with --example"):
        Probe(load_model(f"{nets}:Sized"))
    network: Any = load_model(f"{nets}:Sized", example="1x3x48x48")
    assert network.skviz.spec.size == 48 and network.skviz.notes == ()
    assert [unit.channels for unit in Probe(network).units] == [8]
    network = load_model(f"{nets}:Sized", example="1x3x48x48", input_size=32)
    assert network.skviz.spec.size == 32


def test_one_channel_is_enough_to_find_the_units(nets: Path) -> None:
    network = load_model(f"{nets}:grey", example=[(1, 1, 20, 20)])
    assert len(Probe(network).units) == 1
    with pytest.raises(CaptureError, match=r"Two fails on its input, .*to have 1 channels"):
        Probe(network)(torch.randn(1, 3, 20, 20))


def test_images_join_the_other_inputs(nets: Path) -> None:
    network: Any = load_model(f"{nets}:Later", example="1x10,1x3x24x24")
    images = torch.randn(3, 3, 24, 24)
    table = torch.randn(1, 10, generator=torch.Generator().manual_seed(0))
    (name,) = Probe(network)(images)
    found = Probe(network)(images)[name]
    wanted = Probe(network)((table.expand(3, 10), images))[name]
    assert (found == wanted).all()
    other = Probe(network)((table.expand(3, 10) + 1, images))[name]
    assert (found != other).any()
    # Also in copies, as controls and folding make them.
    assert torch.equal(copy.deepcopy(network)(images), network(table.expand(3, 10), images))
    (note,) = network.skviz.notes
    assert "has 2 inputs: images take the place of 1x3x24x24, the rest (1x10)" in note


def test_a_network_of_ones_own_is_told(nets: Path, pictures: Path, tmp_path: Path) -> None:
    plain = load_model(f"{nets}:Later")
    with pytest.raises(CaptureError, match="missing 1 required positional argument"):
        analyze(pictures, plain, out=tmp_path / "never")
    run = analyze(pictures, with_example(plain, "1x10,1x3x24x24"), out=tmp_path / "run")
    assert "images take the place" in run.settings["model"]["notes"][0]
    assert run.settings["spec"]["size"] == 24 and run.complete


class _Kept(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_one_input_needs_no_note_and_no_hook() -> None:
    network: Any = with_example(_Kept(), "1x3x8x8")
    assert network.skviz.notes == () and not network._forward_pre_hooks


COMMANDS = {
    "attention": "attention {photo} --model {net} --scales 1 --out {out}",
    "analyze": "analyze {data} --model {net} --scales 1,1.5 --out {out}/run --tune",
    "controls": "controls {data} --model {net} --scales 1,1.5 --out {out} --only random-00",
    "intervene": "intervene {data} --model {net} --scales 1,1.5 --out {out} --kinds uniform",
    "report": "report {photo} --model {net} --scales 1 --to {out}",
    "field": "field {photo} --model {net} --scales 1 --out {out}",
    "units": "units {net}",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_takes_an_example(
    command: str, nets: Path, photo: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    line = COMMANDS[command].format(photo=photo, net=f"{nets}:Deep", out=out, data=pictures)
    words = [*line.split(), "--example", "1x10,1x3x24x24"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert "Warning: the network has 2 inputs" in result.stderr


def test_the_note_is_in_the_document(nets: Path, photo: Path, tmp_path: Path) -> None:
    words = ["attention", str(photo), "--model", f"{nets}:Later", "--out", str(tmp_path), "--json"]
    result = CliRunner().invoke(cli, [*words, "--example", "1x10,1x3x24x24"])
    document = json.loads(result.stdout)
    assert "has 2 inputs" in document["weights"]["notes"][0]
    assert "has 2 inputs" in document["note"]
    assert CliRunner().invoke(cli, [*words, "--example", "3xx"]).exit_code == 2
