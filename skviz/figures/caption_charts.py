"""Captions of the charts of attention: lines, bars, depth, classes, heat maps, overview."""

from __future__ import annotations

import numpy as np

from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines, branch_phrase
from skviz.figures.attention.overview import AttentionFigure
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.caption import (
    DEVIATION,
    Caption,
    mean_of,
    message,
    null_words,
)
from skviz.figures.provenance import Provenance
from skviz.figures.runs.classes import ClassCurves
from skviz.figures.runs.depth import DepthLines
from skviz.figures.runs.heatmap import ChannelHeatmap
from skviz.figures.style.palette import scale_labels
from skviz.figures.style.text import storable
from skviz.figures.wording import (
    MOST_LISTED,
    extremes,
    from_to,
    listed,
    number,
    per_scale,
    scales_in_words,
    shifts,
    signed,
    trend,
    upper_first,
)
from skviz.numbers import counted
from skviz.statistics.moments import nan_mean


def lines(display: ChannelLines, about: Provenance) -> Caption:
    means, scales, unit = display.means, display.scales, storable(display.unit)
    branch = branch_phrase(display.branch_label)
    kernels = display.quantity is not None
    quantity = "expected kernel size (pixels)" if kernels else f"attention of {branch}"
    what = f"{quantity} over the {counted(display.channels, 'channel')} of {unit}"
    points = "every channel" if display.group == 1 else f"{display.group} successive channels"
    each = (
        "one point per channel"
        if display.group == 1
        else f"each point the mean of {points}"
    )  # fmt: skip
    text = [f"{mean_of(about, what)}, {each}, one line per scale ({scales_in_words(scales)})."]
    marks = []
    if display.deviations is not None:
        marks.append(
            "Bands: one standard deviation over images to either side, averaged over the"
            " channels of a point."
        )
    direction = trend(means, scales)
    alt = [
        f"Line chart of the {what}.",
        f"Mean over channels: {per_scale(means, scales)}"
        + (f"; it {direction} with the scale." if direction else "."),
    ]
    for curve, label in zip(display.curves, scale_labels(scales), strict=True):
        if found := extremes(curve):
            low, high = found
            alt.append(
                f"At {label} the line runs from {number(curve[0])} to {number(curve[-1])},"
                f" lowest {number(curve[low])} at channel {display.x[low]},"
                f" highest {number(curve[high])} at channel {display.x[high]}."
            )
    if display.null is not None:
        text.append(null_words(scales))
    mean = "the mean expected kernel size" if kernels else f"the mean attention of {branch}"
    title = message(unit, mean, means, scales)
    return Caption(title, tuple(text), tuple(marks), about, " ".join(alt))


def bars(display: UnitBars, about: Provenance) -> Caption:
    text = [
        f"{mean_of(about, display.quantity)} per unit, one bar per scale"
        f" ({scales_in_words(display.scales)})."
    ]
    marks = [] if display.errors is None else [f"Error bars: {DEVIATION}."]
    if display.null is not None:
        text.append(null_words(scales=None))
    alt = f"Bar chart of the {display.quantity} of {counted(len(display.units), 'unit')}."
    return _of_units(display, about, text, alt, marks)


def depth(display: DepthLines, about: Provenance) -> Caption:
    text = [
        f"{mean_of(about, display.quantity)} of {counted(len(display.units), 'unit')} in the"
        f" order of execution, one line per scale ({scales_in_words(display.scales)}). Vertical"
        " lines part the stages."
    ]
    marks = [] if display.errors is None else [f"Bands: {DEVIATION}."]
    if display.null is not None:
        text.append(null_words(display.scales))
    alt = (
        f"Line chart of the {display.quantity} along the depth of the network, over"
        f" {counted(len(display.units), 'unit')}."
    )
    return _of_units(display, about, text, alt, marks)


def _of_units(
    display: UnitBars | DepthLines, about: Provenance, text: list[str], alt: str, marks: list[str]
) -> Caption:
    """Write what bars and lines over units have in common."""
    names, scales = [storable(name) for name in display.units], display.scales
    quantity = display.quantity.partition(" (")[0]
    if len(names) == 1:
        title = message(names[0], f"the {quantity}", display.values[0], scales)
    elif len(scales) == 1:
        found = extremes(display.values[:, 0])
        where = f"is largest in {names[found[1]]}" if found else "has no values"
        title = f"At {scale_labels(scales)[0]} the {quantity} {where}"
    else:
        change = shifts(display.values, scales)
        rising = int((change > 0).sum())
        title = f"The {quantity} rises in {rising} of {len(names)} units {from_to(scales)}"
    alt = " ".join([alt, *_units_in_words(display)])
    return Caption(title, tuple(text), tuple(marks), about, alt)


