"""A data set through a network at several scales, into a folder of records."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.data import DataSource, ImageSet, open_dataset
from skviz.names import escaped
from skviz.notes import Note
from skviz.runs.options import Options
from skviz.runs.ranks import Ranks
from skviz.runs.records import RUN, Run
from skviz.runs.storage.folder import Settings
from skviz.runs.storage.settings import run_settings, state_digest, versions
from skviz.scales import DEFAULT_SCALES, Scales
from skviz.units import notes_of, select_units

if TYPE_CHECKING:
    from torch import nn

    from skviz.capture.probe import Probe
    from skviz.data.loading import ViewMaker
    from skviz.runs.attention import RecordOptions
    from skviz.runs.engines.family import Family
    from skviz.runs.forward import Forward
    from skviz.runs.loop import Job

_SMALLEST_SHARD, _LARGEST_SHARD, _USUAL_SHARDS = 32, 1024, 256


@dataclass(frozen=True)
class Changed:
    """What is different from a plain run: how views are made, or which network runs.

    `settings` are what `run.json` says of it, None of a plain run. `network` runs in place of
    the given one, if any; `kept` names the parameters that it has from the given one, because
    nothing can re-initialise them, `untrained` says whether it has nothing left of its training,
    and `settle` does what is left to do before it first runs.
    """

    settings: Settings | None
    views: ViewMaker
    network: nn.Module | None = None
    kept: tuple[str, ...] = ()
    untrained: bool = False
    settle: Callable[[], None] = lambda: None


# Makes what is different, for a network, a data set, and what makes the views of a plain run.
Change = Callable[["Probe", ImageSet, "ViewMaker"], Changed]


@dataclass(frozen=True)
class Analysis:
    """An analysis that is ready to go on: its folder exists and fits, the network was tried.

    `missing` are the shards that this process has still to do, `resumed` says whether the run
    was begun before. `views` makes what the network sees, `settle` does what is left to do
    before it runs. `notes` say what was left out of the data set, and what was assumed.
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
    notes: tuple[Note, ...] = ()
    settle: Callable[[], None] = field(default=lambda: None, repr=False)

    def __call__(self, progress: bool = True) -> Run:
        """Do what is missing; returns the run.

        Raises `Interrupted` (a KeyboardInterrupt) at the next batch after Ctrl-C, `OutputError`
        when the records cannot be written, `CaptureError`.
        """
        measure_together([self], progress)
        return self.run

    def job(self) -> Job:
        """Make the network ready; returns what it has to measure."""
        from skviz.runs.attention import AttentionMeasurement
        from skviz.runs.loop import Job
        from skviz.runs.tuning import Arithmetic

        self.settle()
        self.find_batch_size()
        # What the run was begun with, also where this process would choose otherwise.
        arithmetic = Arithmetic.of(self.run.settings.get("arithmetic"))
        self.forward.adopt(arithmetic, self.images, self.views)
        measurement = AttentionMeasurement(self.images, self.forward, self.record)
        return Job(measurement, self.run, self.missing)

    def find_batch_size(self) -> None:
        """Settle how many views the network gets at once."""
        from skviz.runs.forward import find_batch_size

        scales = len(self.run.scales)
        self.forward.batch_size = self.options.batch_size or find_batch_size(self.forward, scales)


