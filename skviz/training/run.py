"""`train`: from an image folder to a network that describes itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from skviz.errors import OutputError, UsageError
from skviz.files import output_folder
from skviz.hardware.devices import seeded
from skviz.models import DEFAULT_MODEL, SKNet, SKNetConfig
from skviz.models.checkpoints import read_checkpoint
from skviz.models.registry import described, input_spec, known_config, sha256_of
from skviz.models.weight_sets import find_weights, load_weights
from skviz.names import escaped
from skviz.notes import Note, combined
from skviz.pictures.scaling import InputSpec
from skviz.training.checkpoint import CHECKPOINT, METRICS, WEIGHTS
from skviz.training.data import (
    ClassFolders,
    Unreadable,
    drop_unreadable,
    evaluation_view,
    numbers_of,
    open_folder,
)
from skviz.training.engine import Step, Trainer
from skviz.training.export import export_checkpoint
from skviz.training.precision import resolve_precision
from skviz.training.recipe import Recipe

_PRECISION_NAMES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@dataclass(frozen=True)
class TrainingResult:
    """What a training run leaves.

    `network` is in evaluation mode on the CPU, `weights` the file it was written to,
    `history` has the metrics of every epoch, `unreadable` the images that were left out; `notes`
    say what else was.
    """

    network: nn.Module
    out: Path
    weights: Path
    classes: tuple[str, ...]
    history: tuple[dict[str, Any], ...]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[Note, ...] = ()


def train(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    model: str = DEFAULT_MODEL,
    config: SKNetConfig | None = None,
    weights: str | os.PathLike[str] | None = None,
    validation: str | os.PathLike[str] | None = None,
    recipe: Recipe | None = None,
    input_size: int | None = None,
    workers: int = 2,
    device: torch.device | None = None,
    resume: bool = False,
    overwrite: bool = False,
    half: bool = False,
    credits: Sequence[str] = (),
    report: Callable[[Step], None] = lambda step: None,
    say: Callable[[dict[str, Any]], None] = lambda metrics: None,
    found: Callable[[Sequence[Unreadable]], None] = lambda unreadable: None,
    note: Callable[[Note], None] = lambda note: None,
) -> TrainingResult:
    """Train a network of skviz on an image folder with one sub-folder per class.

    `out` gets `checkpoint.pt` and `metrics.json` after every epoch, and at the end
    `model.safetensors` for `skviz.load_model` (float16 with `half`). `validation` is a folder
    of the same classes, or some of them, seen at 1.0x and `input_size` pixels, the size that
    the network is made for (by default that of the recipe; larger often suits, as objects
    look larger in random crops: Touvron et al. 2019). `config` takes the place of the table's
    entry for `model`, whose name it keeps. `weights` is a file to begin from, of the same
    network; a classifier of other classes is drawn anew.

    With the same arguments, `workers` included, two runs on one machine give the same
    weights; `resume` goes on exactly behind the last whole epoch. `report` is called after
    every step, `say` with the metrics of every epoch, `found` with the images that cannot be
    read, which are left out, `note` with what else was left out of the folders.

    Raises `UsageError` for a folder, class or number that does not fit, `OutputError` if
    `out` holds a run already (unless `resume` or `overwrite`) or cannot be written,
    `WeightsError` if the run to resume is another one, and `TrainingError`.
    """
    if resume and overwrite:
        raise UsageError("expected --resume or --overwrite, got both; --resume needs the old run")
    if workers < 0:
        raise UsageError(f"workers: expected 0 or more, got {workers}")
    device = device or torch.device("cpu")
    recipe = recipe or Recipe()
    # Not "auto", but what it means here: the recipe must say what was done.
    precision = _PRECISION_NAMES[resolve_precision(recipe.precision, device)]
    recipe = replace(recipe, precision=precision)
    config = config or known_config(model)
    spec = input_spec(config, input_size or recipe.size)
    folder = _results_folder(Path(out), resume or overwrite)
    train_set = open_folder(data, None)
    held_out = None if validation is None else _validation_set(validation, train_set, spec)
    opened = [train_set] if held_out is None else [train_set, held_out]
    notes = combined(note for images in opened for note in images.notes)
    for one in notes:
        note(one)
    broken = [image for images in opened for image in drop_unreadable(images, workers)]
    if broken:
        found(broken)
    network = _network(config, recipe.seed, len(train_set.classes), spec.size)
    if weights is not None:
        begin_from(network, Path(weights), train_set.classes)
    trainer = Trainer(
        network,
        train_set,
        None if held_out is None else DataLoader(held_out, recipe.batch_size, num_workers=workers),
        recipe,
        spec,
        folder,
        run_settings(model, network.config, recipe, spec, train_set, workers, weights),
        device=device,
        workers=workers,
        report=report,
        say=say,
    )
    if resume:
        trainer.resume()
    else:
        # Weights of the run that is replaced must not pass for those of the new one.
        (folder / WEIGHTS).unlink(missing_ok=True)
    trained = trainer.run()
    written = export_checkpoint(
        folder / CHECKPOINT,
        folder / WEIGHTS,
        credits=credits,
        folder=escaped(Path(data).resolve().name),
        half=half,
        overwrite=True,
    )
    classes, history = tuple(train_set.classes), tuple(trainer.history)
    return TrainingResult(trained, folder, written, classes, history, tuple(broken), notes)


def run_settings(
    model: str,
    config: SKNetConfig,
    recipe: Recipe,
    spec: InputSpec,
    train_set: ClassFolders,
    workers: int,
    weights: str | os.PathLike[str] | None = None,
) -> dict[str, Any]:
    """Return everything that decides what a run computes, as plain values.

    The number of workers belongs to it: each has its own stream of random numbers.
    """
    settings: dict[str, Any] = {
        "model": model,
        "config": asdict(config),
        "spec": asdict(spec),
        "recipe": recipe.to_dict(),
        "classes": list(train_set.classes),
        "data": {"images": len(train_set), "digest": _digest(train_set)},
        "workers": workers,
    }
    if weights is not None:
        path = Path(weights)
        settings["weights"] = {"file": escaped(path.name), "sha256": sha256_of(path)}
    # JSON knows no tuples: compare and store what a reader of the metrics file sees too.
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _digest(train_set: ClassFolders) -> str:
    """Tell data sets apart by the names and sizes of their files, wherever they lie."""
    digest = hashlib.sha256()
    for path, _ in train_set.samples:
        name = Path(path).relative_to(train_set.root).as_posix()
        digest.update(f"{name}\0{Path(path).stat().st_size}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _network(config: SKNetConfig, seed: int, classes: int, size: int) -> SKNet:
    with seeded(seed):
        return SKNet(config.with_(classes=classes, input_size=size))


def begin_from(network: SKNet, path: Path, classes: Sequence[str]) -> None:
    """Load weights to go on from: all of them, or all but a classifier of other classes."""
    state, metadata = read_checkpoint(path)
    found = find_weights(network.state_dict(), state, path)
    same = described(metadata, path)["classes"] == list(classes)
    kept = {name: t for name, t in found.tensors.items() if same or not name.startswith("fc.")}
    drawn = {} if same else {f"fc.{name}": t for name, t in network.fc.state_dict().items()}
    load_weights(network, replace(found, tensors={**kept, **drawn}))


def _results_folder(out: Path, may_hold_run: bool) -> Path:
    folder = output_folder(out)
    there = [name for name in (CHECKPOINT, WEIGHTS, METRICS) if (folder / name).exists()]
    if there and not may_hold_run:
        raise OutputError(
            f"'{folder}' already holds a training run ({', '.join(there)}); pass --resume to "
            "continue it, --overwrite to start again, or name another folder"
        )
    return folder


def _validation_set(
    root: str | os.PathLike[str], train_set: ClassFolders, spec: InputSpec
) -> ClassFolders:
    """Open the validation folder with the training set's numbers for its classes."""
    held_out = open_folder(root, partial(evaluation_view, spec))
    held_out.target_transform = numbers_of(held_out, train_set.class_to_idx).__getitem__
    return held_out
