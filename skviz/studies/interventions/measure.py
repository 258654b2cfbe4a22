"""A data set through a network whose attention is replaced: what depends on it, and how much.

First the network runs as it is (an ordinary run, in the folder `baseline`), which also gives
the data set's mean attention. Then every batch is read once, and runs for every target (a unit
alone, the chosen ones together, or all units of the network) and every kind of intervention, from
the first replaced unit on: see `passes.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from skviz.data import DataSource, ImageSet, open_dataset
from skviz.errors import UsageError
from skviz.files import output_folder
from skviz.runs.analyze import Analysis, prepare
from skviz.runs.options import OptionFields, Options
from skviz.runs.storage.shards import SHARDS
from skviz.scales import DEFAULT_SCALES, Scales
from skviz.studies.interventions.kinds import check_kinds
from skviz.studies.interventions.measurement import InterventionMeasurement
from skviz.studies.interventions.result import ALL, BASELINE, INTERVENTIONS, InterventionRun
from skviz.units import select_units

if TYPE_CHECKING:
    from torch import nn

    from skviz.runs.records import Run
    from skviz.runs.storage.shards import ShardedRecords

# Seconds until another look at the shards that other processes have claimed.
WAIT = 2.0
# Images that are read together, and exchange their attention for the kind "images".
GROUP = 16


@dataclass(frozen=True)
class Interventions:
    """Interventions that are ready to go on: their folder exists and fits.

    `seconds` is what this call took for the baseline and for the interventions.
    """

    run: InterventionRun
    analysis: Analysis
    resumed: bool
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def passes(self) -> int:
        """How often the network runs on every view, the unchanged passes included."""
        return 2 + len(self.run.targets) * len(self.run.kinds)

    def __call__(self, progress: bool = True) -> InterventionRun:
        """Do what is missing; returns the run.

        Raises `Interrupted` (a KeyboardInterrupt) at the next batch after Ctrl-C, `OutputError`
        when the records cannot be written, `CaptureError`.
        """
        start, unmeasured = time.perf_counter(), self.analysis.missing
        baseline = self.analysis(progress)
        if not baseline.complete:
            # Its mean attention is of all images: other processes are at work on the rest.
            self._until_complete(baseline, self._baseline_of)
        if unmeasured:
            self.seconds["baseline"] = time.perf_counter() - start
        if self.run.missing:
            start = time.perf_counter()
            self._replace(baseline, progress)
            self.seconds["interventions"] = time.perf_counter() - start
        return self.run

    def _baseline_of(self, missing: Sequence[int]) -> None:
        replace(self.analysis, missing=tuple(missing))(progress=False)

    def _replace(self, baseline: Run, progress: bool) -> None:
        from skviz.runs.loop import Job, measure
        from skviz.runs.tuning import Arithmetic

        analysis = self.analysis
        analysis.find_batch_size()
        # As the baseline does, but for its engine: nothing can be replaced in one.
        arithmetic = replace(Arithmetic.of(baseline.settings.get("arithmetic")), engine="eager")
        analysis.forward.adopt(arithmetic, analysis.images, analysis.views)
        means = {name: moments.mean for name, moments in baseline.moments().items()}
        measurement = InterventionMeasurement(self.run, analysis, means)

        def replaced(missing: Sequence[int], progress: bool = False) -> None:
            shards = analysis.ranks.order(missing)
            measure(analysis, [Job(measurement, self.run, shards)], GROUP, progress)

        replaced(self.run.missing, progress)
        if analysis.ranks.first:  # The one that speaks for all.
            self._until_complete(self.run, replaced)

    def _until_complete(
        self, records: ShardedRecords, measure: Callable[[Sequence[int]], None]
    ) -> None:
        """Wait for the shards of other processes, and take those of processes that died."""
        while missing := records.missing:
            time.sleep(WAIT)
            measure(missing)


def prepare_interventions(
    dataset: ImageSet | DataSource | str | os.PathLike[str],
    model: nn.Module,
    *,
    out: str | os.PathLike[str],
    scales: Iterable[float] = DEFAULT_SCALES,
    units: str | Iterable[str] = ALL,
    kinds: str | Sequence[str] = ALL,
    attention: str | Sequence[str] | None = None,
    seed: int = 0,
    options: Options | None = None,
) -> Interventions:
    """Check everything that can be checked, and begin or find the interventions in `out`.

    See `intervene_dataset`.
    """
    from skviz.capture.probe import Probe

    wanted = check_kinds([kinds] if isinstance(kinds, str) else list(kinds))
    checked = Scales(scales)
    path = Path(out)
    INTERVENTIONS.check(path)
    kept = path / BASELINE
    images = dataset if isinstance(dataset, ImageSet) else open_dataset(dataset, kept)
    # Images beside each other in a data set are often of one class; so "images" exchanges
    # attention within random groups.
    images = images.select(np.random.default_rng(seed).permutation(len(images)))
    reference = int(np.argmin([abs(np.log(scale)) for scale in checked]))
    if "patch" in wanted and len(checked) < 2:
        if kinds not in (ALL, [ALL], (ALL,)):
            raise UsageError(
                "expected two scales or more to patch the attention of one into another, got "
                f"{checked[0]:g} only"
            )
        wanted = tuple(kind for kind in wanted if kind != "patch")
    # Of all units whatever is chosen: that the chosen ones hardly matter does not say that the
    # attention hardly matters, so all of them are always replaced together as well.
    every = Probe(model, attention=attention).units
    settings: dict[str, Any] = {
        "format": INTERVENTIONS.format,
        "version": INTERVENTIONS.version,
        "kinds": list(wanted),
        "units": [unit.name for unit in select_units(units, every)],
        "reference": checked[reference],
        "seed": seed,
        "group": GROUP,
    }
    analysis = prepare(
        images,
        model,
        out=path / BASELINE,
        scales=checked,
        attention=attention,
        options=replace(options or Options(), channels=(), class_channels=False),
    )
    _check(analysis)
    resumed = INTERVENTIONS.begin(path, settings)
    output_folder(path / SHARDS)
    return Interventions(InterventionRun(path), analysis, resumed)


def intervene_dataset(
    dataset: ImageSet | DataSource | str | os.PathLike[str],
    model: nn.Module,
    *,
    out: str | os.PathLike[str],
    scales: Iterable[float] = DEFAULT_SCALES,
    units: str | Iterable[str] = ALL,
    kinds: str | Sequence[str] = ALL,
    seed: int = 0,
    progress: bool = True,
    **options: Unpack[OptionFields],
) -> InterventionRun:
    """Replace the attention of units on a data set, and measure what becomes of the output.

    Every unit of `units` is taken alone, all of these together ("chosen"), and, whatever
    `units` says, all units of the network together ("all"). What replaces the attention is made
    from what the unchanged network does with the same views. Measured are the true class's logit
    and probability (of the predicted class where there is no label), top-1, and the divergence of
    the output. Calling it again with the same `out` goes on.

    Parameters
    ----------
    dataset
        A folder of images, a manifest, "torchvision:NAME", a `DataSource` or an `ImageSet`.
    model
        The network, left as it was.
    out
        The folder of the records.
    scales
        Sizes of the central object.
    units
        Names or patterns of the units to replace.
    kinds
        What replaces: "branches", "uniform", "mean", "channels", "images", "patch", or "all".
    seed
        That of shuffles.
    progress
        Whether to show on stderr how far it is.
    **options
        Fields of `skviz.runs.options.Options`.

    Returns
    -------
    InterventionRun
        The finished records.

    Raises
    ------
    UsageError
        For unknown names, a network without class output, and a folder of other settings; and
        what `skviz.analyze` raises.

    Examples
    --------
    >>> found = skviz.intervene_dataset(
    ...     "images", skviz.load_model(), out="interventions", scales=(1,), units="3_4",
    ...     kinds="uniform", progress=False,
    ... )
    >>> found.kinds
    ('uniform',)
    """
    return prepare_interventions(
        dataset,
        model,
        out=out,
        scales=scales,
        units=units,
        kinds=kinds,
        seed=seed,
        options=Options(**options),
    )(progress)


def _check(analysis: Analysis) -> None:
    model = analysis.run.settings["model"]
    if analysis.options.predictions and not analysis.run.settings["predictions"]:
        raise UsageError(
            "expected a network whose class output is trained, got one that was loaded in part: "
            f"{'; '.join(model['notes'])}. Interventions are measured by their effect on it"
        )
    if analysis.forward.outputs() is None:
        raise UsageError(
            "expected a network with a class output (images, classes), this one has none: "
            "interventions are measured by their effect on it"
        )
