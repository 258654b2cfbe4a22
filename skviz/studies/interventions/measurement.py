"""One batch under every intervention: the `Measurement` that the loop of a run is handed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skviz.runs.analyze import Analysis
from skviz.runs.classes import expected_outputs
from skviz.studies.interventions.kinds import replaced_attention
from skviz.studies.interventions.result import InterventionRun, Shard

if TYPE_CHECKING:
    from torch import Tensor

    from skviz.data.loading import Batch


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
        empty: dict[str, NDArray[Any]] = {
            "index": np.empty(0, np.int64),
            "truth": np.empty((0, scales), np.int64),
            "labelled": np.empty(0, bool),
            "before": np.empty((0, scales, 3)),
            "after": np.empty((0, scales, targets, kinds, 4)),
        }
        self._parts = [empty]

    def finish(self) -> Shard:
        """Return what was measured since the last shard, and begin the next one."""
        parts = self._parts
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
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
        # The predicted class stands for the true one where that is not known.
        expected = expected_outputs(self.images.labels[batch.index], self.class_map)
        spread = np.repeat(expected, scales)
        truth = np.where(spread < 0, before.argmax(dim=1).cpu().numpy(), spread)
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
        part = {
            "index": batch.index,
            "truth": truth.reshape(n, scales),
            "labelled": expected >= 0,
            "before": plain[:3].reshape(3, n, scales).transpose(1, 2, 0),
            "after": changed.reshape(shape).transpose(3, 4, 0, 1, 2),
        }
        self._parts.append(part)


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
