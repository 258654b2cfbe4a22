"""How `--model` text becomes a network, and what is said where it does not."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from skviz.errors import ModelError, UnknownModelError, UsageError, WeightsError
from skviz.models import SKNet, load_model, model_info

FACTORY = """
import torch
from torch import nn

def build(width=4):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU())

def broken():
    raise RuntimeError("no such size")

def number():
    return 3

class Net(nn.Module):
    pass
"""


@pytest.fixture
def factory(tmp_path: Path) -> Path:
    file = tmp_path / "mynet.py"
    file.write_text(FACTORY)
    return file


def test_ours_by_name() -> None:
    network = load_model("sknet29", pretrained=False)
    assert isinstance(network, SKNet)
    assert model_info(network).spec.size == 32
    assert not network.training


def test_an_unknown_name_lists_the_forms() -> None:
    with pytest.raises(UnknownModelError, match=r"unknown network 'sknet5'.*timm:NAME, package"):
        load_model("sknet5")


def test_arguments_for_ours_are_refused() -> None:
    with pytest.raises(UsageError, match="expected no model arguments for 'sknet26', got width"):
        load_model("sknet26", model_args={"width": 3})


def test_a_factory_in_a_file(factory: Path) -> None:
    network = load_model(f"{factory}:build", model_args={"width": 6}, input_size=96)
    assert network[0].out_channels == 6
    info = model_info(network)
    assert (info.name, info.spec.size) == (f"{factory}:build", 96)
    assert str(factory.parent) not in sys.path
    again = load_model(f"{factory}:build", model_args={"width": 6})
    assert torch.equal(network[0].weight, again[0].weight)


def test_a_factory_in_a_package(factory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(factory.parent)
    assert isinstance(load_model("mynet:Net"), nn.Module)
    assert isinstance(load_model("torch.nn:Identity"), nn.Identity)


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("{file}:buld", ModelError, "expected a function or class 'buld' .* Did you mean 'build'"),
        ("{file}:broken", ModelError, "broken failed: RuntimeError: no such size; model argum"),
        ("{file}:number", ModelError, "to return a torch.nn.Module, it returned int"),
        ("{file}x.py:build", ModelError, "expected a Python file at .*, found none"),
        ("no_such_package:build", ModelError, "cannot import 'no_such_package'"),
        (":build", UsageError, "expected a name of `skviz models`"),
        ("timm:skresnet19", UnknownModelError, "timm has no 'skresnet19'. Did you mean 'skresnet"),
    ],
)
def test_what_cannot_be_built(factory: Path, name: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        load_model(name.format(file=factory))


def test_a_file_that_fails_to_import(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("1 / 0\n")
    with pytest.raises(ModelError, match="failed: ZeroDivisionError: division by zero"):
        load_model(f"{file}:build")


def test_wrong_arguments_are_named(factory: Path) -> None:
    with pytest.raises(ModelError, match=r"unexpected keyword argument 'wide'; .* wide=3"):
        load_model(f"{factory}:build", model_args={"wide": 3})


def test_timm_brings_its_input() -> None:
    timm = pytest.importorskip("timm")
    network = load_model("timm:skresnet18", pretrained=False, model_args={"num_classes": 7})
    info = model_info(network)
    config = timm.data.resolve_model_data_config(network)
    assert info.spec.size == config["input_size"][-1]
    assert info.spec.mean == config["mean"]
    assert info.spec.crop == config["crop_pct"]
    assert (info.trained, info.weights) == (False, "untrained (seed 0)")
    assert network.fc.out_features == 7


def test_timm_that_cannot_build_says_why() -> None:
    pytest.importorskip("timm")
    with pytest.raises(ModelError, match=r"timm cannot build timm:skresnet18: .*nonsense"):
        load_model("timm:skresnet18", pretrained=False, model_args={"nonsense": 1})


def test_without_a_connection_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm")

    def refuse(*args: Any, **options: Any) -> None:
        raise OSError("cannot reach the host")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(
        ModelError, match=r"host; .* pass a checkpoint with --weights FILE, or --no"
    ):
        load_model("timm:skresnet18")


def test_without_timm_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *args: Any, **options: Any) -> Any:
        if name.split(".")[0] == "timm":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ModelError, match=r'pip install "skviz\[timm\]"'):
        load_model("timm:skresnet18")


def test_a_checkpoint_saved_by_timm_loads(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    saved = timm.create_model("skresnet18", pretrained=False)
    file = tmp_path / "checkpoint-3.pth.tar.pth"
    wrapped = {f"module.{key}": value for key, value in saved.state_dict().items()}
    torch.save({"epoch": 3, "arch": "skresnet18", "state_dict": wrapped}, file)
    network = load_model("timm:skresnet18", file)
    assert torch.equal(network.fc.weight, saved.fc.weight)
    info = model_info(network)
    assert (info.trained, info.weights) == (True, file.name)
    assert info.sha256 is not None


def test_a_checkpoint_of_another_network_is_reported(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    file = tmp_path / "other.safetensors"
    from safetensors.torch import save_file

    save_file(timm.create_model("resnet18", pretrained=False).state_dict(), file)
    with pytest.raises(WeightsError, match=r"does not fit .* missing: .* unexpected: ") as caught:
        load_model("timm:skresnet18", file)
    assert "--allow-mismatch" in str(caught.value)
    assert load_model("timm:skresnet18", file, allow_mismatch=True)


class Malice:
    def __reduce__(self) -> Any:
        return (print, ("executed",))


def test_a_malicious_pickle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("timm")
    file = tmp_path / "evil.pth"
    torch.save({"state_dict": Malice()}, file)
    with pytest.raises(WeightsError, match="refused to read"):
        load_model("timm:skresnet18", file)
    assert "executed" not in capsys.readouterr().out
