"""The model card as numbers: what a network gets right, and what may be said of its attention.

A card is made from a suite of controls, whose verdicts it takes over; it measures nothing of its
own but the speed.
"""

from __future__ import annotations

import csv
import math
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skviz.capture.probe import Probe
from skviz.errors import UsageError, did_you_mean
from skviz.inference.class_table import ClassTable
from skviz.inference.judging import judge
from skviz.inference.null import NullShifts
from skviz.inference.published import published_deviation, published_difference
from skviz.inference.summary import Summary
from skviz.models import build, count_macs, count_parameters, model_info
from skviz.models.registry import ModelInfo, sha256_of
from skviz.numbers import first_of, listed
from skviz.pictures.scaling import InputSpec
from skviz.runs.measurements import RunMeasurements
from skviz.runs.storage.folder import Settings, check_same
from skviz.runs.storage.settings import state_digest
from skviz.scales import same_scale, scale_label
from skviz.statistics.moments import nan_mean
from skviz.studies.card_words import sentence, summary
from skviz.studies.controls.evidence import evidence_of
from skviz.studies.controls.suite import ControlSuite
from skviz.studies.interventions.kinds import KINDS
from skviz.studies.interventions.result import InterventionRun
from skviz.training.export import read_description
from skviz.training.recipe import Recipe

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.floating[Any]]
FORMAT = "skviz model card 2"
# Which attention all units get instead of their own.
REPLACED = ("images", "mean", "uniform")


def model_card(
    suite: ControlSuite,
    network: nn.Module,
    weights: Path,
    *,
    replaced: Mapping[str, Any] | None = None,
    tried: Mapping[str, Any] | None = None,
    notes: str = "",
) -> dict[str, Any]:
    """Return the card of a trained network, ready for JSON, from a suite of its controls.

    It holds data and credits, recipe and the command that repeats it, top-1 and top-5 per
    scale, size and speed, and the attention difference per unit and scale (section 4.4,
    figure 3 c): its shifts with bootstrap intervals, where random networks would shift to, the
    paper's values, and the verdict of every unit. `weights` is the file of the network,
    `replaced` what `replaced_attention` returns, `tried` what `read_tried` does, `notes` are taken
    over as they are.

    Raises `UsageError` for a suite of another network or without predictions, for photographs
    whose classes it does not know or weights without class names, and what `judge` raises.
    """
    info, plain = model_info(network), suite.plain
    check_classes(plain.classes, info)
    _check_network(suite.path, plain.settings, network)
    evidence = evidence_of(suite)
    verdicts = judge(evidence)
    measured = RunMeasurements(plain)
    if not plain.images or measured.correct is None:
        raise UsageError(
            f"expected photographs and predictions in '{plain.path}', it has {plain.images} "
            "photographs" + (" without predictions; make the controls anew" if plain.images else "")
        )
    null = NullShifts.of(measured, evidence.random) if evidence.random else None
    units = _units(Summary(measured), null)
    told = [
        {**verdict.to_dict(), "sentence": sentence(verdict, units[verdict.unit])}
        for verdict in verdicts
    ]
    description = read_description(weights)
    return {
        "format": FORMAT,
        "model": info.name,
        "weights": {
            "file": weights.name,
            "bytes": weights.stat().st_size,
            "sha256": info.sha256 or sha256_of(weights),
        },
        "parameters": count_parameters(network),
        "macs": count_macs(
            lambda: build(info.name, classes=len(info.classes or ())), info.spec.size
        ),
        "input": {"size": info.spec.size, "crop": info.spec.crop},
        "description": description,
        "command": training_command(description),
        "photographs": {
            "folder": plain.settings["dataset"]["root"],
            "images": plain.images,
            "classes": len(plain.classes),
            "unreadable": [
                {"path": Path(error["image"]).name, "reason": error["reason"]}
                for error in plain.errors
            ],
        },
        "controls": list(suite.names),
        "unfinished": list(suite.missing),
        "random_networks": len(suite.random),
        "scales": list(measured.scales),
        "accuracy": _accuracy(measured, measured.correct),
        "speed": measure_speed(network, info.spec, next(network.parameters()).device),
        "units": units,
        "verdicts": told,
        "replaced": replaced,
        "summary": summary(verdicts),
        "classes": _classes(measured, measured.correct),
        "tried": tried,
        "notes": notes,
    }


def check_classes(names: Sequence[str], info: ModelInfo) -> None:
    """Check that a network knows the classes of photographs; raises `UsageError`."""
    if info.classes is None:
        raise UsageError(
            f"expected weights that name their classes, got {info.weights}; use weights that "
            "'skviz train' wrote"
        )
    if not names:
        raise UsageError("expected photographs in one sub-folder per class, got some without")
    unknown = [name for name in names if name not in info.classes]
    if unknown:
        shown = first_of(unknown, 5)
        raise UsageError(
            f"expected the classes of the photographs among the network's {len(info.classes)}, "
            f"{len(unknown)} are not: {shown}.{did_you_mean(unknown[0], info.classes)}"
        )


