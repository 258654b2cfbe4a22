"""A data set through a network whose attention is replaced: what depends on it, and how much.

First the network runs as it is (an ordinary run, in the folder `baseline`), which also gives
the data set's mean attention. Then every batch is read once, and runs for every target (a unit
alone, the chosen ones together, or all units of the network) and every kind of intervention, from
the first replaced unit on: see `passes.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.data import DataSource, ImageSet, open_dataset
from skviz.errors import UsageError
from skviz.files import output_folder
from skviz.runs.analyze import Analysis, prepare
from skviz.runs.classes import expected_outputs
from skviz.runs.options import Options
from skviz.runs.storage.shards import SHARDS
from skviz.scales import DEFAULT_SCALES, Scales
from skviz.studies.interventions.kinds import check_kinds, replaced_attention
from skviz.studies.interventions.result import (
    ALL,
    BASELINE,
    INTERVENTIONS,
    InterventionRun,
    Shard,
)
from skviz.units import select_units

if TYPE_CHECKING:
    from torch import Tensor, nn

    from skviz.data.loading import Batch
    from skviz.runs.records import Run

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
        if unmeasured:
            self.seconds["baseline"] = time.perf_counter() - start
        missing = self.run.missing
        if missing:
            start = time.perf_counter()
            self.analysis.find_batch_size()
            self._adopt(baseline)
            means = {name: moments.mean for name, moments in baseline.moments().items()}
            measurement = InterventionMeasurement(self.run, self.analysis, means)
            self.analysis.measure(measurement, self.run, missing, GROUP, progress)
            self.seconds["interventions"] = time.perf_counter() - start
        return self.run

    def _adopt(self, baseline: Run) -> None:
        """Compute as the baseline does, but for its engine: nothing can be replaced in one."""
        from skviz.runs.tuning import Arithmetic

        arithmetic = Arithmetic.of(baseline.settings.get("arithmetic"))
        analysis = self.analysis
        analysis.forward.adopt(replace(arithmetic, engine="eager"), analysis.images, analysis.views)


class InterventionMeasurement:
    """Runs every batch as it is, and then with every replacement.

    `means` are the data set's mean attention, per unit (S, M, C).
    """

    def __init__(
        self, run: InterventionRun, analysis: Analysis, means: dict[str, NDArray[np.float64]]
    ) -> None:
        self.run, self.images, self.forward = run, analysis.images, analysis.forward
        self.means, self.class_map = means, analysis.record.class_map
        self.units = {unit.name: unit for unit in analysis.run.units}
        from skviz.studies.interventions.passes import ReplacedPasses

        targets = [run.together.get(target, (target,)) for target in run.targets]
        self.passes = ReplacedPasses(self.forward, targets)
        self._begin()

    def _begin(self) -> None:
        scales, targets, kinds = map(len, (self.run.scales, self.run.targets, self.run.kinds))
        # Empty arrays first: of some shards no image can be read.
        self._columns: dict[str, list[NDArray[Any]]] = {
            "index": [np.empty(0, np.int64)],
            "truth": [np.empty((0, scales), np.int64)],
            "labelled": [np.empty(0, bool)],
            "before": [np.empty((0, scales, 3))],
            "after": [np.empty((0, scales, targets, kinds, 4))],
        }

    def finish(self) -> Shard:
        """Return what was measured since the last shard, and begin the next one."""
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        self._begin()
        index = columns.pop("index")
        return Shard(
            scales=self.run.scales,
            targets=self.run.targets,
            kinds=self.run.kinds,
            images=[self.images.shown_name(number) for number in index.tolist()],
            labels=self.images.labels[index],
            **columns,
        )

    def add(self, batch: Batch) -> None:
        """Measure the images of a batch that could be read."""
        if not len(batch.index):
            return
        run = self.run
        n, scales = len(batch.index), len(run.scales)
        views = batch.pixels.flatten(0, 1)
        passes = self.passes.of(views)
        attention, before = passes.attention, passes.output
        truth, labelled = self._truth(self.images.labels[batch.index], before)
        others = _others(batch.index, run.settings["seed"])
        plain = _outcome(before, before, truth)
        changed = np.full((len(run.targets), len(run.kinds), 4, n * scales), np.nan)
        for k, kind in enumerate(run.kinds):
            made = replaced_attention(
                kind,
                list(self.units.values()),
                attention,
                self.means,
                scales=run.scales,
                reference=run.reference,
                seed=run.settings["seed"],
                others=others,
            )
            for t, after in enumerate(passes.replaced(made)):
                if after is not None:
                    changed[t, k] = _outcome(after, before, truth)
        if "patch" in run.kinds:
            own = changed.reshape(*changed.shape[:3], n, scales)
            own[:, run.kinds.index("patch"), :, :, run.reference] = np.nan
        shape = (len(run.targets), len(run.kinds), 4, n, scales)
        found = {
            "index": batch.index,
            "truth": truth.reshape(n, scales),
            "labelled": labelled,
            "before": plain[:3].reshape(3, n, scales).transpose(1, 2, 0),
            "after": changed.reshape(shape).transpose(3, 4, 0, 1, 2),
        }
        for name, values in found.items():
            self._columns[name].append(values)

    def _truth(self, labels: NDArray[np.int32], logits: Tensor) -> tuple[Any, Any]:
        """The output of the true class, (n * S,); of the predicted one where it is not known."""
        predicted = logits.argmax(dim=1).cpu().numpy()
        expected = expected_outputs(labels, self.class_map)
        spread = np.repeat(expected, len(self.run.scales))
        return np.where(spread < 0, predicted, spread), expected >= 0


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
    **options: Any,
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
    if analysis.ranks.world > 1:
        raise UsageError(
            f"expected one process, got {analysis.ranks.world} under torchrun; interventions run "
            "in one: start them without torchrun, or split the data set with --part"
        )
    model = analysis.run.settings["model"]
    if analysis.options.predictions and not analysis.run.settings["predictions"]:
        raise UsageError(
            "expected a network whose class output is trained, got one that was loaded in part: "
            f"{'; '.join(model['notes'])}. Interventions are measured by what becomes of it"
        )
    if analysis.forward.outputs() is None:
        raise UsageError(
            "expected a network with a class output (images, classes), this one has none: "
            "interventions are measured by what becomes of it"
        )


def _others(index: NDArray[np.int64], seed: int) -> NDArray[np.int64] | None:
    """For each of the images of a group another one: the next in a random circle."""
    if len(index) < 2:
        return None
    order = np.random.default_rng((seed, int(index[0]))).permutation(len(index))
    others = np.empty_like(order)
    others[order] = np.roll(order, 1)
    return others


def _outcome(after: Tensor, before: Tensor, truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logit and probability of the true class, top-1 and divergence from `before`: (4, N)."""
    import torch

    new, old = (logits.double().cpu().log_softmax(dim=1) for logits in (after, before))
    rows, classes = torch.arange(len(new)), torch.from_numpy(truth)
    divergence = (old.exp() * (old - new)).sum(dim=1).clamp_min(0)
    logit = after.double().cpu()[rows, classes]
    right = new.argmax(dim=1) == classes
    return torch.stack((logit, new[rows, classes].exp(), right.double(), divergence)).numpy()
