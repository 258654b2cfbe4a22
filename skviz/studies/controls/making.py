"""Making a suite: which controls, in which order, each an ordinary run of its own."""

from __future__ import annotations

import fnmatch
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.capture.probe import Probe
from skviz.data import DataSource, ImageSet, open_dataset
from skviz.data.kept import KeptViews
from skviz.data.loading import ViewMaker
from skviz.errors import ScaleError, UsageError, did_you_mean
from skviz.files import output_folder, write_json
from skviz.models import model_info
from skviz.runs.analyze import Analysis, measure_together, prepare
from skviz.runs.engines.family import Family
from skviz.runs.options import Options
from skviz.runs.ranks import Ranks
from skviz.runs.records import RUN
from skviz.scales import DEFAULT_SCALES, Scales
from skviz.studies.controls.change import change_of
from skviz.studies.controls.control import Control
from skviz.studies.controls.networks import Calibration
from skviz.studies.controls.suite import PLAIN, SUITE, ControlSuite, Entry, read_entries
from skviz.units import Unit

if TYPE_CHECKING:
    from torch import nn

DEFAULT_SEEDS, QUICK_SEEDS = 10, 3
# What decides most, for a first look.
QUICK = (PLAIN, "blur", "object-constant", "masked", "random-*")
# The first two of these that are not the plain run's own filter.
_FILTERS = ("bilinear", "lanczos", "bicubic")
# Bytes of the random networks that run together: each is there as it is, folded, and compiled.
_NETWORKS, _COPIES = 2 * 2**30, 3

Report = Callable[[ControlSuite, str, int, int], object]


def list_controls(
    units: Sequence[Unit],
    *,
    seeds: int = DEFAULT_SEEDS,
    cascade: bool = False,
    boxes: bool = False,
    zoom_out: bool = True,
    resample: str = "bicubic",
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
) -> list[Control | None]:
    """Return the controls of a suite in their order, None for the plain run, which is first.

    `units` are the network's, in the order of execution; with `cascade` there are two controls
    for each. `only` and `skip` are names or patterns such as "random-*". Raises `UsageError`
    for one that no control has.
    """
    if seeds < 0:
        raise UsageError(f"expected 0 or more random networks, got {seeds}")
    filters = [name for name in _FILTERS if name != resample][:2]
    found: list[Control] = [
        Control("blur"),
        Control("object", "constant"),
        Control("object", "blurred"),
        Control("masked", "centre"),
        *([Control("masked", "box")] if boxes else []),
        *([Control("zoom-out", fill) for fill in ("mean", "reflect")] if zoom_out else []),
        *(Control("resample", name) for name in filters),
        *(Control("random", seed=seed) for seed in range(seeds)),
    ]
    if cascade:
        found += [Control("cascade", unit.name) for unit in reversed(units)]
        found += [Control("unit", unit.name) for unit in units]
    return [None, *_chosen(found, list(only), list(skip))]


