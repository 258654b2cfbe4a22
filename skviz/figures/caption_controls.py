"""Captions of what stands behind the attention: fields, interventions, controls, comparisons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skviz.figures.caption import Caption, mean_of, message, null_words
from skviz.figures.provenance import Provenance
from skviz.figures.studies.comparison import ComparedShifts
from skviz.figures.studies.control_views import ControlViews
from skviz.figures.studies.field_widths import FieldWidths
from skviz.figures.studies.fields import FieldMaps
from skviz.figures.studies.interventions import InterventionPanels
from skviz.figures.studies.verdicts import VerdictRows
from skviz.figures.style.palette import scale_labels
from skviz.figures.style.text import storable
from skviz.figures.wording import (
    MOST_LISTED,
    ends,
    extremes,
    listed,
    per_scale,
    scales_in_words,
    signed,
    upper_first,
)
from skviz.inference.verdicts import VERDICTS
from skviz.numbers import counted

_FIELD = "effective receptive field (gradient of the central output with respect to the input)"
_LARGER = VERDICTS["larger"]


def compared(display: ComparedShifts, about: Provenance) -> Caption:
    labels = [storable(label) for label in display.labels]
    start, end = scale_labels(display.scales)
    known = bool(np.isfinite(display.low).any())
    marks = ["Bars: bootstrap confidence intervals of the mean."] if known else []
    marks += ["The paper gives no intervals."] if display.published else []
    text = [
        f"{mean_of(about, 'shift of the attention difference')} from {start} to {end}, per unit:"
        f" {listed(labels)}."
    ]
    alt = [f"Marks for the shifts of {listed(labels)} in {counted(len(display.units), 'unit')}."]
    for index, unit in enumerate(display.units):
        pairs = zip(labels, display.values[:, index], strict=True)
        alt.append(f"{storable(unit)}: {', '.join(f'{name} {signed(v)}' for name, v in pairs)}.")
    same = int((np.sign(display.values) == np.sign(display.values[:1])).all(axis=0).sum())
    title = (
        f"{listed(labels)} shift the same way in {same} of {len(display.units)} units,"
        f" from {start} to {end}"
    )
    return Caption(title, tuple(text), tuple(marks), about, " ".join(alt))


def field_maps(display: FieldMaps, about: Provenance) -> Caption:
    unit, labels = storable(display.unit), [storable(label) for label in display.labels]
    what = f"{_FIELD} of {unit}"
    text = [
        f"{mean_of(about, what)}: one row per field ({listed(labels)}), one column per scale"
        f" ({scales_in_words(display.scales)}). One colour scale for all maps, in steps of the"
        " square root."
    ]
    marks = [
        "White squares: the width of the field, the side of the box of the same variance, in"
        " pixels of the input."
    ]
    alt = [f"{counted(display.widths.size, 'map')} of the effective receptive field of {unit}."]
    alt += _widths_in_words(display.widths, display.scales, labels)
    return Caption(_field_title(display), tuple(text), tuple(marks), about, " ".join(alt))


def field_widths(display: FieldWidths, about: Provenance) -> Caption:
    unit, labels = storable(display.unit), [storable(label) for label in display.labels]
    text = [
        f"{mean_of(about, f'width of the {_FIELD} of {unit}')}, per scale"
        f" ({scales_in_words(display.scales)}): {listed(labels)}."
    ]
    known = np.isfinite(display.low).any()
    marks = ["Bars: 95 % bootstrap intervals over images."] if known else []
    alt = [f"Line chart of the width of {counted(len(labels), 'field')} of {unit}."]
    alt += _widths_in_words(display.widths, display.scales, labels)
    return Caption(_field_title(display), tuple(text), tuple(marks), about, " ".join(alt))


def _field_title(display: FieldMaps | FieldWidths) -> str:
    """Return what becomes of the mixed field, or of the last one where there is none."""
    labels = display.labels
    chosen = labels.index("mixed") if "mixed" in labels else len(labels) - 1
    label, widths = storable(labels[chosen]), display.widths[:, chosen]
    quantity = f"the width of the {label} field in pixels"
    return message(storable(display.unit), quantity, widths, display.scales, digits=1)


def _widths_in_words(
    widths: NDArray[np.float64], scales: tuple[float, ...], labels: list[str]
) -> list[str]:
    return [
        f"{upper_first(label)}: width in pixels {per_scale(column, scales, 1)}."
        for label, column in zip(labels, widths.T, strict=True)
    ]


def interventions(display: InterventionPanels, about: Provenance) -> Caption:
    kinds, targets = list(map(storable, display.kinds)), list(map(storable, display.targets))
    scales, quantity = display.scales, display.quantity
    words = {"chosen": "all of these units", "all": "all units of the network"}
    groups = {key: text for key, text in words.items() if key in targets}
    together = "".join(f"; {key}: {text} together" for key, text in groups.items())
    text = [
        f"{mean_of(about, quantity)} where the attention of one unit is replaced{together}. One"
        f" panel per replacement ({listed(kinds)}), one mark per scale ({scales_in_words(scales)})."
    ]
    known = np.isfinite(display.low).any()
    marks = ["Bars: 95 % bootstrap intervals of the mean."] if known else []
    top = ends(scales)[1]
    label = scale_labels(scales)[top]
    alt = [
        f"{counted(len(kinds), 'panel')} with the {quantity}, {counted(len(targets), 'target')}."
    ]
    for kind, values in zip(kinds, display.values[:, :, top], strict=True):
        found = extremes(values)
        if found is None:
            said = "no values"
        elif len(targets) <= MOST_LISTED:
            pairs = zip(targets, values, strict=True)
            said = ", ".join(f"{name} {signed(value)}" for name, value in pairs)
        else:
            low, high = found
            said = (
                f"from {signed(values[low])} in {targets[low]}"
                f" to {signed(values[high])} in {targets[high]}"
            )
        alt.append(f"{upper_first(kind)} at {label}: {said}.")
    title = _strongest(display, kinds, targets)
    return Caption(title, tuple(text), tuple(marks), about, " ".join(alt))


def _strongest(display: InterventionPanels, kinds: list[str], targets: list[str]) -> str:
    """Return the replacement that changes most: a title."""
    size = np.abs(display.values)
    if np.isnan(size).all():
        return f"{upper_first(display.quantity)}: no values"
    kind, target, scale = np.unravel_index(int(np.nanargmax(size)), size.shape)
    words = {"chosen": "the chosen units together", "all": "all units together"}
    where = words.get(targets[target], targets[target])
    return (
        f"{upper_first(display.quantity)}: most for {kinds[kind]} in {where} at"
        f" {scale_labels(display.scales)[scale]} ({signed(display.values[kind, target, scale])})"
    )


def views(display: ControlViews, about: Provenance) -> Caption:
    image = f"the image '{storable(display.title)}'" if display.title else "one image"
    names = [storable(name) for name, _, _ in display.rows]
    data = f" of '{about.dataset}'" if about.dataset else ""
    text = [
        f"What the network sees of {image}{data}: one row per control ({listed(names)}), one"
        " column per scale, which stands above each view."
    ]
    alt = [f"{counted(len(names), 'row')} of pictures of {image}."]
    for name, (_, scales, _) in zip(names, display.rows, strict=True):
        alt.append(f"{upper_first(name)}: {scales_in_words(scales)}.")
    title = f"{upper_first(image)} in {counted(len(names), 'control')}"
    shown = f"'{storable(display.title)}'" if display.title else None
    # Pictures, no numbers: of how many images is of no concern here.
    about = replace(about, images=1, dataset=None, image=shown)
    return Caption(title, tuple(text), (), about, " ".join(alt))


def verdicts(display: VerdictRows, about: Provenance) -> Caption:
    held = sum(verdict == _LARGER for verdict in display.verdicts)
    count, to = len(display.units), scale_labels((1.0, display.scale))[1]
    text = [
        f"{mean_of(about, 'shift of the attention difference')} from 1.0x to {to}, per unit, and"
        f" what is left of it: {', '.join(display.labels)}. To the right the verdict, which"
        " needs every check at once."
    ]
    if display.null is not None:
        text.append(null_words(None))
    alt = [f"Rows of marks for {counted(count, 'unit')}."]
    rows = zip(display.units, display.values[0, :, 0], display.verdicts, strict=True)
    alt += [f"{storable(unit)}: {signed(mean)}, {verdict}." for unit, mean, verdict in rows]
    title = f"In {held} of {count} units larger objects get the larger kernel"
    marks = ["Bars: 95 % bootstrap intervals of the mean."]
    return Caption(title, tuple(text), tuple(marks), about, " ".join(alt))
