"""Runs made apart, joined into one: their shards are copied, their moments merge exactly."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from skviz.errors import UsageError
from skviz.names import escaped
from skviz.notes import Note, combined
from skviz.runs.records import RUN, Run, channels_file
from skviz.runs.storage.checksums import shard_file, write_shard
from skviz.runs.storage.folder import Settings, differences
from skviz.runs.storage.shards import table_file

# What the parts of one data set may differ in.
_PARTS = ("digest", "images", "boxes")


def merge_runs(runs: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Run:
    """Join complete runs of different images, made with the same settings.

    Labels must mean the same classes in every run. An interrupted merge goes on when it is
    called again.

    Parameters
    ----------
    runs
        The folders of the runs.
    out
        The folder of the new run.

    Returns
    -------
    Run
        The new run.

    Raises
    ------
    UsageError
        For runs that are unfinished, differ, or share an image.
    OutputError
        Where the folder cannot be written.

    Examples
    --------
    >>> model = skviz.load_model()
    >>> for part in ((1, 2), (2, 2)):
    ...     half = skviz.DataSource("images", subset=skviz.Subset(part=part))
    ...     run = skviz.analyze(half, model, out=f"runs/part-{part[0]}", progress=False)
    >>> skviz.merge_runs(["runs/part-1", "runs/part-2"], "runs/merged").images
    6
    """
    path = RUN.check(Path(out))
    parts = [Run(run) for run in runs]
    if not parts:
        raise UsageError("expected the folders of the runs to merge, got none")
    _check(parts)
    settings = _settings(parts)
    RUN.begin(path, settings)
    merged = Run(path)
    missing = set(merged.missing)
    shards = [(part, shard) for part in parts for shard in range(part.shards)]
    for number, (part, shard) in enumerate(shards):
        if number in missing:
            _copy(part, shard, merged, number)
    RUN.clean(path)
    return merged


def _check(parts: Sequence[Run]) -> None:
    first = _comparable(parts[0].settings)
    for part in parts:
        if not part.complete:
            raise UsageError(
                f"expected finished runs, '{part.path}' lacks {len(part.missing)} of "
                f"{part.settings['shards']} shards; run its `skviz analyze` again first"
            )
        found = differences(first, _comparable(part.settings))
        if found:
            raise UsageError(
                f"expected runs made with the same settings, '{parts[0].path}' and '{part.path}' "
                "differ:\n  " + "\n  ".join(found[:8])
            )
    seen: dict[str, Path] = {}
    for part in parts:
        for name in _images(part):
            if name in seen:
                raise UsageError(
                    f"expected every image in one run only, '{name}' is in '{seen[name]}' and in "
                    f"'{part.path}'; every image must count once"
                )
            seen[name] = part.path


def _comparable(settings: Settings) -> Settings:
    kept = copy.deepcopy(settings)
    for name in ("shards", "shard_size"):
        del kept[name]
    for name in _PARTS:
        kept["dataset"].pop(name, None)
    return kept


def _images(run: Run) -> Iterator[str]:
    """Yield the name of every image of a run, the unreadable ones too."""
    for table in run.shard_tables(["image"]):
        yield from table.column("image").unique().to_pylist()
    for error in run.errors:
        yield error["image"]


def _settings(parts: Sequence[Run]) -> Settings:
    settings = copy.deepcopy(parts[0].settings)
    datasets = [part.settings["dataset"] for part in parts]
    digests = [str(dataset.get("digest")) for dataset in datasets]
    settings["dataset"]["digest"] = hashlib.sha256("".join(digests).encode()).hexdigest()
    settings["dataset"]["images"] = sum(dataset["images"] for dataset in datasets)
    settings["dataset"]["boxes"] = sum(dataset.get("boxes", 0) for dataset in datasets)
    notes = combined(
        Note.from_dict(entry) for part in parts for entry in part.settings.get("notes", ())
    )
    settings["notes"] = [note.to_dict() for note in notes]
    settings["shards"] = sum(part.settings["shards"] for part in parts)
    settings["merged_from"] = [
        {"run": escaped(part.path.name), "digest": digest, "shards": part.settings["shards"]}
        for part, digest in zip(parts, digests, strict=True)
    ]
    return settings


def _copy(part: Run, shard: int, merged: Run, number: int) -> None:
    """Copy the files of one shard, each compared with its checksum, the table last."""
    kinds = ["moments", "errors", "shards"]
    if shard_file(part.path, "notes", shard).exists():
        kinds.append("notes")
    pairs = [(shard_file(part.path, k, shard), shard_file(merged.path, k, number)) for k in kinds]
    pairs += [
        (channels_file(part.path, shard, *place), channels_file(merged.path, number, *place))
        for place in enumerate(part.units)
        if place[1].name in part.settings["channels"]
    ]
    files = {}
    for source, target in pairs:
        with RUN.open(source, whole=True) as opened:
            files[target] = opened.read()
    write_shard(merged.path, number, files, table_file(merged.path, number))
