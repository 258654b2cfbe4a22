"""A data set through a network at several scales, into a folder of records."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from skviz.data import DataSource, ImageSet, open_dataset
from skviz.names import escaped
from skviz.notes import Note
from skviz.runs.change import Change, Replacement
from skviz.runs.options import Options
from skviz.runs.ranks import Ranks
from skviz.runs.records import Run
from skviz.runs.settings import FORMAT, VERSION, Settings, state_digest, unit_to_dict, versions
from skviz.runs.store import check_run_folder, clean, start_run
from skviz.scaling import DEFAULT_SCALES, check_scales
from skviz.units import Unit, notes_of, select_units

if TYPE_CHECKING:
    from torch import nn

    from skviz.data.loading import ViewMaker
    from skviz.runs.forward import Forward
    from skviz.runs.loop import RecordOptions

_SMALLEST_SHARD, _LARGEST_SHARD, _USUAL_SHARDS = 32, 1024, 256


@dataclass(frozen=True)
class Analysis:
    """An analysis that is ready to go on: its folder exists and fits, the network was tried.

    `missing` are the shards that this process has still to do, `resumed` says whether the run
    was begun before. `views` makes what the network sees; `replaced` is the network that runs
    in place of the given one, if another does. `notes` say what was left out of the
    data set, and what was assumed.
    """

    run: Run
    images: ImageSet
    missing: tuple[int, ...]
    resumed: bool
    options: Options
    forward: Forward
    record: RecordOptions
    ranks: Ranks
    views: ViewMaker
    replaced: Replacement | None = None
    notes: tuple[Note, ...] = ()

    def __call__(self, progress: bool = True) -> Run:
        """Do what is missing; returns the run.

        Raises `Interrupted` (a KeyboardInterrupt) at the next batch after Ctrl-C, `OutputError`
        when the records cannot be written, `CaptureError`.
        """
        from skviz.data.loading import ChunkReader, Plan, batches, choose_workers
        from skviz.runs.forward import find_batch_size
        from skviz.runs.loop import run_shards
        from skviz.runs.progress import Progress
        from skviz.runs.tuning import Arithmetic

        if not self.missing:
            return self.run
        settings, options, forward = self.run.settings, self.options, self.forward
        if self.replaced is not None:
            self.replaced.settle()
            forward.ready.clear()
        scales = len(self.run.scales)
        forward.batch_size = options.batch_size or find_batch_size(forward, scales)
        # What the run was begun with, also where this process would choose otherwise.
        forward.adopt(Arithmetic.of(settings.get("arithmetic")), self.images, self.views)
        at_once = max(1, forward.batch_size // scales)
        plan = Plan(self.missing, len(self.images), settings["shard_size"], at_once)
        todo = sum(plan.size(shard) for shard in plan.shards)
        on_cpu = forward.device.type == "cpu"
        workers = options.workers
        if workers is None:
            workers = choose_workers(todo, on_cpu, self.ranks.local_world)
        reader = ChunkReader(self.images, self.views)
        with (
            Progress(todo, show=progress and self.ranks.first) as shown,
            closing(cast(Any, batches(reader, plan, workers, pin=not on_cpu))) as loaded,
        ):
            run_shards(self.run.path, loaded, forward, self.images, self.record, shown)
        clean(self.run)
        return self.run


def prepare(
    dataset: ImageSet | DataSource | str | os.PathLike[str],
    model: nn.Module,
    *,
    out: str | os.PathLike[str],
    scales: Iterable[float] = DEFAULT_SCALES,
    units: str | Iterable[str] = "all",
    attention: str | Sequence[str] | None = None,
    options: Options | None = None,
    command: str | None = None,
    change: Change | None = None,
) -> Analysis:
    """Check everything that can be checked, and begin or find the run in `out`.

    See `skviz.analyze`. `change` is what is different from a plain run, such as a control.
    """
    from skviz.allocator import keep_memory
    from skviz.capture.probe import Probe
    from skviz.data.loading import ViewMaker
    from skviz.runs.forward import Forward, check_precision, settle_arithmetic
    from skviz.runs.loop import RecordOptions, class_map, class_notes
    from skviz.runs.trained import settled

    path = check_run_folder(Path(out))
    options = options or Options()
    if options.keep_memory:
        keep_memory()
    checked = check_scales(scales)
    check_precision(options.precision)
    ranks = Ranks.from_environment()
    images = dataset if isinstance(dataset, ImageSet) else open_dataset(dataset)
    probe = Probe(model, units, attention=attention)
    state = state_digest(probe.network)
    info = settled(probe)
    # The class output of random weights predicts nothing.
    predictions = options.predictions and not info.missing
    vectors = _numbers(options.channels, probe.units)
    if change is not None:
        change = change.bind(probe, images)
    plain = ViewMaker(checked, info.spec, options.resample, options.fill)
    views = plain if change is None else change.views(plain)
    checked = views.scales
    replaced = None
    if change is not None:
        replaced = change.replacement(probe, info.spec, images, plain)
    if replaced is not None:
        probe = probe.on(replaced.network)
    forward = Forward(probe, info.spec, len(checked), options.precision, predictions)
    outputs = forward.outputs()
    compared, mapping = class_map(images.classes, outputs, info.classes)
    notes = (
        *images.notes,
        *class_notes(compared, images.classes, outputs),
        *(Note("assumed", text) for text in notes_of(probe.units)),
        *_notes(replaced),
    )
    size = options.shard_size or _shard_size(len(images))
    settings: Settings = {
        "format": FORMAT,
        "version": VERSION,
        "model": {
            "name": info.name,
            "weights": info.weights,
            "sha256": info.sha256,
            # Of the given network: another one follows from it, the change and the images.
            "state": state,
            "trained": info.trained and not (change is not None and change.untrained),
            "classes": None if info.classes is None else list(info.classes),
            "notes": list(info.notes),
        },
        "control": _change_settings(change, replaced),
        "units": [unit_to_dict(unit) for unit in probe.units],
        "scales": list(checked),
        "spec": asdict(info.spec),
        "resample": views.resample,
        "fill": views.fill,
        "dataset": {
            "kind": images.kind,
            "root": None if images.root is None else escaped(images.root.resolve().name),
            "digest": images.digest(),
            "images": len(images),
            "classes": list(images.classes),
            "labels": compared,
            "boxes": images.boxed,
        },
        "shard_size": size,
        "shards": -(-len(images) // size),
        "precision": options.precision,
        "arithmetic": None,
        "rounding": None,
        "predictions": predictions,
        "channels": [probe.units[number].name for number in vectors],
        "class_channels": options.class_channels,
        "notes": [note.to_dict() for note in notes],
        "versions": versions(),
        "command": command or shlex.join(sys.argv),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if not (path / "run.json").exists():
        work = len(images) * len(checked)
        chosen, errors = settle_arithmetic(forward, images, views, work, options)
        settings |= {"arithmetic": chosen.to_dict(), "rounding": errors and errors.to_dict()}
    resumed = start_run(path, settings)
    run = Run(path)
    record = RecordOptions(probe.units, checked, vectors, options.class_channels, mapping)
    missing = tuple(ranks.share(run.missing))
    return Analysis(
        run,
        images,
        missing,
        resumed,
        options,
        forward,
        record,
        ranks,
        views,
        replaced,
        notes,
    )


def _change_settings(change: Change | None, replaced: Replacement | None) -> Settings | None:
    if change is None:
        return None
    kept = {} if replaced is None or not replaced.kept else {"kept": list(replaced.kept)}
    return {**change.to_dict(), **kept}


def _notes(replaced: Replacement | None) -> tuple[Note, ...]:
    if replaced is None or not replaced.kept:
        return ()
    text = (
        "parameters that keep the given network's values, because nothing says how to "
        "re-initialise them"
    )
    return (Note.about("left out", text, replaced.kept),)


def _shard_size(images: int) -> int:
    """A power of two, so that there are some 256 shards: little is lost, and files stay few."""
    size = _SMALLEST_SHARD
    while size < _LARGEST_SHARD and size * _USUAL_SHARDS < images:
        size *= 2
    return size


def _numbers(names: Sequence[str], units: Sequence[Unit]) -> tuple[int, ...]:
    if not names:
        return ()
    chosen = select_units(names, units)
    return tuple(number for number, unit in enumerate(units) if unit in chosen)
