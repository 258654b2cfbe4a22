"""What a talk says in words: the question, how to read the figures, verdicts, and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from skviz.figures.attention.bars import UnitBars
from skviz.figures.provenance import Provenance
from skviz.figures.runs.depth import DepthLines
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.text import storable
from skviz.figures.wording import from_to, per_scale, upper_first
from skviz.inference.changes import NO_CLEAR_CHANGE, change_name
from skviz.inference.verdicts import VERDICTS
from skviz.numbers import counted, listed
from skviz.quantities import DIFFERENCE
from skviz.reports.document import Document
from skviz.scales import scale_labels

QUESTION = "Do larger objects get the larger kernel?"
# Facts that a cover has room for: a checksum, versions and commands stand on the last slide.
LEAD = ("Network", "Weights", "Data set", "Image", "Images", "Classes", "Scales", "Units",
        "Classified correctly")  # fmt: skip
METHOD = "Li, Wang, Hu, Yang: Selective Kernel Networks, CVPR 2019, section 4.4, figures 3 and 4"
PAPER_HEAD = {
    "3a": "The paper: one photograph in SKNet-50",
    "3c": "The paper: 50,000 photographs in SKNet-50",
}
_MOST_NAMED = 16  # units of a verdict
_MOST_LIMITS = 6

Paragraphs = list[tuple[str, str]]


def as_notes(paragraphs: Sequence[tuple[str, str]]) -> str:
    """Return paragraphs as the notes of a slide have them."""
    return "\n".join(f"{lead} {text}".strip() for lead, text in paragraphs)


def how_to_read(example: UnitBars) -> Paragraphs:
    """Return what a listener must know, with one unit as the example."""
    (unit,), scales = example.units, example.scales
    _, _, kernels = example.quantity.partition(" (")
    kernels = kernels.removesuffix(")")
    larger = scale_labels(scales)[-1]
    paragraphs = [
        (
            "Attention.",
            "A selective-kernel unit applies several kernels to its input and weights them channel"
            " by channel. The weights, its attention, sum to 1 (Li et al. 2019, eq. 5).",
        ),
    ]
    if example.quantity.startswith(DIFFERENCE.label):
        what = f" ({kernels})" if kernels else ""
        paragraphs.append((
            f"Attention difference{what}.",
            "The mean attention of the largest kernel minus that of the smallest. Above zero the"
            " larger kernel gets more.",
        ))  # fmt: skip
    if len(scales) > 1:
        paragraphs.append((
            "Scale.",
            f"At {larger} the central object is enlarged by that factor and the image cropped to"
            " its original size: the object grows, but context and fine detail are lost.",
        ))  # fmt: skip
    values = per_scale(example.values[0], scales)
    label = example.quantity.partition(" (")[0]
    paragraphs.append(
        ("Example.", f"On the right: the {label} of unit {storable(unit)}, {values}.")
    )
    return paragraphs


def paper_title(paper: UnitBars, here: UnitBars) -> str:
    """Return in how many units bars rise with the scale, there and here.

    The paper has no intervals; here a rise counts where it is clear.
    """
    there = f"In the paper {_rising(paper)} of {len(paper.units)} bars rise with the scale"
    if here.change is None or np.isnan(here.change).all():
        return f"{there}, here {_rising(here)} of {len(here.units)}"
    clear = sum(change_name(each) == "rises" for each in here.change)
    return f"{there}; here {clear} of {len(here.units)} rise clearly"


def _rising(bars: UnitBars) -> int:
    order = np.argsort(bars.scales, kind="stable")
    return int((bars.values[:, order[-1]] > bars.values[:, order[0]]).sum())


def controls_title(rows: VerdictRows) -> str:
    """Return what the controls say of a few units."""
    count = len(rows.units)
    held = [unit for unit, verdict in zip(rows.units, rows.verdicts, strict=True)
            if verdict == VERDICTS["larger"]]  # fmt: skip
    if held:
        return f"The shift survives all controls in {listed([storable(u) for u in held])}"
    return f"The shift survives all controls in none of the {counted(count, 'unit')} shown"


def verdicts(rows: VerdictRows) -> tuple[str, Paragraphs]:
    """Return the message over all units, and per verdict which units have it."""
    held = sum(verdict == VERDICTS["larger"] for verdict in rows.verdicts)
    title = f"Verdict: in {held} of {counted(len(rows.units), 'unit')} {VERDICTS['larger']}"
    needs = (
        "What a claim needs.",
        "The shift, and what remains of it without blur, without context and without both, are"
        " above zero; it exceeds that of random networks; it has one direction at every scale.",
    )
    return title, [*_grouped(rows.units, rows.verdicts), needs]


def changes(bars: UnitBars | DepthLines) -> tuple[str, Paragraphs]:
    """Return what changes clearly, and that this is no verdict."""
    assert bars.change is not None
    names = [change_name(each) or NO_CLEAR_CHANGE for each in bars.change]
    clear = sum(name != NO_CLEAR_CHANGE for name in names)
    title = f"No verdict yet: {clear} of {counted(len(names), 'unit')} change clearly"
    span = from_to(bars.scales)
    said = [f"{name} {span}" if name != NO_CLEAR_CHANGE else name for name in names]
    paragraphs = _grouped(bars.units, said)
    paragraphs.append((
        "Why no verdict.",
        "Enlarging also removes context and detail, and random networks shift too. Controls"
        " separate these effects: run skviz controls, and report on its folder.",
    ))  # fmt: skip
    return title, paragraphs


def _grouped(units: Sequence[str], verdicts: Sequence[str]) -> Paragraphs:
    paragraphs = []
    for verdict, count in Counter(verdicts).most_common():
        names = [storable(u) for u, v in zip(units, verdicts, strict=True) if v == verdict]
        shown = names[:_MOST_NAMED]
        rest = len(names) - len(shown)
        which = listed([*shown, f"{rest} more"] if rest else shown)
        lead = f"{upper_first(verdict)}: {count} of {counted(len(units), 'unit')}."
        paragraphs.append((lead, f"{which}."))
    return paragraphs


def limits(document: Document, about: Provenance | None, *, controls: bool) -> Paragraphs:
    """Return the limits of these numbers, after as many of the notes as the slide has room for."""
    found: Paragraphs = []
    if about is not None and about.single:
        lead = "One photograph." if len(document.images) == 1 else "Single photographs."
        text = "Other images may show something else: skviz analyze measures a data set."
        found.append((lead, text))
    elif about is not None:
        of = f" of {counted(about.classes, 'class', 'classes')}" if about.classes else ""
        text = "other images or weights may give other results."
        found.append(
            ("These images, this network.", f"{counted(about.images, 'image')}{of}; {text}")
        )
    known = "Without controls the three cannot be separated."
    if controls:
        known = "Controls isolate the last two; that the effects add up is an assumption."
    text = f"The object grows, context is lost, detail is lost. {known}"
    found += [
        ("Enlarging does three things.", text),
        ("Means over channels.", "Single channels may move in the other direction."),
        (
            "Attention is not an effect.",
            "It shows how kernels are weighted, not what the output depends on: skviz intervene"
            " measures that.",
        ),
    ]
    room = _MOST_LIMITS - len(found)
    return [*(("Note.", _sentence(note)) for note in document.notes[:room]), *found]


def _sentence(note: str) -> str:
    text = note.removeprefix("Note: ").rstrip(".")
    named = not text.partition(" ")[0].isalpha()  # the name of a file stays as it is
    return f"{text if named else upper_first(text)}."
