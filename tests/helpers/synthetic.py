"""Runs on disk without a network: made-up attention, written by the library's own writer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from skviz.runs.attention import ShardData
from skviz.runs.records import RUN
from skviz.runs.storage.settings import unit_to_dict
from skviz.statistics.moments import Moments, batch_moments
from skviz.units import Kernel, Unit

STAGES = {
    "sknet26": (2, 2, 2, 2),
    "sknet50": (3, 4, 6, 3),
    "sknet101": (3, 4, 23, 3),
}


def stage_units(
    per_stage: Sequence[int], branches: int = 2, known: bool = True, channels: int = 64
) -> tuple[Unit, ...]:
    """Units named as in the paper, with 3x3, 5x5, 7x7, ... branches, or unknown ones."""
    kernels = tuple(Kernel(3, m + 1) if known else None for m in range(branches))
    return tuple(
        Unit(f"SK_{stage}_{unit}", f"layer{stage}.{unit}", kernels, channels * 2**depth)
        for depth, (stage, count) in enumerate(zip(range(2, 6), per_stage, strict=False))
        for unit in range(1, count + 1)
    )


def make_run(
    folder: Path,
    units: Sequence[Unit] = stage_units((1, 1, 1, 1)),
    scales: Sequence[float] = (1.0, 1.5, 2.0),
    classes: Sequence[str] | int = 10,
    per_class: int = 6,
    *,
    attention: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    shard_size: int = 16,
    shards: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Write a run and return its attention per branch, (images, scales, units, branches).

    Classes differ in level, and early units rise with the scale, late ones do not. `classes`
    is a number or names (none: no labels), `attention` and `labels` replace what is made up.
    `shards` writes only so many of the shards: a run that is not complete.
    """
    random = np.random.default_rng(seed)
    count = classes if isinstance(classes, int) else len(classes)
    names = [f"class {k}" for k in range(count)] if isinstance(classes, int) else list(classes)
    if labels is None:
        images = count * per_class if count else per_class
        labels = np.repeat(np.arange(count), per_class) if count else np.full(images, -1)
    if attention is None:
        attention = made_up_attention(labels, units, scales, random)
    n = len(attention)
    total = -(-n // shard_size)
    (folder / "shards").mkdir(parents=True)
    settings = {
        "format": RUN.format,
        "version": RUN.version,
        "model": {"name": "made up", "weights": "none", "sha256": None, "state": "",
                  "trained": True, "classes": None, "control": None},
        "units": [unit_to_dict(unit) for unit in units],
        "scales": list(scales),
        "spec": {"size": 64, "crop": 64, "mean": [0, 0, 0], "std": [1, 1, 1]},
        "resample": "bicubic",
        "fill": "mean",
        "dataset": {"kind": "synthetic", "root": "made-up", "digest": "0", "images": n,
                    "classes": names, "labels": "index" if names else None, "boxes": 0},
        "shard_size": shard_size,
        "shards": total,
        "precision": "fp32",
        "channels": [],
        "class_channels": False,
        "versions": {},
        "command": "",
        "created": "",
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(settings))
    for number in range(total if shards is None else shards):
        part = slice(number * shard_size, (number + 1) * shard_size)
        shard_data(part, labels, attention, units, scales).write(folder, number)
    return attention


def shard_data(
    part: slice,
    labels: np.ndarray,
    attention: np.ndarray,
    units: Sequence[Unit],
    scales: Sequence[float],
) -> ShardData:
    """What would have been measured on a part of the images."""
    here = attention[part]
    n, views = here.shape[:2]
    first = part.start
    known = labels[part] >= 0
    hits = (np.arange(first, first + n)[:, None] + np.arange(views)) % 3 > 0
    return ShardData(
        units=units,
        scales=scales,
        images=[f"image-{index:06d}.jpg" for index in range(first, first + n)],
        labels=labels[part].astype(np.int32),
        attention=here,
        predicted=np.where(hits, labels[part][:, None], -1).astype(np.int32),
        probability=np.full((n, views), 0.5),
        correct=np.where(known[:, None], hits, -1).astype(np.int8),
        channels=[moments_of(here, index, unit) for index, unit in enumerate(units)],
    )


def channel_vectors(attention: np.ndarray, index: int, unit: Unit) -> np.ndarray:
    """Whole vectors (n, S, M, C) whose mean over channels is the attention given."""
    wave = 0.1 * np.sin(np.arange(unit.channels) * 2 * np.pi / unit.channels)
    sign = np.linspace(-1, 1, unit.branches)[:, None]
    return attention[:, :, index, : unit.branches, None] + sign * wave


def moments_of(attention: np.ndarray, index: int, unit: Unit) -> Moments:
    """Moments (S, M, C) over the images."""
    return batch_moments(channel_vectors(attention, index, unit))


def made_up_attention(
    labels: np.ndarray,
    units: Sequence[Unit],
    scales: Sequence[float],
    random: np.random.Generator,
) -> np.ndarray:
    """Attention per branch, nan where a unit has fewer; it sums to 1 over the branches."""
    n, count = len(labels), len(units)
    most = max(unit.branches for unit in units)
    attention = np.full((n, len(scales), count, most), np.nan)
    level = 0.05 * random.normal(size=(int(labels.max(initial=0)) + 1, count))
    own = 0.04 * random.normal(size=(n, count))
    for u, unit in enumerate(units):
        early = 1 - u / max(1, count - 1)
        logit = level[np.maximum(labels, 0), u, None] + own[:, u, None] - 0.15 * early
        logit = logit + 0.08 * early * (np.array(scales) - 1)
        logit = logit + 0.02 * random.normal(size=logit.shape)
        weights = np.exp(logit[..., None] * np.linspace(-1, 1, unit.branches))
        attention[:, :, u, : unit.branches] = weights / weights.sum(axis=-1, keepdims=True)
    return attention