def replaced_attention(run: InterventionRun, network: nn.Module) -> dict[str, Any]:
    """Return top-1 with the attention of all units replaced at once, per kind and scale.

    `replaced` says how many of the units the interventions cover.
    `rows` have `kind`, `what`, `scale`, `before`, `after` and the `change` with its interval
    `low` to `high`. Raises `UsageError` for interventions that are of another network, are
    unfinished, or have no labels or none of the kinds `REPLACED`.
    """
    _check_network(run.path, run.baseline.settings, network)
    if not run.complete:
        raise UsageError(
            f"expected finished interventions in '{run.path}', {len(run.missing)} shards are "
            "missing; run the same `skviz intervene` again"
        )
    frame = run.to_frame()
    frame = frame[(frame["unit"] == run.targets[-1]) & frame["kind"].isin(REPLACED)]
    if frame.empty or not run.labelled:
        raise UsageError(
            f"expected interventions on labelled photographs with one of {', '.join(REPLACED)} "
            f"in '{run.path}'; make them with `skviz intervene DATASET --out DIR`"
        )
    names, units = ([unit.name for unit in u] for u in (run.baseline.units, Probe(network).units))
    rows = [
        {
            "kind": row["kind"],
            "what": KINDS[row["kind"]],
            "scale": scale_label(row["scale"]),
            "before": _rounded(row["top1_before"]),
            "after": _rounded(row["top1_after"]),
            "change": _rounded(row["top1_change"]),
            "low": _rounded(row["top1_change_low"]),
            "high": _rounded(row["top1_change_high"]),
        }
        for row in _rows(frame)
    ]
    return {
        "folder": run.baseline.settings["dataset"]["root"],
        "images": int(frame["images"].max()),
        "replaced": (
            f"all {len(units)} units"
            if set(units) <= set(names)
            else f"{len(names)} of {len(units)} units ({listed(names) or 'none'})"
        ),
        "rows": rows,
    }


def read_notes(path: Path) -> str:
    """Read Markdown that a card takes over; raises `UsageError` for what is no text in UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"expected notes as text in UTF-8 in '{path}', cannot read them: {error}; save the "
            "file as UTF-8"
        ) from error


def read_tried(path: Path) -> dict[str, Any]:
    """Read what was tried from a CSV file: `columns` and `rows`, all of them text.

    Raises `UsageError` for a file that is no table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"cannot read '{path}' as CSV in UTF-8: {error}") from error
    lengths = [len(row) for row in rows]
    if len(rows) < 2 or len(set(lengths)) > 1:
        raise UsageError(
            f"expected a head and one row per recipe in '{path}', all of as many cells, got rows "
            f"of {', '.join(map(str, lengths)) or 'no'} cells; quote cells with commas in them"
        )
    return {"columns": rows[0], "rows": rows[1:]}


def _check_network(path: Path, settings: Settings, network: nn.Module) -> None:
    given = {"model": {"state": state_digest(network)}}
    name = f"the given weights of {model_info(network).name}"
    check_same(path, settings, given, name, "pass its --weights, or measure anew")


def _accuracy(measured: RunMeasurements, correct: Floats) -> dict[str, dict[str, float | None]]:
    """Shares of photographs whose class is the most probable, and among the five; per scale."""
    top1 = nan_mean(correct)
    # Runs of older versions do not have ranks.
    top5 = None if measured.rank is None else (measured.rank < 5).mean(axis=0)
    return {
        scale_label(scale): {
            "top1": _rounded(top1[v], 5),
            "top5": None if top5 is None else _rounded(top5[v], 5),
        }
        for v, scale in enumerate(measured.scales)
    }


def _units(found: Summary, null: NullShifts | None) -> dict[str, dict[str, Any]]:
    """Per unit and scale: the numbers of the network, of random networks, and of the paper."""
    units: dict[str, dict[str, Any]] = {unit.name: {} for unit in found.units}
    for row in _rows(found.to_frame()):
        label = scale_label(row["scale"])
        units[row["unit"]][label] = {
            "mean": _rounded(row["mean"]),
            "deviation": _rounded(row["std"]),
            "published": published_difference(row["unit"], label),
            "published_deviation": published_deviation(row["unit"], label),
        }
    shifts = found.shifts
    for row in _rows(shifts[shifts["from_scale"].map(lambda scale: same_scale(scale, 1.0))]):
        units[row["unit"]][scale_label(row["to_scale"])] |= {
            "change": _rounded(row["shift"]),
            "low": _rounded(row["low"]),
            "high": _rounded(row["high"]),
            "images_rising": _rounded(row["images"]),
            "classes_rising": _rounded(row["classes"]),
        }
    if null is not None:
        low, high = null.band()
        for v, scale in enumerate(null.scales):
            for u, unit in enumerate(null.units):
                units[unit][scale_label(scale)] |= {
                    "untrained_change": [_rounded(shift) for shift in null.raw[:, v, u]],
                    "untrained_range": [_rounded(low[v, u]), _rounded(high[v, u])],
                }
    return units


def _classes(measured: RunMeasurements, correct: Floats) -> dict[str, dict[str, Any]]:
    """Per class: number of images, right answers and mean differences, per scale."""
    table = ClassTable.of(measured)
    found = {}
    for k, label in enumerate(table.labels.tolist()):
        found[(measured.class_names or ())[label]] = {
            "images": int((measured.labels == label).sum()),
            "right": correct[measured.labels == label].sum(axis=0).astype(int).tolist(),
            "differences": {
                unit.name: [_rounded(mean) for mean in table.means[u, :, k]]
                for u, unit in enumerate(measured.units)
                if published_difference(unit.name, "1.0x") is not None
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
    if "weights" in data:
        words += ["--weights", str(data["weights"]["file"])]
    if data.get("workers") is not None:
        words += ["--workers", str(data["workers"])]
    if description.get("half"):
        words.append("--half")
    for credit in description.get("credits", ()):
        words += ["--credit", credit]
    return shlex.join(words)


def _rows(frame: pd.DataFrame) -> list[Any]:
    return frame.to_dict(orient="records")


def _rounded(value: float, digits: int = 6) -> float | None:
    return None if math.isnan(value) else round(float(value), digits) + 0.0
