"""One unit's verdict: the shift, what is left of it under each control, and the words for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from skviz import numbers
from skviz.inference.null import Place
from skviz.numbers import percent, signed
from skviz.scales import scale_label

BLUR = "blur"
OBJECTS = ("object-constant", "object-blurred")
ZOOM = "zoom-out-"
# Attention is stored in float32: what is smaller than this is rounding.
NEGLIGIBLE = 1e-6
# Why a shift is not yet evidence, as it stands behind "rises, " or "falls, ".
REASONS = {
    "random": "but not more than random networks do",
    "matched": "but not more than random networks that vary as much",
    "blur": "but is consistent with blur alone",
    "context": "but is consistent with lost context alone",
    "both": "but is consistent with blur and lost context together",
    "steps": "but not from every scale to the next",
    "missing": "but not every control was made",
}
VERDICTS = {
    "larger": "larger objects get the larger kernel",
    "smaller": "larger objects get the smaller kernel",
    "no clear change": "no clear change",
    "not enough data": "not enough data",
    **{f"{verb}, {key}": f"{verb}, {text}" for verb in ("rises", "falls")
       for key, text in REASONS.items()},
}  # fmt: skip
CONTROLS = {
    BLUR: "blur alone",
    "object-constant": "lost context alone (blank surround)",
    "object-blurred": "lost context alone (blurred surround)",
    "masked": "size alone (blank surround)",
}


@dataclass(frozen=True)
class Estimate:
    """A mean over images with its interval; nan where there is not enough data."""

    mean: float
    low: float
    high: float

    def clear(self, sign: int) -> bool:
        """Whether the whole interval is on that side of zero (1: above, -1: below)."""
        return (self.low if sign > 0 else -self.high) > NEGLIGIBLE


@dataclass(frozen=True)
class Verdict:
    """What is known of one unit, and what may be said of it.

    `total` is the shift T from 1.0x to `scale`; `steps` the mean change from each scale to the
    next from 1.0x on, `steady` whether all go the way of T. `shifts` has the shift of every
    control by name (for zoom-out from the smallest scale to 1.0x), `left` T minus it for
    blur, object and resampling, and "blur + object-..." where both are taken off.
    `high_resolution` is T over the images whose enlargement needs no interpolation,
    `sharp_images` their number. `raw` and `matched` are the places among random networks;
    `others` has T after part of the weights was drawn anew. `paired_p` is that of Wilcoxon's
    test alone (Holm over units) and `paired` what it would say. `missing` names the controls
    that were not made, `reasons` every check that failed (keys of `REASONS`), `outcome` is a key
    of `VERDICTS`.
    """

    unit: str
    scale: float
    images: int
    total: Estimate
    steps: tuple[float, ...]
    steady: bool
    shifts: Mapping[str, Estimate]
    left: Mapping[str, Estimate]
    high_resolution: Estimate | None
    sharp_images: int
    raw: Place | None
    matched: Place | None
    others: Mapping[str, Estimate]
    paired_p: float | None
    paired: str
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    outcome: str = "not enough data"

    @property
    def sign(self) -> int:
        """1 where the shift is clearly above zero, -1 where clearly below, 0 where neither."""
        return 1 if self.total.clear(1) else -1 if self.total.clear(-1) else 0

    def share(self, control: str) -> float | None:
        """Return a control's shift by the total one; None where the total is not clear."""
        part = self.shifts.get(control)
        return part.mean / self.total.mean if part is not None and self.sign else None

    @property
    def survives(self) -> float | None:
        """The share of T that is left without blur and lost context, whichever leaves least."""
        parts = [part.mean / self.total.mean for part in self.left_over] if self.sign else []
        return min(parts) if parts else None

    @property
    def left_over(self) -> list[Estimate]:
        """What is left of T without blur, without context, and without both."""
        return [part for name, part in self.left.items() if not name.startswith("resample")]

    @property
    def places(self) -> list[Place]:
        """Where T lies among random networks, raw and matched, as far as it is known."""
        return [spot for spot in (self.raw, self.matched) if spot is not None]

    @property
    def null_p(self) -> float | None:
        """The larger of both corrected p-values that T is one of random networks'; None without."""
        return max((spot.p_holm for spot in self.places if spot.p_holm is not None), default=None)

    @property
    def title(self) -> str:
        """The outcome in words."""
        return VERDICTS[self.outcome]

    @property
    def sentence(self) -> str:
        """What was found, with the numbers."""
        return " ".join(filter(None, (_total(self), _controls(self), _null(self), _rest(self))))

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON: rounded numbers, None for nan, and the words."""
        found = _plain(asdict(self))
        assert isinstance(found, dict)
        return {**found, "verdict": found.pop("outcome"), "survives": _plain(self.survives),
                "title": self.title, "sentence": self.sentence}  # fmt: skip


def interval(part: Estimate) -> str:
    """Return a mean with its interval: "+0.0123 (+0.0100 to +0.0150)"."""
    return numbers.estimate(part.mean, part.low, part.high)


def p_value(p: float | None) -> str:
    """Return a p-value of a verdict, which is told to four decimals."""
    return numbers.p_value(p, least=1e-4)


def _total(verdict: Verdict) -> str:
    text = (
        f"From 1.0x to {scale_label(verdict.scale)} the attention difference changes by"
        f" {interval(verdict.total)} over {verdict.images} images"
    )
    if len(verdict.steps) > 1 and verdict.sign:
        text += ", " if verdict.steady else ", but not "
        text += "in the same direction at every scale"
    return text + "."


def _controls(verdict: Verdict) -> str:
    """Say what each control gives, and what is left without it."""
    parts = []
    for name, words in CONTROLS.items():
        # From end to end the masked run shows the same views as T - O with a blank surround.
        if name not in verdict.shifts or (name == "masked" and OBJECTS[0] in verdict.left):
            continue
        text = f"{words} gives {interval(verdict.shifts[name])}"
        share = verdict.share(name)
        if share is not None:
            text += f", {percent(share, 0)} of it"
        if name in verdict.left:
            text += f", leaving {interval(verdict.left[name])}"
        parts.append(text)
    for name in OBJECTS:
        both = verdict.left.get(f"{BLUR} + {name}")
        if both is not None and len(parts) > 1 and verdict.sign:
            ground = "blank" if name == OBJECTS[0] else "blurred"
            parts.append(f"without blur and context ({ground}), {interval(both)} remains")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _null(verdict: Verdict) -> str:
    if verdict.raw is None:
        return ""
    text = f"{verdict.raw.seeds} random networks give {_place(verdict.raw)}"
    if verdict.matched is not None:
        text += (
            f"; scaled to this network's variation over images, they give {_place(verdict.matched)}"
        )
    return text + "."


def _place(place: Place) -> str:
    return (
        f"{signed(place.mean)} on average (95 % from {signed(place.low)} to {signed(place.high)};"
        f" the shift exceeds {place.above} of {place.seeds}, p {p_value(place.p_holm)}, Holm over"
        " units)"
    )


def _rest(verdict: Verdict) -> str:
    parts = []
    if verdict.high_resolution is not None:
        parts.append(
            f"The {verdict.sharp_images} images whose enlargement needs no interpolation give"
            f" {interval(verdict.high_resolution)}."
        )
    if verdict.missing:
        parts.append(f"Not made: {', '.join(verdict.missing)}.")
    return " ".join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value
