"""Reading checkpoints: wrappings, mismatches, and files that want to run code."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from skviz.errors import WeightsError
from skviz.models import build, load_model
from skviz.models.checkpoints import read_checkpoint

NAME = "sknet50_lite"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return build(NAME, seed=3, classes=5).state_dict()


WRAPPINGS = {
    "plain": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3},
    "model": lambda s: {"model": s, "args": {"lr": 0.1}},
    "model_ema": lambda s: {"model": {k: v * 0 for k, v in s.items()}, "model_ema": s},
    "module.": lambda s: {f"module.{k}": v for k, v in s.items()},
    "both": lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
    "compiled": lambda s: {"model": {f"_orig_mod.{k}": v for k, v in s.items()}},
    "averaged": lambda s: {
        "averaged": {"n_averaged": torch.tensor(7), **{f"module.{k}": v for k, v in s.items()}}
    },
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_usual_wrappings_load(
    tmp_path: Path, state: dict[str, torch.Tensor], wrapping: str, suffix: str
) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(WRAPPINGS[wrapping](state), path)
    network = load_model(NAME, path)
    for key, value in network.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_safetensors_with_metadata(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "mine.safetensors"
    known = {
        "classes": ["a", "b", "c", "d", "e"],
        "spec": {"size": 96, "crop": 0.9, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]},
    }
    save_file(state, path, metadata={"skviz": json.dumps(known)})
    info: Any = load_model(NAME, path).skviz
    assert info.classes == ("a", "b", "c", "d", "e")
    assert (info.spec.size, info.spec.crop, info.spec.mean) == (96, 0.9, (0.5, 0.5, 0.5))
    assert info.weights == "mine.safetensors" and info.trained
    assert len(info.sha256) == 64


def test_an_untrained_network_says_so() -> None:
    info: Any = load_model("sknet26", pretrained=False).skviz
    assert not info.trained
    assert info.weights == "untrained (seed 0)" and info.sha256 is None


def test_a_checkpoint_of_another_network_gives_a_report(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(build("sknet26").state_dict(), path)
    with pytest.raises(WeightsError) as caught:
        load_model(NAME, path)
    message = str(caught.value)
    assert "other.pth does not fit the network" in message
    assert "missing: stage2.2" in message and "of another shape: stem.0.weight" in message
    assert "--allow-mismatch" in message


def test_allow_mismatch_loads_what_fits(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "part.pth"
    part = {key: value for key, value in state.items() if not key.startswith("stage5")}
    torch.save(part | {"extra": torch.zeros(1)}, path)
    network = load_model(NAME, path, allow_mismatch=True)
    assert torch.equal(network.state_dict()["fc.weight"], state["fc.weight"])
    with pytest.raises(WeightsError, match=r"missing: stage5.*1 unexpected: extra"):
        load_model(NAME, path)


class _Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def test_a_malicious_pickle_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "was-here"
    path = tmp_path / "evil.pth"
    torch.save({"state_dict": _Evil(mark)}, path)
    with pytest.raises(WeightsError, match=r"refused to read .*evil\.pth"):
        load_model(NAME, path)
    path.write_bytes(pickle.dumps(_Evil(mark)))
    with pytest.raises(WeightsError, match=r"evil\.pth"):
        load_model(NAME, path)
    assert not mark.exists()


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.pt"
    torch.save(build(NAME, classes=2), path)
    with pytest.raises(WeightsError, match=r"refused to read .* save the state dict alone"):
        load_model(NAME, path)


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        (b"", ".pth", "cannot read"),
        (b"not a checkpoint", ".pth", "cannot read .* neither a zip nor a pickle"),
        (b"PK\x03\x04 and no more", ".pth", r"cannot read .*\.pth"),
        (b"not a checkpoint", ".safetensors", "cannot read .* as safetensors"),
        (b"", ".safetensors", "cannot read .* as safetensors"),
    ],
)
def test_files_that_are_no_checkpoints(
    tmp_path: Path, content: bytes, suffix: str, message: str
) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        load_model(NAME, path)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"expected a checkpoint at .* found no such file"):
        load_model(NAME, tmp_path / "nowhere.pth")
    with pytest.raises(WeightsError, match=r"expected a checkpoint file at .* found a folder"):
        load_model(NAME, tmp_path)


def test_content_that_is_no_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([1, 2, 3], path)
    with pytest.raises(WeightsError, match=r"expected a state dict in .* got list"):
        read_checkpoint(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(WeightsError, match=r"expected tensors by name in .* found epoch"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"spec": {}}', '{"spec": {"size": 0}}', '{"classes": 3}'],
)
def test_damaged_metadata_is_an_error(
    tmp_path: Path, state: dict[str, torch.Tensor], text: str
) -> None:
    path = tmp_path / "damaged.safetensors"
    save_file(state, path, metadata={"skviz": text})
    with pytest.raises(WeightsError, match=r"damaged\.safetensors to describe itself"):
        load_model(NAME, path)
