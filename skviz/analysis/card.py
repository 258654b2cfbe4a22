"""The model card as numbers: what a network gets right, and its own section 4.4."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from skviz.analysis.evaluation import (
    Evaluation,
    evaluate,
    first_scale,
    open_photographs,
    reestimate_bn,
)
from skviz.analysis.published import published_deviation, published_difference
from skviz.analysis.verdict import judge, summary
from skviz.errors import ScaleError, UsageError
from skviz.models import (
    DEFAULT_MODEL,
    build,
    count_macs,
    count_parameters,
    load_model,
    model_info,
)
from skviz.models.registry import bundled_weights, sha256_of
from skviz.names import escaped
from skviz.scaling import DEFAULT_SCALES, InputSpec, check_scales, scale_label
from skviz.training.export import read_description
from skviz.training.recipe import Recipe

FORMAT = "skviz model card 1"


def model_card(
    folder: str | os.PathLike[str],
    *,
    model: str = DEFAULT_MODEL,
    weights: str | os.PathLike[str] | None = None,
    scales: Iterable[float] = DEFAULT_SCALES,
    seeds: int = 5,
    batch_size: int = 32,
    workers: int = 0,
    device: torch.device | None = None,
    notes: str = "",
    report: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[str, Any]:
    """Measure a trained network on a folder of photographs; return its card, ready for JSON.

    It holds data and credits, recipe and the command that repeats it, top-1 and top-5 per
    scale, size and speed, and the attention difference per unit and scale (section 4.4,
    figure 3 c): beside the paper's values, and beside `seeds` untrained networks of the same
    architecture whose BN statistics are re-estimated on the same photographs at 1.0x. `notes`
    is taken over as it is. `report` gets what is being done, and how far it is.

    Raises `UsageError` for a folder whose classes do not fit, or weights without class names;
    `ScaleError` unless the scales have 1.0 and a larger one; `WeightsError`.
    """
    checked = check_scales(scales)
    if 1.0 not in checked or max(checked) <= 1.0:
        raise ScaleError(f"expected the scales 1.0 and a larger one for the card, got {checked}")
    if seeds < 0:
        raise UsageError(f"expected 0 or more untrained networks, got {seeds}")
    place = device or torch.device("cpu")
    network = load_model(model, weights).to(place)
    info = model_info(network)
    if info.classes is None:
        raise UsageError(
            f"expected weights that name their classes, got {info.weights}; use weights that "
            "'skviz train' wrote"
        )
    path = Path(weights) if weights is not None else bundled_weights(model)
    assert path is not None  # Weights that name their classes come from a file.
    photographs, unreadable = open_photographs(folder, workers)
    untrained = []
    for seed in range(seeds):
        report("untrained networks", seed, seeds)
        other = build(model, seed, classes=len(info.classes), input_size=info.spec.size)
        reestimate_bn(other.to(place), first_scale(photographs, info.spec, workers=workers))
        untrained.append(other.eval())
    trained, *others = evaluate(
        [network, *untrained],
        photographs,
        checked,
        spec=info.spec,
        batch_size=batch_size,
        workers=workers,
        report=lambda done: report("photographs", done, len(photographs)),
    )
    findings = judge(trained, others)
    description = read_description(path)
    return {
        "format": FORMAT,
        "model": model,
        "weights": _weights(path, info.sha256),
        "parameters": count_parameters(network),
        "macs": count_macs(lambda: build(model, classes=len(info.classes or ())), info.spec.size),
        "input": {"size": info.spec.size, "crop": info.spec.crop},
        "description": description,
        "command": training_command(description),
        "photographs": {
            "folder": escaped(Path(folder).resolve().name),
            "images": len(photographs),
            "classes": len(photographs.classes),
            "unreadable": [{"path": Path(b.path).name, "reason": b.reason} for b in unreadable],
            "notes": [note.to_dict() for note in photographs.notes],
        },
        "scales": list(checked),
        "accuracy": _accuracy(trained),
        "speed": measure_speed(network, info.spec, place),
        "units": _units(trained, others),
        "findings": [finding.to_dict() for finding in findings],
        "summary": summary(findings),
        "classes": _classes(trained),
        "notes": notes,
    }


def _weights(path: Path, digest: str | None) -> dict[str, Any]:
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": digest or sha256_of(path),
    }


def _accuracy(trained: Evaluation) -> dict[str, dict[str, float]]:
    first, fifth = trained.accuracy(1), trained.accuracy(5)
    return {
        scale_label(scale): {"top1": round(float(a), 5), "top5": round(float(b), 5)}
        for scale, a, b in zip(trained.scales, first, fifth, strict=True)
    }


def _units(trained: Evaluation, others: list[Evaluation]) -> dict[str, dict[str, Any]]:
    """Per unit and scale: the numbers of the network, of untrained ones, and of the paper."""
    units: dict[str, dict[str, Any]] = {}
    mean, deviation = trained.mean(), trained.deviation()
    for column, unit in enumerate(trained.units):
        units[unit] = {}
        for row, scale in enumerate(trained.scales):
            label = scale_label(scale)
            units[unit][label] = {
                "mean": _rounded(mean[row, column]),
                "deviation": _rounded(deviation[row, column]),
                "change": _rounded(trained.change(scale)[:, column].mean()),
                "images_rising": _rounded(trained.share_of_images(scale)[column]),
                "classes_rising": _rounded(trained.share_of_classes(scale)[column]),
                "untrained_mean": [_rounded(o.mean()[row, column]) for o in others],
                "untrained_change": [_rounded(o.change(scale)[:, column].mean()) for o in others],
                "published": published_difference(unit, label),
                "published_deviation": published_deviation(unit, label),
            }
    return units


def _classes(trained: Evaluation) -> dict[str, dict[str, Any]]:
    """Per class: number of images, right answers and mean differences, per scale."""
    assert trained.ranks is not None
    found = {}
    for label, name in enumerate(trained.classes):
        own = trained.labels == label
        means = trained.differences[own].mean(axis=0)
        found[name] = {
            "images": int(own.sum()),
            "right": (trained.ranks[own] < 1).sum(axis=0).tolist(),
            "differences": {
                unit: np.round(means[:, column], 6).tolist()
                for column, unit in enumerate(trained.units)
                if published_difference(unit, "1.0x") is not None
            },
        }
    return found


def measure_speed(
    network: nn.Module, spec: InputSpec, device: torch.device, batch: int = 32, seconds: float = 3.0
) -> dict[str, Any]:
    """Measure images per second of forward passes in float32, on this machine."""
    images = torch.zeros(batch, 3, spec.size, spec.size, device=device)
    passes, started = -1, 0.0
    with torch.inference_mode():
        while passes < 1 or time.perf_counter() - started < seconds:
            network(images)
            if device.type == "cuda":
                torch.cuda.synchronize()
            passes += 1
            if passes == 0:  # The first pass warms up, and is not counted.
                started = time.perf_counter()
    spent = time.perf_counter() - started
    return {
        "images_per_second": round(passes * batch / spent, 1),
        "batch": batch,
        "device": device.type,
        "cores": torch.get_num_threads() if device.type == "cpu" else None,
    }


def training_command(description: dict[str, Any]) -> str | None:
    """Return the command that repeats a training run, or None where the recipe is not known."""
    recipe, data = description.get("recipe"), description.get("data", {})
    if not recipe:
        return None
    words = ["skviz", "train", data.get("folder") or "DATA", "--model", description["model"]]
    words += ["--out", "DIR"]
    for field, usual in Recipe().to_dict().items():
        value = recipe.get(field, usual)
        if value != usual:
            text = ",".join(f"{v:g}" for v in value) if isinstance(value, list) else f"{value}"
            words += ["--" + field.replace("_", "-"), text]
    if description["spec"]["size"] != recipe["size"]:
        words += ["--input-size", str(description["spec"]["size"])]
    if data.get("workers") is not None:
        words += ["--workers", str(data["workers"])]
    if description.get("half"):
        words.append("--half")
    for credit in description.get("credits", ()):
        words += ["--credit", credit]
    return shlex.join(words)


def _rounded(value: float) -> float:
    return round(float(value), 6)
