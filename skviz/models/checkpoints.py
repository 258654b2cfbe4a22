"""Reading checkpoints: any common wrapping, never executing what is inside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from skviz.errors import WeightsError

# What training scripts wrap a state dict in, best first: averaged weights before plain ones.
WRAPPINGS = ("averaged", "model_ema", "state_dict_ema", "ema", "state_dict", "model", "net")
PREFIXES = ("module.", "_orig_mod.", "model.")
SHOWN = 5


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a state dict and its metadata from .safetensors, .pth or .pt.

    Pickles load with `weights_only=True`: tensors and plain containers, no code. Raises
    `WeightsError` naming the file and the reason.
    """
    if not path.exists():
        raise WeightsError(f"expected a checkpoint at {path}, found no such file")
    if path.is_dir():
        raise WeightsError(f"expected a checkpoint file at {path}, found a folder")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(_why_not(path, error)) from None
    return unwrap(content, path), {}


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return state, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"cannot read {path} as safetensors: {error}") from None


def _why_not(path: Path, error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError):
        return f"cannot read {path}: {error.strerror or error}"
    with path.open("rb") as file:
        # torch.save writes a zip, older files are bare pickles; nothing else is a checkpoint.
        checkpoint = file.read(4).startswith((b"PK\x03\x04", b"\x80"))
    if not checkpoint:
        return (
            f"cannot read {path} as a checkpoint: its content is neither a zip nor a pickle; "
            "expected a file of torch.save or safetensors"
        )
    if "weights_only" in text.lower() or "Unsupported" in text or "GLOBAL" in text:
        first = next((line for line in text.splitlines() if "GLOBAL" in line), "")
        return (
            f"refused to read {path}: it holds more than tensors and plain containers "
            f"({first.strip() or 'objects that would run code'}); save the state dict alone, "
            "with torch.save(model.state_dict(), ...) or as safetensors"
        )
    reason = text.splitlines()[0] if text else type(error).__name__
    return f"cannot read {path} as a checkpoint: {reason}; is it a .pth, .pt or .safetensors file?"


def unwrap(content: object, path: Path) -> dict[str, Tensor]:
    """Find the state dict in what a checkpoint holds, and take off common prefixes."""
    for _ in range(3):
        if not isinstance(content, Mapping):
            break
        inner = next((content[k] for k in WRAPPINGS if isinstance(content.get(k), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"expected a state dict in {path}, got {type(content).__name__}; save it with "
            "torch.save(model.state_dict(), ...)"
        )
    state = {str(key): value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        keys = ", ".join(str(key) for key in list(content)[:SHOWN]) or "nothing"
        raise WeightsError(f"expected tensors by name in {path}, found {keys}")
    return state


def _fit_prefix(state: dict[str, Tensor], wanted: set[str]) -> dict[str, Tensor]:
    """Take prefixes off as long as that makes more names match."""
    improved = True
    while improved:
        improved = False
        for prefix in PREFIXES:
            inside = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if inside and len(wanted & inside.keys()) > len(wanted & state.keys()):
                state, improved = inside, True
    return state


def load_state(
    network: nn.Module, state: Mapping[str, Any], path: Path, *, allow_mismatch: bool = False
) -> list[str]:
    """Load a state dict; return what did not fit, in words.

    Raises `WeightsError` with the missing and unexpected keys and those of another shape
    (the first few and how many), unless `allow_mismatch`; then everything that fits loads.
    """
    own = network.state_dict()
    state = _fit_prefix(dict(state), set(own))
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    shapes = [
        f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    # Counters of seen batches are absent from many published files and unused here.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    report = [
        f"{len(found)} {what}: {', '.join(found[:SHOWN])}{', ...' if len(found) > SHOWN else ''}"
        for what, found in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", shapes),
        )
        if found
    ]
    if report and not allow_mismatch:
        raise WeightsError(
            f"{path} does not fit the network ({len(own)} tensors expected, {len(state)} in the "
            f"file): {'; '.join(report)}. Choose the network it was saved from with --model, or "
            "pass --allow-mismatch to load what fits"
        )
    fitting = {k: v for k, v in state.items() if k in own and v.shape == own[k].shape}
    network.load_state_dict(fitting, strict=False)
    return report
