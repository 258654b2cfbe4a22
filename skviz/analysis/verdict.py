"""Where a network shows the paper's pattern, and where not: worded from the numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from skviz.analysis.evaluation import Evaluation
from skviz.analysis.published import published_difference
from skviz.scaling import scale_label

# The paper claims the pattern for these units, and that it is gone at SK_5_3.
CLAIMED = ("SK_2_3", "SK_3_4", "SK_4_6")
# A mean change counts as one when it is this many standard errors away from none.
CLEAR = 2.0


@dataclass(frozen=True)
class Finding:
    """What one unit does from 1.0x to the largest scale.

    `change` is the mean change of the attention difference over the photographs, `error` its
    standard error over class means, `images` and `classes` the shares that rise, `steady`
    whether the mean rises from every scale to the next, `untrained` the range of the mean
    change in untrained networks or None, `published` the paper's change or None, `verdict`
    one of "rises", "rises, untrained too", "no clear change", "falls".
    """

    unit: str
    scale: str
    change: float
    error: float
    images: float
    classes: float
    steady: bool
    untrained: tuple[float, float] | None
    published: float | None
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, rounded, and the sentence."""
        fields = {k: round(v, 6) if type(v) is float else v for k, v in asdict(self).items()}
        if self.untrained is not None:
            fields["untrained"] = [round(value, 6) for value in self.untrained]
        return {**fields, "sentence": self.sentence()}

    def sentence(self) -> str:
        """Say it in words."""
        text = (
            f"{self.unit}: {_VERDICTS[self.verdict]}. From 1.0x to {self.scale} the attention "
            f"difference changes by {self.change:+.4f} on average (standard error over classes "
            f"{self.error:.4f}); it rises in {self.images:.0%} of the photographs and "
            f"{self.classes:.0%} of the classes"
        )
        if self.untrained is not None:
            low, high = self.untrained
            text += f"; untrained networks change by {low:+.4f} to {high:+.4f}"
        if self.published is not None:
            text += f"; the paper's SKNet-50 by {self.published:+.4f}"
        return text + "."


_VERDICTS = {
    "rises": "attention moves to the larger kernel as the object grows",
    "rises, untrained too": "attention moves to the larger kernel as the object grows, but not "
    "more than in untrained networks, so training need not be the cause",
    "no clear change": "no clear move to either kernel as the object grows",
    "falls": "attention moves to the smaller kernel as the object grows",
}


def judge(trained: Evaluation, untrained: Sequence[Evaluation] = ()) -> list[Finding]:
    """Return a finding for every unit, from 1.0x to the largest scale.

    "rises" needs a mean change of at least two standard errors above zero, a mean that rises
    from scale to scale, and more than half of the photographs and of the classes rising.
    """
    largest = max(trained.scales)
    label = scale_label(largest)
    change = trained.change(largest)
    mean, images, classes = (
        change.mean(axis=0),
        trained.share_of_images(largest),
        trained.share_of_classes(largest),
    )
    errors = _errors(trained, change)
    order = [trained.index(scale) for scale in sorted(trained.scales) if scale >= 1.0]
    steady = np.diff(trained.mean()[order], axis=0).min(axis=0) > 0
    others = [other.change(largest).mean(axis=0) for other in untrained]
    findings = []
    for column, unit in enumerate(trained.units):
        span = [float(other[column]) for other in others]
        published = (published_difference(unit, label), published_difference(unit, "1.0x"))
        beats_chance = images[column] > 0.5 and classes[column] > 0.5
        if mean[column] < -CLEAR * errors[column]:
            verdict = "falls"
        elif mean[column] > CLEAR * errors[column] and steady[column] and beats_chance:
            verdict = "rises, untrained too" if span and mean[column] <= max(span) else "rises"
        else:
            verdict = "no clear change"
        findings.append(
            Finding(
                unit,
                label,
                float(mean[column]),
                float(errors[column]),
                float(images[column]),
                float(classes[column]),
                bool(steady[column]),
                (min(span), max(span)) if span else None,
                None if None in published else published[0] - published[1],  # type: ignore[operator]
                verdict,
            )
        )
    return findings


def _errors(trained: Evaluation, change: Any) -> Any:
    """Standard error of the mean change over class means: images of a class go together."""
    means = np.stack([change[trained.labels == n].mean(axis=0) for n in np.unique(trained.labels)])
    return means.std(axis=0, ddof=1) / np.sqrt(len(means))


def summary(findings: Sequence[Finding]) -> list[str]:
    """Return plain sentences: where the paper's pattern appears, and where it does not."""
    known = {finding.unit: finding for finding in findings}
    claimed = [known[unit] for unit in CLAIMED if unit in known]
    sentences = []
    if claimed:
        sentences.append(
            "The paper finds that attention moves to the larger kernel as the object grows, in "
            f"low and middle units ({_listed([f.unit for f in claimed])}). Here this "
            + _appears([f.unit for f in claimed if f.verdict == "rises"], len(claimed))
        )
        weak = [f.unit for f in claimed if f.verdict == "rises, untrained too"]
        if weak:
            sentences.append(f"At {_listed(weak)} it rises, but not more than without training.")
        for verdict, words in (
            ("no clear change", "there is no clear change"),
            ("falls", "attention moves the other way, to the smaller kernel"),
        ):
            names = [f.unit for f in claimed if f.verdict == verdict]
            if names:
                sentences.append(f"At {_listed(names)} {words}.")
    if "SK_5_3" in known:
        last = known["SK_5_3"]
        sentences.append(
            "The paper finds no such pattern at SK_5_3. Here, at SK_5_3: "
            f"{_VERDICTS[last.verdict]}."
        )
    for verdict, words in (("rises", "rises"), ("falls", "falls")):
        names = [f.unit for f in findings if f.verdict == verdict]
        sentences.append(f"Of all {len(findings)} units it {words} at: {_listed(names)}.")
    return sentences


def _appears(names: Sequence[str], of: int) -> str:
    if not names:
        return "does not appear in any of them."
    if len(names) == of:
        return "appears in all of them."
    return f"appears at {_listed(names)} only."


def _listed(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names) or "none"
    return f"{', '.join(names[:-1])} and {names[-1]}"
