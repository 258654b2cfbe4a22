"""One unit's claim: the shift, what is left of it under each control, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from skviz.analysis.null import Place

BLUR = "blur"
OBJECTS = ("object-constant", "object-blurred")
ZOOM = "zoom-out-"
# Attention is stored in float32: what is smaller than this is rounding.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class Part:
    """A mean over images with its interval; nan where there is not enough data."""

    mean: float
    low: float
    high: float

    def clear(self, sign: int) -> bool:
        """Whether the whole interval is on that side of zero (1: above, -1: below)."""
        return (self.low if sign > 0 else -self.high) > NEGLIGIBLE


@dataclass(frozen=True)
class Claim:
    """What is known of one unit, and the verdict.

    `total` is the shift T from 1.0x to `scale`; `steps` the mean change from each scale to the
    next from 1.0x on, `steady` whether all go the way of T. `shifts` has the shift of every
    control by name (for "zoom-out-*" from the smallest scale to 1.0x), `left` T minus it for
    blur, object and resampling, and "blur + object-..." where both are taken off.
    `high_resolution` is T over the images whose enlargement needs no interpolation,
    `sharp_images` their number. `raw` and `matched` are the places among random networks;
    `others` has T after part of the weights was drawn anew. `paired_p` is that of Wilcoxon's
    test alone (Holm over units) and `paired` what it would say. `missing` names the controls
    that were not made, `reasons` every check that failed (keys of `claim_words.REASONS`), `verdict`
    is a key of `claim_words.VERDICTS`.
    """

    unit: str
    scale: float
    images: int
    total: Part
    steps: tuple[float, ...]
    steady: bool
    shifts: Mapping[str, Part]
    left: Mapping[str, Part]
    high_resolution: Part | None
    sharp_images: int
    raw: Place | None
    matched: Place | None
    others: Mapping[str, Part]
    paired_p: float | None
    paired: str
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    verdict: str = "not enough data"

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
    def left_over(self) -> list[Part]:
        """What is left of T without blur, without context, and without both."""
        return [part for name, part in self.left.items() if not name.startswith("resample")]


def claim_to_dict(claim: Claim) -> dict[str, Any]:
    """Return the claim as JSON: rounded numbers, None for nan, and the words."""
    from skviz.analysis.claim_words import sentence, title

    found = _plain(asdict(claim))
    assert isinstance(found, dict)
    return {**found, "survives": _plain(claim.survives), "title": title(claim),
            "sentence": sentence(claim)}  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value
