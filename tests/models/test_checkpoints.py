"""Reading checkpoints: wrappings, mismatches, and files that want to run code."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from skviz.errors import UsageError, WeightsError
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
    "tutorial": lambda s: {
        "epoch": 3,
        "model_state_dict": s,
        "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(3)}}},
        "loss": torch.tensor(0.3),
    },
    "engine": lambda s: {"module": s},
    "restoration": lambda s: {"params": s},
    "word nobody thought of": lambda s: {"weights 2": {"of": {"my.run": s}}},
    "net.": lambda s: {"state_dict": {f"net.{k}": v for k, v in s.items()}},
    "lightning with a loss": lambda s: {
        "state_dict": {"loss.weight": torch.ones(3), **{f"backbone.{k}": v for k, v in s.items()}}
    },
    "compiled in parallel": lambda s: {f"module._orig_mod.{k}": v for k, v in s.items()},
    "parts": lambda s: {
        top: {k.removeprefix(f"{top}."): v for k, v in s.items() if k.startswith(f"{top}.")}
        for top in dict.fromkeys(k.split(".")[0] for k in s)
    },
    "params_ema": lambda s: {"params": {k: v * 0 for k, v in s.items()}, "params_ema": s},
    "ema.module": lambda s: {"model": {k: v * 0 for k, v in s.items()}, "ema": {"module": s}},
    "part of another": lambda s: {"old": {k: s[k] * 0 for k in list(s)[:20]}, "new": s},
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


def _twice(state: dict[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    return {
        "plain": state,
        "model_ema": {
            f"module.{k}": v + 1 if v.is_floating_point() else v for k, v in state.items()
        },
    }


def test_of_two_sets_the_choice_is_stated_and_can_be_made(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "two.pth"
    torch.save(_twice(state), path)
    network: Any = load_model(NAME, path)
    assert torch.equal(network.fc.bias, state["fc.bias"] + 1)
    (note,) = network.skviz.notes
    assert "'model_ema.module' was loaded, not 'plain'; choose with --weights-key" in note
    for key, more in (("plain", 0), ("model_ema", 1), ("model_ema.module", 1)):
        network = load_model(NAME, path, weights_key=key)
        assert torch.equal(network.fc.bias, state["fc.bias"] + more), key
        assert network.skviz.notes == ()
    with pytest.raises(UsageError, match=r"under the key 'plane'.*'plain'\?.*'model_ema\.module'"):
        load_model(NAME, path, weights_key="plane")
    with pytest.raises(UsageError, match="pass it with --weights"):
        load_model(NAME, weights_key="plain")


def test_two_sets_of_the_same_values_are_no_choice(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "same.pth"
    torch.save({"model": state, "ema": {k: v.clone() for k, v in state.items()}}, path)
    assert load_model(NAME, path).skviz.notes == ()  # type: ignore[union-attr]


def test_a_partial_load_counts_and_names_what_is_missing(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "part.pth"
    counted = [key for key in state if not key.endswith("num_batches_tracked")]
    part = {key: value for key, value in state.items() if not key.startswith("stem")}
    gone = [key for key in counted if key not in part]
    torch.save({"net": part | {"extra": torch.zeros(1)}}, path)
    info: Any = load_model(NAME, path, allow_mismatch=True).skviz
    assert (info.trained, info.missing) == (False, tuple(gone))
    first, second = info.notes
    assert first.startswith(f"{len(counted) - len(gone)} of {len(counted)} tensors were loaded")
    assert f"{len(gone)} keep their initial values" in first and gone[0] in first
    assert second == "1 tensor of part.pth is not used: extra"


@pytest.mark.parametrize("allow_mismatch", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model_state_dict": {}, "loss": torch.tensor(0.3)}, "found 1 tensor: loss"),
        (
            {"model": {"enc.a.weight": torch.ones(1), "enc.b.weight": torch.ones(1)}},
            r"found 2 tensors, all under 'model\.enc': model/enc\.a\.weight, model/enc\.b\.weight",
        ),
        ({"stem.0.weight": torch.ones(1)}, r"0 fit\).* of another shape: stem\.0\.weight \(1,\)"),
        ({"\x1b[31mred": torch.ones(1)}, r"found 1 tensor: \\x1b\[31mred"),
    ],
    ids=["nothing", "others", "shapes", "escape"],
)
def test_nothing_that_fits_is_always_an_error(
    tmp_path: Path, content: Any, message: str, allow_mismatch: bool
) -> None:
    path = tmp_path / "nothing.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=message) as caught:
        load_model(NAME, path, allow_mismatch=allow_mismatch)
    assert "--allow-mismatch" not in str(caught.value)


@pytest.mark.parametrize("allow_mismatch", [False, True])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: t.to_sparse(), "is sparse"),
        (lambda t: t.to_sparse_csr(), "is sparse"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "is quantised"),
        (lambda t: t.to(torch.int8), "holds int8, not floating-point numbers"),
        (lambda t: t.to(torch.float8_e4m3fn), "is quantised to 8 bits"),
        (lambda t: t * float("nan"), "not finite"),
        (lambda t: t / 0, "not finite"),
        (lambda t: t.to("meta"), "has no values"),
    ],
    ids=["sparse", "csr", "quantised", "int8", "float8", "nan", "inf", "meta"],
)
def test_tensors_that_cannot_be_weights_are_refused(
    tmp_path: Path,
    state: dict[str, torch.Tensor],
    make: Any,
    message: str,
    allow_mismatch: bool,
) -> None:
    path = tmp_path / "odd.pth"
    torch.save({"params": state | {"fc.weight": make(state["fc.weight"])}}, path)
    with pytest.raises(WeightsError, match=rf"odd\.pth: .*fc\.weight .*{message}"):
        load_model(NAME, path, allow_mismatch=allow_mismatch)


def test_half_precision_weights_load(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "half.pth"
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, path)
    network: Any = load_model(NAME, path)
    assert torch.equal(network.fc.bias, state["fc.bias"].half().float())


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


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "weights.pt")
    with pytest.raises(WeightsError, match="found a device or pipe"):
        read_checkpoint(tmp_path / "weights.pt")


def test_a_name_that_no_file_system_takes() -> None:
    with pytest.raises(WeightsError, match="cannot look at it: File name too long"):
        read_checkpoint(Path("a" * 5000 + ".pth"))


def test_a_description_nested_too_deep_is_refused(tmp_path: Path) -> None:
    network = load_model("sknet50_lite", pretrained=False)
    deep = "[" * 100_000 + "]" * 100_000
    save_file(network.state_dict(), tmp_path / "deep.safetensors", {"skviz": deep})
    with pytest.raises(WeightsError, match="its metadata is damaged"):
        load_model("sknet50_lite", weights=tmp_path / "deep.safetensors")


def test_a_view_that_claims_more_than_the_file_holds_is_refused(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "views.pth"
    huge = torch.zeros(1).as_strided((2_000_000_000, state["fc.weight"].shape[1]), (0, 0))
    torch.save({**state, "fc.weight": huge}, path)
    with pytest.raises(WeightsError, match=r"fc.weight claims \d+ values, the file holds 1 of"):
        load_model(NAME, path)


def test_an_archive_that_claims_more_than_it_is_is_refused(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"fc.weight": torch.zeros(1_000_000)}, plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))
    with pytest.raises(WeightsError, match=r"it has \d+ bytes and claims to hold \d+"):
        load_model(NAME, packed)
