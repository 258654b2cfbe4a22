"""The sentences of a model card, made from its numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skviz.inference.verdicts import Verdict
from skviz.numbers import counted, listed, signed
from skviz.scales import scale_label

# The paper claims the pattern for these units, and that it is gone at SK_5_3.
CLAIMED, GONE = ("SK_2_3", "SK_3_4", "SK_4_6"), "SK_5_3"
PAPER = (*CLAIMED, GONE)


def sentence(verdict: Verdict, scales: Mapping[str, Mapping[str, Any]]) -> str:
    """Say what was found of one unit; `scales` are its numbers on the card, by scale."""
    values, paper = scales[scale_label(verdict.scale)], ""
    published, first = values["published"], scales["1.0x"]["published"]
    shares = [values["images_rising"], values["classes_rising"]]
    rising = "" if None in shares else (
        f" It rises in {shares[0]:.0%} of the photographs and {shares[1]:.0%} of the classes."
    )  # fmt: skip
    if published is not None and first is not None:
        paper = f" The paper's SKNet-50 changes by {signed(published - first)}."
    return f"{verdict.unit}: {verdict.title}. {verdict.sentence}{rising}{paper}"


def summary(verdicts: Sequence[Verdict]) -> list[str]:
    """Return plain sentences: where the paper's pattern appears, and where it does not."""
    known = {verdict.unit: verdict for verdict in verdicts}
    claimed = [known[unit] for unit in CLAIMED if unit in known]
    told = []
    if claimed:
        names = [verdict.unit for verdict in claimed]
        held = [verdict.unit for verdict in claimed if verdict.outcome == "larger"]
        told.append(
            "The paper finds that attention moves to the larger kernel as the object grows, in "
            f"low and middle units ({listed(names)}). Here this {_appears(held, len(claimed))}"
        )
        told += _outcomes([verdict for verdict in claimed if verdict.outcome != "larger"])
    if GONE in known:
        told.append(
            f"The paper finds no such pattern at {GONE}. Here, at {GONE}: {known[GONE].title}."
        )
    held = [verdict.unit for verdict in verdicts if verdict.outcome == "larger"]
    told.append(
        f'"Larger objects get the larger kernel" holds at {len(held)} of '
        + counted(len(verdicts), "unit")
        + (f": {listed(held)}." if held else ".")
    )
    for sign, words in ((1, "rises"), (-1, "falls")):
        names = [verdict.unit for verdict in verdicts if verdict.sign == sign]
        told.append(f"The attention difference clearly {words} at: {listed(names) or 'none'}.")
    missing = list(dict.fromkeys(name for verdict in verdicts for name in verdict.missing))
    if missing:
        told.append(f"Not made, so that no verdict can hold: {listed(missing)}.")
    return told


def _appears(names: Sequence[str], of: int) -> str:
    if not names:
        return "does not appear in any of them."
    return "appears in all of them." if len(names) == of else f"appears at {listed(names)} only."


def _outcomes(verdicts: Sequence[Verdict]) -> list[str]:
    """Say which units share which verdict."""
    titles = dict.fromkeys(verdict.title for verdict in verdicts)
    return [
        f"At {listed([verdict.unit for verdict in verdicts if verdict.title == title])}: {title}."
        for title in titles
    ]
