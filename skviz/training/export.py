"""From a finished run to the file that everybody loads: safetensors that describe themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from skviz.errors import WeightsError
from skviz.files import AnyPath, write_bytes
from skviz.models.checkpoints import read_checkpoint
from skviz.pictures.scaling import InputSpec
from skviz.training.checkpoint import Checkpoint

FORMAT = "skviz network 1"
# The key of the metadata under which the description lies, as JSON.
METADATA_KEY = "skviz"
_AVERAGED = "module."


def export_weights(
    network: nn.Module | Mapping[str, Tensor],
    path: AnyPath,
    metadata: Mapping[str, Any],
    *,
    half: bool = False,
    overwrite: bool = False,
) -> Path:
    """Write a network, or its state dict, as safetensors with a description inside.

    `metadata` is what `describe` returns. With `half` floating-point numbers are stored as
    float16, which halves the file; they load into float32 networks all the same. Written
    whole or not at all; returns the path.

    Raises `WeightsError` if a weight is not finite (as float16, with `half`), and
    `OutputError` if the file exists or cannot be written.
    """
    state = network.state_dict() if isinstance(network, nn.Module) else network
    stored = {name: _stored(name, tensor, half) for name, tensor in state.items()}
    text = json.dumps({**metadata, "half": half}, ensure_ascii=False, allow_nan=False)
    return write_bytes(path, save(stored, {METADATA_KEY: text}), overwrite=overwrite)


def _stored(name: str, tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu()
    if not tensor.is_floating_point():
        return tensor.contiguous()
    tensor = tensor.to(torch.float16 if half else torch.float32)
    if not bool(torch.isfinite(tensor).all()):
        kind = "float16" if half else "float32"
        advice = "; store float32, without --half" if half else "; the training went wrong"
        raise WeightsError(
            f"expected finite {kind} weights, got nan or infinite values in {name}{advice}"
        )
    return tensor.contiguous()


def describe(
    model: str,
    spec: InputSpec,
    classes: Sequence[str],
    recipe: Mapping[str, Any],
    *,
    credits: Sequence[str] = (),
    results: Mapping[str, Any] | None = None,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the description that is stored with weights, as plain values for JSON.

    `model` is a name of the table of networks, `spec` what the network expects to see,
    `recipe` the fields of its `Recipe`, `credits` whom to name for the data, `results` the
    metrics of the last epoch, `data` what is known of the training set.
    """
    return {
        "format": FORMAT,
        "model": model,
        "classes": list(classes),
        "spec": {**asdict(spec), "mean": list(spec.mean), "std": list(spec.std)},
        "recipe": dict(recipe),
        "credits": list(credits),
        "results": dict(results or {}),
        "data": dict(data or {}),
    }


def read_description(path: AnyPath) -> dict[str, Any]:
    """Return the description inside a file that `export_weights` wrote, or {} for others."""
    _, metadata = read_checkpoint(Path(path))
    try:
        description = json.loads(metadata.get(METADATA_KEY, "{}"))
    except ValueError as error:
        raise WeightsError(f"expected JSON as the description in {path}: {error}") from None
    return description if isinstance(description, dict) else {}


def final_weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Return the state dict that counts: averaged over the run, or the plain one without EMA."""
    if float(checkpoint.settings["recipe"]["ema_decay"]) <= 0:
        return dict(checkpoint.model)
    return {
        name.removeprefix(_AVERAGED): tensor
        for name, tensor in checkpoint.averaged.items()
        if name.startswith(_AVERAGED)
    }


def export_checkpoint(
    checkpoint: Path,
    path: AnyPath,
    *,
    credits: Sequence[str] = (),
    folder: str | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> Path:
    """Turn the `checkpoint.pt` of a run of `train` into safetensors that describe themselves.

    It may be a run that was interrupted: the weights are those of its last whole epoch.
    `folder` is the name of the training folder, for the reader. Raises `WeightsError` and
    `OutputError`.
    """
    saved = Checkpoint.load(checkpoint)
    missing = [key for key in ("model", "spec", "classes", "recipe") if key not in saved.settings]
    if missing:
        raise WeightsError(
            f"expected {checkpoint} to say what it was trained on, it does not know: "
            f"{', '.join(missing)}; pass the network and its description to export_weights"
        )
    settings = saved.settings
    spec = settings["spec"]
    words = [word for word in ("workers", "weights") if word in settings]
    also: dict[str, Any] = {word: settings[word] for word in words}
    last = saved.history[-1] if saved.history else {}
    # Without what the clock measured: the same run must give the same file.
    results = {k: v for k, v in last.items() if k not in ("seconds", "images_per_second")}
    metadata = describe(
        settings["model"],
        InputSpec(spec["size"], spec["crop"], tuple(spec["mean"]), tuple(spec["std"])),
        settings["classes"],
        settings["recipe"],
        credits=credits,
        results=results,
        data={"folder": folder, **settings.get("data", {}), **also},
    )
    return export_weights(final_weights(saved), path, metadata, half=half, overwrite=overwrite)
