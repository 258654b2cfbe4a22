"""What `run.json` holds of units, weights and versions."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from skviz.units import Kernel, Unit

if TYPE_CHECKING:
    from torch import nn

    from skviz.data.loading import ViewMaker
    from skviz.models import ModelInfo

_PACKAGES = ("skviz", "torch", "torchvision", "numpy", "pillow", "pyarrow")


def unit_to_dict(unit: Unit) -> dict[str, Any]:
    """Return a unit as `run.json` holds it."""
    kernels = [
        None if kernel is None else {**asdict(kernel), "effective": kernel.effective}
        for kernel in unit.kernels
    ]
    plain = ("channels", "branches", "call", "kind", "found_by", "largest", "smallest")
    return {
        "name": unit.name,
        "path": unit.path,
        "kernels": kernels,
        **{name: getattr(unit, name) for name in plain},
        # Only where there are any: a run that was begun without them can be resumed.
        **({"null": list(unit.null)} if unit.null else {}),
        **({"notes": list(unit.notes)} if unit.notes else {}),
    }


def unit_from_dict(entry: Mapping[str, Any]) -> Unit:
    """Return the unit that `unit_to_dict` wrote."""
    kernels = tuple(
        None
        if kernel is None
        else Kernel(_sides(kernel["size"]), _sides(kernel["dilation"]), kernel["groups"])
        for kernel in entry["kernels"]
    )
    names = ("name", "path", "channels", "call", "kind", "found_by")
    known: dict[str, Any] = {name: entry[name] for name in names if name in entry}
    known |= {name: tuple(entry.get(name, ())) for name in ("notes", "null")}
    return Unit(kernels=kernels, **known)


def _sides(value: int | list[int]) -> int | tuple[int, ...]:
    return value if isinstance(value, int) else tuple(value)


def state_digest(model: nn.Module) -> str:
    """Return the sha256 of a network's tensors: names, types, shapes and values."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        if not isinstance(tensor, torch.Tensor):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that the numbers depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def run_settings(
    units: Sequence[Unit],
    info: ModelInfo,
    state: str,
    views: ViewMaker,
    dataset: Mapping[str, Any],
    *,
    predictions: bool,
    **others: Any,
) -> dict[str, Any]:
    """Return what `run.json` says of a run; `others` replace or add entries."""
    return {
        "format": "skviz run",
        "version": 1,
        "model": {
            "name": info.name,
            "weights": info.weights,
            "sha256": info.sha256,
            # Of the given network: another one follows from it, the change and the images.
            "state": state,
            "trained": info.trained,
            "classes": None if info.classes is None else list(info.classes),
            "notes": list(info.notes),
        },
        "control": None,
        "units": [unit_to_dict(unit) for unit in units],
        "scales": list(views.scales),
        "spec": asdict(info.spec),
        "resample": views.resample,
        "fill": views.fill,
        "dataset": dict(dataset),
        "precision": "fp32",
        "arithmetic": None,
        "rounding": None,
        "predictions": predictions,
        "channels": [],
        "class_channels": False,
        "notes": [],
        **others,
    }