def measure_together(analyses: Sequence[Analysis], progress: bool = True) -> None:
    """Do what is missing of analyses of the same views, in one pass over the data.

    They are of one data set, with the same options and views, of networks that may differ.
    Raises what `Analysis` does.
    """
    from skviz.runs.loop import measure

    unfinished = [analysis for analysis in analyses if analysis.missing]
    if not unfinished:
        return
    jobs = [analysis.job() for analysis in unfinished]
    first = unfinished[0]
    views = min(analysis.forward.batch_size for analysis in unfinished)
    measure(first, jobs, max(1, views // len(first.run.scales)), progress)
    for analysis in unfinished:
        if analysis.run.complete:
            RUN.clean(analysis.run.path)


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
    family: Family | None = None,
) -> Analysis:
    """Check everything that can be checked, and begin or find the run in `out`.

    See `skviz.analyze`. `change` is what is different from a plain run, such as a control;
    `family` is shared by the runs that are made after one another for the same network.
    """
    from skviz.capture.probe import Probe
    from skviz.capture.trained import settled
    from skviz.data.loading import ViewMaker
    from skviz.hardware.allocator import keep_memory
    from skviz.runs.attention import RecordOptions
    from skviz.runs.classes import class_map, class_notes
    from skviz.runs.engines.family import Family
    from skviz.runs.engines.settle import settle_arithmetic
    from skviz.runs.forward import Forward, check_precision

    path = RUN.check(Path(out))
    options = options or Options()
    if options.keep_memory:
        keep_memory()
    checked = Scales(scales)
    check_precision(options.precision)
    ranks = Ranks.from_environment()
    images = dataset if isinstance(dataset, ImageSet) else open_dataset(dataset, path)
    probe = Probe(model, units, attention=attention)
    state = state_digest(probe.network)
    info = settled(probe)
    # The class output of random weights predicts nothing.
    predictions = options.predictions and not info.missing
    chosen = select_units(options.channels, probe.units) if options.channels else ()
    vectors = tuple(number for number, unit in enumerate(probe.units) if unit in chosen)
    plain = ViewMaker(checked, info.spec, options.resample, options.fill)
    changed = change(probe, images, plain) if change else Changed(None, plain)
    views = changed.views
    if changed.network is not None:
        probe = probe.on(changed.network)
    work = len(images) * len(views.scales)
    forward = Forward(
        probe, info.spec, len(views.scales), options.precision, predictions, family or Family(work)
    )
    if changed.network is None:
        forward.ready = forward.family.ready
    outputs = forward.outputs()
    compared, mapping = class_map(images.classes, outputs, info.classes)
    notes = [
        *images.notes,
        *class_notes(compared, images.classes, outputs),
        *(Note("assumed", text) for text in notes_of(probe.units)),
    ]
    if changed.kept:
        text = (
            "parameters that keep the given network's values, because nothing says how to "
            "re-initialise them"
        )
        notes.append(Note.about("left out", text, changed.kept))
    size = options.shard_size or _shard_size(len(images))
    trained = info.trained and not changed.untrained
    settings: Settings = run_settings(
        probe.units,
        replace(info, trained=trained),
        state,
        views,
        {
            "kind": images.kind,
            "root": None if images.root is None else escaped(images.root.resolve().name),
            "digest": images.digest(),
            "images": len(images),
            "classes": list(images.classes),
            "labels": compared,
            "boxes": images.boxed,
        },
        predictions=predictions,
        control=changed.settings,
        shard_size=size,
        shards=-(-len(images) // size),
        precision=options.precision,
        channels=[probe.units[number].name for number in vectors],
        class_channels=options.class_channels,
        notes=[note.to_dict() for note in notes],
        versions=versions(),
        command=command or shlex.join(sys.argv),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    settle = functools.cache(changed.settle)
    if not (path / RUN.file).exists():
        settle()  # An engine freezes the weights as they are.
        arithmetic, errors = settle_arithmetic(forward, images, views, options)
        settings |= {"arithmetic": arithmetic.to_dict(), "rounding": errors and errors.to_dict()}
    resumed = RUN.begin(path, settings)
    if images.index is not None:
        images.index(path)
    run = Run(path)
    return Analysis(
        run=run,
        images=images,
        missing=tuple(ranks.order(run.missing)),
        resumed=resumed,
        options=options,
        forward=forward,
        record=RecordOptions(probe.units, views.scales, vectors, options.class_channels, mapping),
        ranks=ranks,
        views=views,
        notes=tuple(notes),
        settle=settle,
    )


def _shard_size(images: int) -> int:
    """A power of two, so that there are some 256 shards: little is lost, and files stay few."""
    size = _SMALLEST_SHARD
    while size < _LARGEST_SHARD and size * _USUAL_SHARDS < images:
        size *= 2
    return size