def _units_in_words(display: UnitBars | DepthLines) -> list[str]:
    """Say the values of every unit, or of many units what stands out."""
    names, scales, values = [storable(n) for n in display.units], display.scales, display.values
    if len(names) <= MOST_LISTED:
        lines = []
        for name, row in zip(names, values, strict=True):
            direction = trend(row, scales)
            lines.append(
                f"{name}: {per_scale(row, scales)}" + (f"; {direction}." * bool(direction))
            )
        return lines
    lines = []
    for label, column in zip(scale_labels(scales), values.T, strict=True):
        if found := extremes(column):
            low, high = found
            lines.append(
                f"At {label} values go from {number(column[low])} in {names[low]}"
                f" to {number(column[high])} in {names[high]}."
            )
    change = shifts(values, scales)
    if len(scales) > 1 and (found := extremes(change)):
        low, high = found
        lines.append(
            f"{upper_first(from_to(scales))} values rise in {int((change > 0).sum())} of"
            f" {len(names)} units, most in {names[high]} ({signed(change[high])}), least in"
            f" {names[low]} ({signed(change[low])})."
        )
    return lines


def classes(display: ClassCurves, about: Provenance) -> Caption:
    scales, total = display.scales, len(display.classes)
    quantity = display.quantity.partition(" (")[0]
    if display.smooth > 1:
        points = f"each point the mean of {display.smooth} successive classes"
    elif display.every > 1:
        points = f"every {display.every}th class"
    else:
        points = "one point per class"
    order = {"index": "index", "shift": "shift, the largest first", "name": "name"}[display.sort]
    text = [
        f"Mean {quantity} per class over {about.source}, {points}, in the order of their {order};"
        f" one panel per unit ({listed([storable(unit) for unit in display.units])}), one colour"
        f" per scale ({scales_in_words(scales)})."
    ]
    if display.null is not None:
        text.append(null_words(scales))
    alt = [
        f"{counted(len(display.units), 'panel')} with the {quantity} of"
        f" {counted(total, 'class', 'classes')}."
    ]
    counts = []
    for index, unit in enumerate(display.units):
        name, values = storable(unit), display.values[index]
        alt.append(f"{name}: mean over classes {per_scale(nan_mean(values, axis=1), scales)}.")
        if len(scales) > 1:
            change = display.shift(unit)
            change = change[~np.isnan(change)]
            rising = int((change > 0).sum())
            counts.append(f"{rising} of {len(change)} classes rise in {name}")
            most, least = display.extremes(unit, 1)
            detail = (
                f"most {storable(most[0])}, least {storable(least[0])}" if most and least else ""
            )
            alt.append(f"{counts[-1]}" + (f": {detail}." if detail else "."))
    labels = scale_labels(scales)
    if counts:
        title = f"From {labels[0]} to {labels[-1]}, {listed(counts)}"
    else:
        title = f"{upper_first(quantity)} of {counted(total, 'class', 'classes')} at {labels[0]}"
    return Caption(title, tuple(text), (), about, " ".join(alt))


def heatmap(display: ChannelHeatmap, about: Provenance) -> Caption:
    scales, unit, values = display.scales, storable(display.unit), display.values
    branch, count = branch_phrase(display.branch_label), display.values.shape[1]
    order = "their index" if display.sort == "index" else "their change, the largest first"
    quantity = display.quantity or f"attention of {branch}"
    what = f"{quantity} in {unit}, {counted(count, 'channel')} in the order of {order}"
    text = [f"{mean_of(about, what)}; one row per scale ({scales_in_words(scales)})."]
    means = nan_mean(values, axis=1)
    alt = [
        f"Heat map of the {what}. Values go from {number(np.nanmin(values))} to"
        f" {number(np.nanmax(values))}; mean over channels {per_scale(means, scales)}."
    ]
    if len(scales) == 1:
        title = message(unit, f"the {quantity}", means, scales)
        return Caption(title, tuple(text), (), about, " ".join(alt))
    labels = scale_labels(scales)
    text.append(f"The lower map shows the change from {labels[0]}.")
    change = values[-1] - values[0]
    rising = int((change > 0).sum())
    where = f"from {labels[0]} to {labels[-1]}"
    if found := extremes(change):
        low, high = found
        alt.append(
            f"{upper_first(where)} {rising} of {count} channels rise, most channel {high}"
            f" ({signed(change[high])}), least channel {low} ({signed(change[low])})."
        )
    title = f"{unit}: {rising} of {count} channels rise {where}"
    return Caption(title, tuple(text), (), about, " ".join(alt))


def thumbnails(display: Thumbnails, about: Provenance) -> Caption:
    labels = scale_labels(display.scales)
    seen = [""] * len(labels)
    if display.captions is not None:
        seen = [f" ({storable(caption)})" for caption in display.captions]
    views = listed([f"{label}{words}" for label, words in zip(labels, seen, strict=True)])
    captions = "; below each the most probable class" if display.captions is not None else ""
    text = [f"What the network sees of {about.source} at {listed(labels)}{captions}."]
    alt = [f"{counted(len(labels), 'picture')} of {about.source}, enlarged: {views}."]
    title = f"{upper_first(about.source)} at {listed(labels)}"
    return Caption(title, tuple(text), (), about, " ".join(alt))


def overview(display: AttentionFigure, about: Provenance) -> Caption:
    parts = [
        thumbnails(display.thumbnails, about),
        *(lines(chart, about) for chart in display.lines),
        bars(display.bars, about),
    ]
    names = ["Top", *["Lines"] * len(display.lines), "Bars"]
    drawn = tuple(f"{name}: {part.shown}" for name, part in zip(names, parts, strict=True))
    return Caption(parts[1].title, drawn, (), about, " ".join(part.alt for part in parts))
