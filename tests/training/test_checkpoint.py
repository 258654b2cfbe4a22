"""Checkpoints and exported weights: what is refused, and with what words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from skviz.errors import OutputError, WeightsError
from skviz.models import SKNet, SKNetConfig
from skviz.pictures.scaling import InputSpec
from skviz.training import Checkpoint, describe, export_checkpoint, export_weights
from skviz.training.export import final_weights, read_description


def checkpoint(network: SKNet, **changes: object) -> Checkpoint:
    state = network.state_dict()
    averaged = {f"module.{name}": tensor + 1 for name, tensor in state.items()}
    fields = {
        "epoch": 1,
        "settings": {"recipe": {"ema_decay": 0.9}},
        "model": state,
        "averaged": {**averaged, "n_averaged": torch.tensor(3)},
        "optimizer": {},
        "scaler": {},
        "history": [],
        **changes,
    }
    return Checkpoint(**fields)


@pytest.fixture(scope="module")
def network(tiny: SKNetConfig) -> SKNet:
    return SKNet(tiny)


def test_saved_and_loaded(network: SKNet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint(network).save(path)
    loaded = Checkpoint.load(path)
    assert loaded.epoch == 1
    assert torch.equal(loaded.model["fc.weight"], network.fc.weight)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no checkpoint", "expected a training checkpoint at .*could not read it"),
        (b"", "expected a training checkpoint at .*could not read it"),
    ],
    ids=["text", "empty"],
)
def test_no_checkpoint_at_all(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        Checkpoint.load(path)


def test_a_truncated_checkpoint(network: SKNet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint(network).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match="could not read it"):
        Checkpoint.load(path)


def test_a_state_dict_is_no_training_checkpoint(network: SKNet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(network.state_dict(), path)
    with pytest.raises(WeightsError, match=r"that 'skviz train' wrote, .* is something else"):
        Checkpoint.load(path)


class Harmful:
    """Would run code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code ran')",))


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"format": Harmful()}, path)
    with pytest.raises(WeightsError, match="could not read it"):
        Checkpoint.load(path)


def test_a_checkpoint_with_parts_missing(network: SKNet, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint(network).save(path)
    content = torch.load(path, weights_only=True)
    del content["scaler"]
    torch.save({**content, "novelty": 1}, path)
    with pytest.raises(WeightsError, match="missing or unknown: novelty, scaler"):
        Checkpoint.load(path)


def test_averaged_weights_are_exported(network: SKNet) -> None:
    own = network.state_dict()
    averaged = final_weights(checkpoint(network))
    assert averaged.keys() == own.keys()
    assert torch.equal(averaged["fc.weight"], own["fc.weight"] + 1)
    plain = final_weights(checkpoint(network, settings={"recipe": {"ema_decay": 0.0}}))
    assert torch.equal(plain["fc.weight"], own["fc.weight"])


def test_a_checkpoint_that_does_not_know_its_network(network: SKNet, tmp_path: Path) -> None:
    checkpoint(network).save(tmp_path / "checkpoint.pt")
    with pytest.raises(WeightsError, match="it does not know: model, spec, classes; pass the"):
        export_checkpoint(tmp_path / "checkpoint.pt", tmp_path / "model.safetensors")


def test_weights_that_describe_themselves(network: SKNet, tmp_path: Path) -> None:
    spec = InputSpec(size=48)
    metadata = describe("sknet50_lite", spec, ["ant", "bee"], {"epochs": 3}, credits=["nobody"])
    path = export_weights(network, tmp_path / "model.safetensors", metadata, half=True)
    described = read_description(path)
    assert described["classes"] == ["ant", "bee"]
    assert described["spec"] == json.loads(json.dumps({**vars(spec)}))
    assert described["credits"] == ["nobody"]
    assert described["half"] is True
    with safe_open(path, framework="pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert stored.keys() == network.state_dict().keys()
    assert torch.equal(stored["fc.weight"], network.fc.weight.half())
    with pytest.raises(OutputError, match="already exists; pass --overwrite"):
        export_weights(network, path, metadata)


@pytest.mark.parametrize(
    ("value", "half", "message"),
    [
        (1e6, True, r"finite float16 weights, got nan or infinite values in fc\.bias; store float"),
        (float("nan"), False, r"finite float32 weights, .* in fc\.bias; the training went wrong"),
    ],
    ids=["too large for float16", "nan"],
)
def test_weights_that_are_no_numbers(
    network: SKNet, tmp_path: Path, value: float, half: bool, message: str
) -> None:
    state = {**network.state_dict(), "fc.bias": torch.full((1000,), value)}
    path = tmp_path / "model.safetensors"
    with pytest.raises(WeightsError, match=message):
        export_weights(state, path, {}, half=half)
    assert not path.exists()


def test_a_description_that_is_no_json(network: SKNet, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"fc.bias": torch.zeros(3)}, path, {"skviz": "{"})
    with pytest.raises(WeightsError, match="expected JSON as the description in"):
        read_description(path)
    save_file({"fc.bias": torch.zeros(3)}, path)
    assert read_description(path) == {}