def controls(
    dataset: ImageSet | DataSource | str | os.PathLike[str],
    model: nn.Module,
    *,
    out: str | os.PathLike[str],
    scales: Iterable[float] = DEFAULT_SCALES,
    units: str | Iterable[str] = "all",
    attention: str | Sequence[str] | None = None,
    options: Options | None = None,
    seeds: int = DEFAULT_SEEDS,
    cascade: bool = False,
    only: Iterable[str] = (),
    skip: Iterable[str] = (),
    progress: bool = True,
    report: Report = lambda suite, name, number, total: None,
    before: Callable[[Analysis], object] = lambda analysis: None,
) -> ControlSuite:
    """Make the plain run and its controls in a folder, or go on with them.

    Finished runs are kept, an unfinished one is resumed, and other `seeds`, `only` or `cascade`
    add runs to a finished suite.

    Parameters
    ----------
    dataset
        A folder of images, a manifest, "torchvision:NAME", a `DataSource` or an `ImageSet`.
    model
        The network, left as it was.
    out
        The folder of the suite.
    scales
        Sizes of the central object; 1.0 and a larger one.
    units
        Names or patterns of the units to record.
    attention
        As for `Probe`, where the attention is not found by itself.
    options
        How the runs are made: `skviz.runs.options.Options`.
    seeds
        Number of random networks.
    cascade
        Whether units are made random too, from the top down and one by one.
    only, skip
        Names or patterns of controls, such as ``"random-*"``.
    progress
        Whether to show on stderr how far it is.
    report
        Called behind every run with the suite, the run's name, its number from 1 and their count.
    before
        Called with every run before it starts.

    Returns
    -------
    ControlSuite
        The suite; `verdicts` says what may be concluded.

    Raises
    ------
    ScaleError
        Unless the scales have 1.0 and a larger one.
    UsageError
        For settings other than those the suite was begun with.
    OutputError
        Where the folder is something else or cannot be written; and what `analyze` raises.

    Examples
    --------
    >>> suite = skviz.controls(
    ...     "images", skviz.load_model(), out="suite", scales=(1, 2), units="3_4",
    ...     only=["blur"], progress=False,
    ... )
    >>> suite.names
    ('plain', 'blur')
    """
    checked = Scales(scales)
    if 1.0 not in checked or max(checked) <= 1.0:
        raise ScaleError(
            "expected the scales 1.0 and a larger one: a control's shift is the difference of "
            f"both; got {', '.join(f'{scale:g}' for scale in checked)}"
        )
    if Ranks.from_environment().world > 1:
        raise UsageError("expected one process for a suite of controls; start it without torchrun")
    path, options = SUITE.check(Path(out)), options or Options()
    images = dataset if isinstance(dataset, ImageSet) else open_dataset(dataset, path / PLAIN)
    entries = read_entries(path) if (path / SUITE.file).exists() else {}
    # Before anything is written: names that are wrong must leave nothing behind.
    wanted = list_controls(
        Probe(model, units, attention=attention).units,
        seeds=seeds,
        cascade=cascade,
        boxes=images.boxed > 0,
        zoom_out=min(checked) >= 1,
        resample=options.resample,
        only=only,
        skip=skip,
    )
    at_one = ViewMaker((1.0,), model_info(model).spec, options.resample, options.fill)
    calibration = Calibration(images, at_one)
    output_folder(path)
    # The plain run and the random networks see the same views.
    plain = replace(at_one, scales=checked)
    alike = sum(control is None or control.on_network for control in wanted)
    kept = KeptViews(plain, path) if alike > 1 else None
    images = replace(images, kept=kept)
    named = {PLAIN if control is None else control.name: control for control in wanted}
    for name, control in named.items():
        entries.setdefault(name, Entry(name, control))
    new = [control for name, control in named.items() if not RUN.is_one(path / name)]
    # What the new runs share: the given network, and others of its graph.
    random = sum(control is not None and control.on_network for control in new)
    views = len(new) * len(images) * len(checked)
    family = Family(views, random + (random < len(new)))
    number = 0
    for group in _groups(named, model):
        _write(path, entries)
        started = time.perf_counter()
        analyses = {
            name: prepare(
                images,
                model,
                out=path / name,
                scales=checked,
                units=units,
                attention=attention,
                options=options,
                change=change_of(named[name], calibration),
                family=family,
            )
            for name in group
        }
        for analysis in analyses.values():
            before(analysis)
        already = {name: set(analysis.run.done) for name, analysis in analyses.items()}
        try:
            measure_together(list(analyses.values()), progress)
        finally:
            # Also when it is interrupted: what was measured until then took this time.
            measured = {name: set(one.run.done) - already[name] for name, one in analyses.items()}
            seconds = (time.perf_counter() - started) / max(1, sum(map(bool, measured.values())))
            for name, shards in measured.items():
                if shards:
                    entries[name] = _timed(entries[name], analyses[name], shards, seconds)
            _write(path, entries)
        for name in group:
            number += 1
            report(ControlSuite(path), name, number, len(named))
    if kept is not None:
        kept.close()
    return ControlSuite(path)


def _groups(named: Mapping[str, Control | None], model: nn.Module) -> Iterator[list[str]]:
    """Yield the names of runs that are made in one pass over the data.

    The views of controls differ; networks of controls see the same views, as many at a time as
    memory allows.
    """
    weights = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    most = max(1, _NETWORKS // max(1, _COPIES * weights))
    group: list[str] = []
    for name, control in named.items():
        alone = control is None or not control.on_network
        if group and (alone or len(group) == most):
            yield group
            group = []
        group.append(name)
        if alone:
            yield group
            group = []
    if group:
        yield group


def _chosen(listed: list[Control], only: list[str], skip: list[str]) -> list[Control]:
    names = [PLAIN, *(control.name for control in listed)]
    for pattern in (*only, *skip):
        if not fnmatch.filter(names, pattern):
            raise UsageError(
                f"expected names of controls, or patterns such as random-*, out of "
                f"{', '.join(names)}; got '{pattern}'.{did_you_mean(pattern, names)}"
            )

    def matches(control: Control, patterns: list[str]) -> bool:
        return any(fnmatch.fnmatchcase(control.name, pattern) for pattern in patterns)

    # The plain run is not in the list: every control is measured against it.
    return [c for c in listed if (not only or matches(c, only)) and not matches(c, skip)]


def _timed(entry: Entry, analysis: Analysis, shards: Iterable[int], seconds: float) -> Entry:
    size, total = analysis.run.shard_size, len(analysis.images)
    measured = sum(min(size, total - shard * size) for shard in shards)
    return replace(entry, seconds=entry.seconds + seconds, measured=entry.measured + measured)


def _write(path: Path, entries: dict[str, Entry]) -> None:
    document = {
        "format": SUITE.format,
        "version": SUITE.version,
        "command": shlex.join(sys.argv),
        "runs": [entry.to_dict(entries[PLAIN]) for entry in entries.values()],
    }
    write_json(path / SUITE.file, document, overwrite=True)
