"""The words of a claim: a fixed set of verdicts, and one sentence with the numbers."""

from __future__ import annotations

import math

from skviz.analysis.claim import BLUR, OBJECTS, Claim, Part
from skviz.analysis.null import Place
from skviz.scaling import scale_label

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
    "masked": "size alone, on a blank ground,",
}


def title(claim: Claim) -> str:
    """Return the verdict in words."""
    return VERDICTS[claim.verdict]


def sentence(claim: Claim) -> str:
    """Say what was found, with the numbers."""
    return " ".join(filter(None, (_total(claim), _controls(claim), _null(claim), _rest(claim))))


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with its sign and a true minus; "-" for none."""
    if value is None or math.isnan(value):
        return "-"
    rounded = round(value, digits) + 0.0  # no negative zero
    return f"{rounded:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def interval(part: Part) -> str:
    """Return a mean with its interval: "+0.0123 (+0.0100 to +0.0150)"."""
    if math.isnan(part.low):
        return number(part.mean)
    return f"{number(part.mean)} ({number(part.low)} to {number(part.high)})"


def percent(share: float | None) -> str:
    """Return a share as "24 %", with a true minus and no negative zero; "-" for none."""
    if share is None or math.isnan(share):
        return "-"
    return f"{round(100 * share) + 0:d} %".replace("-", "\N{MINUS SIGN}")


def p_value(p: float | None) -> str:
    """Return a p-value in a few characters."""
    if p is None or math.isnan(p):
        return "-"
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def _total(claim: Claim) -> str:
    text = (
        f"From 1.0x to {scale_label(claim.scale)} the attention difference changes by"
        f" {interval(claim.total)} over {claim.images} images"
    )
    if len(claim.steps) > 1 and claim.sign:
        text += ", going the same way at every scale" if claim.steady else ", not at every scale"
    return text + "."


def _controls(claim: Claim) -> str:
    """Say what each control gives, and what is left without it."""
    parts = []
    for name, words in CONTROLS.items():
        # From end to end the masked run shows the same views as T - O with a blank surround.
        if name not in claim.shifts or (name == "masked" and OBJECTS[0] in claim.left):
            continue
        text = f"{words} gives {interval(claim.shifts[name])}"
        share = claim.share(name)
        if share is not None:
            text += f", {percent(share)} of it"
        if name in claim.left:
            text += f", which leaves {interval(claim.left[name])}"
        parts.append(text)
    for name in OBJECTS:
        both = claim.left.get(f"{BLUR} + {name}")
        if both is not None and len(parts) > 1 and claim.sign:
            ground = "blank" if name == OBJECTS[0] else "blurred"
            parts.append(f"taking off blur and context ({ground}) leaves {interval(both)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _null(claim: Claim) -> str:
    if claim.raw is None:
        return ""
    text = f"{claim.raw.seeds} random networks give {_place(claim.raw)}"
    if claim.matched is not None:
        text += f"; as much as this one varies over images, they would give {_place(claim.matched)}"
    return text + "."


def _place(place: Place) -> str:
    return (
        f"{number(place.mean)} on average (95 % from {number(place.low)} to {number(place.high)};"
        f" the shift exceeds {place.above} of {place.seeds}, p {p_value(place.p_holm)} over units)"
    )


def _rest(claim: Claim) -> str:
    parts = []
    if claim.high_resolution is not None:
        parts.append(
            f"The {claim.sharp_images} images whose enlargement needs no interpolation give"
            f" {interval(claim.high_resolution)}."
        )
    if claim.missing:
        parts.append(f"Not made: {', '.join(claim.missing)}.")
    return " ".join(parts)
