"""A network that was loaded in part: what is trained, what is said of it, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from skviz.capture.probe import Probe
from skviz.capture.trained import settled
from skviz.cli.main import cli
from skviz.errors import UsageError
from skviz.figures.provenance import Provenance
from skviz.models import load_model
from skviz.runs.measurements import RunMeasurements
from skviz.studies.controls.change import analyze
from skviz.studies.image import ImageAnalysis
from skviz.studies.interventions.measure import intervene_dataset

FILE = """
import torch
from skviz.models import Branch, SKNet, SKNetConfig

def small():
    branches = (Branch(3, 1, group_width=4), Branch(3, 2, group_width=4))
    config = SKNetConfig((1, 1), (8, 16), (16, 32), branches, stem="cifar", classes=3)
    return SKNet(config)

class Odd(torch.nn.Module):
    # The classifier is registered first, the first layer last.
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(8, 4)
        self.u = torch.nn.ModuleList(torch.nn.Conv2d(8, 8, k, padding=k // 2) for k in (3, 5))
        self.f, self.n = torch.nn.Linear(8, 16), torch.nn.BatchNorm2d(8)
        self.stem = torch.nn.Conv2d(3, 8, 3)

    def forward(self, x):
        features = torch.stack([u(self.stem(x)) for u in self.u], 1)
        z = torch.nn.functional.linear(features.sum(1).mean((2, 3)), self.f.weight, self.f.bias)
        z = z.view(-1, 2, 8).softmax(1)
        return self.fc(self.n((features * z[..., None, None]).sum(1)).mean((2, 3)))
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(FILE)
    return path


def without(nets: Path, name: str, *gone: str) -> Path:
    """A checkpoint of a network that lacks some tensors."""
    state = load_model(f"{nets}:{name}", seed=5).state_dict()
    path = nets.parent / "part.pth"
    torch.save({k: v for k, v in state.items() if not k.startswith(gone)}, path)
    return path


def loaded(nets: Path, name: str, *gone: str) -> Any:
    path = without(nets, name, *gone)
    return load_model(f"{nets}:{name}", path, input_size=32, allow_mismatch=True)


@pytest.mark.parametrize(
    ("name", "gone", "trained"),
    [
        ("small", ("fc.",), True),
        ("small", ("fc.bias",), True),
        ("small", ("stem",), False),
        ("small", ("stage3.0.sk.attention.fc2.weight",), False),
        ("small", ("stage3.0.sk.attention.bn.running_var",), False),
        ("small", ("fc.", "stem.1.bias"), False),
        ("Odd", ("fc.", "n."), True),
        ("Odd", ("stem.",), False),
        ("Odd", ("f.bias",), False),
        ("Odd", ("u.1.bias",), False),
    ],
)
def test_trained_is_what_decides_the_attention(
    nets: Path, name: str, gone: tuple[str, ...], trained: bool
) -> None:
    network = loaded(nets, name, *gone)
    assert network.skviz.missing and not network.skviz.trained
    before = {k: v.clone() for k, v in network.state_dict().items()}
    info = settled(Probe(network))
    assert info.trained is trained and not info.classifies
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_one_image_says_what_was_loaded_and_names_no_class(nets: Path, photo: Path) -> None:
    result = ImageAnalysis.of(loaded(nets, "small", "fc."))(photo, (1.0,))
    assert result.model.trained and result.classes is None
    assert "2 keep their initial values" in " ".join(result.notes)
    assert "Note: " + result.model.notes[0] in Provenance.of_image(result).sentences
    assert result.to_dict()["weights"]["notes"] == list(result.model.notes)  # type: ignore[index]


def test_a_run_says_what_was_loaded_and_predicts_nothing(
    nets: Path, pictures: Path, tmp_path: Path
) -> None:
    run = analyze(pictures, loaded(nets, "small", "fc."), out=tmp_path / "run")
    model = run.settings["model"]
    assert model["trained"] and "fc.weight, fc.bias" in model["notes"][0]
    assert not run.settings["predictions"]
    assert (run.to_frame()["predicted"] == -1).all()
    assert RunMeasurements(run).about["model"]["notes"] == model["notes"]
    assert model["notes"][0] in Provenance.of_run(run).sentences


def test_interventions_need_a_class_output_that_is_trained(
    nets: Path, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"loaded in part: .*fc\.weight, fc\.bias"):
        intervene_dataset(pictures, loaded(nets, "small", "fc."), out=tmp_path / "out")


def test_the_command_line_warns_and_writes_it_down(
    nets: Path, photo: Path, pictures: Path, tmp_path: Path
) -> None:
    path = without(nets, "small", "stem")
    given = ["--model", f"{nets}:small", "--weights", str(path), "--allow-mismatch", "--json"]
    words = ["attention", str(photo), *given, "--out", str(tmp_path), "--input-size", "32"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("tensors were loaded from part.pth") == 1
    assert "Warning: untrained network" in result.stderr
    document = json.loads(result.stdout)
    assert document["weights"]["trained"] is False
    assert "tensors were loaded from part.pth" in document["note"]
    words = ["analyze", str(pictures), *given, "--out", str(tmp_path / "r"), "--input-size", "32"]
    result = CliRunner().invoke(cli, words)
    assert "tensors were loaded from part.pth" in json.loads(result.stdout)["notes"][0]
    assert "tensors were loaded from part.pth" in result.stderr
