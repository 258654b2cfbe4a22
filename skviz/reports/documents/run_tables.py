"""The tables of a run's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skviz.figures.provenance import Provenance
from skviz.numbers import count
from skviz.reports.document import TablePart, table_part
from skviz.scales import scale_label
from skviz.units import paper_units

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.summary import Summary

_QUANTITY = "attention difference (largest \N{MINUS SIGN} smallest kernel, mean over channels)"
# What a reader calls the columns of the tables of units, and how their values are written.
_HEADS = {
    "n": "images", "std": "deviation", "expected_kernel": "kernel size",
    "expected_kernel_std": "its deviation", "from_scale": "from", "to_scale": "to", "dz": "d_z",
    "rank_biserial": "rank-biserial", "p_holm": "p (Holm)", "images": "images rise",
    "classes": "classes rise", "channels": "channels rise", "statistic": "Page's L",
}  # fmt: skip
_FORMATS = {
    "scale": "scale", "from_scale": "scale", "to_scale": "scale", "n": "count", "mean": "signed",
    "std": "plain", "expected_kernel": "wide", "expected_kernel_std": "wide", "shift": "signed",
    "low": "signed", "high": "signed", "dz": "effect", "rank_biserial": "effect", "p_holm": "p",
    "images": "share", "classes": "share", "channels": "share", "statistic": "count",
    "correlation": "effect", "correct": "share",
}  # fmt: skip


def tables_of(summary: Summary, about: Provenance) -> list[TablePart]:
    """Return the tables that the run has data for, the most telling ones first."""
    tables = [_units(summary, about)]
    if len(summary.scales) > 1:
        tables.append(_shifts(summary, about))
    if len(summary.scales) > 2:
        tables.append(_trends(summary, about))
    if any(share is not None for share in summary.accuracy):
        tables.append(_accuracy(summary, about))
    if len(summary.class_table.labels):
        tables.append(_classes(summary, about))
    return tables


def _units(summary: Summary, about: Provenance) -> TablePart:
    frame = summary.to_frame()
    text = f"Mean and standard deviation over {about.source} of the {_QUANTITY}"
    if frame["expected_kernel"].isna().all():
        frame = frame.drop(columns=["expected_kernel", "expected_kernel_std"])
    else:
        text += ", and the same of the expected kernel size in pixels"
    return _of_units("units", "Means of every unit", text, frame, about)


def _shifts(summary: Summary, about: Provenance) -> TablePart:
    frame = summary.shifts.drop(columns=["std", "p"])
    text = f"Mean paired change of the {_QUANTITY} between two scales, over {about.source}"
    intervals = summary.intervals
    if intervals is None:
        frame = frame.drop(columns=["low", "high"])
    else:
        chosen = summary.options
        drawn = "classes" if intervals.by == "class" else f"{intervals.by}s"
        text += (
            f"; low and high: {100 * chosen.confidence:g} % bootstrap interval"
            f" ({count(chosen.resamples)} resamples of {count(intervals.clusters)} {drawn})"
        )
    text += (
        "; d_z: mean change divided by its standard deviation; rank-biserial: balance of rises and"
        " falls; p: Wilcoxon's signed-rank test, Holm's correction over units; last columns: shares"
        " of images, classes and channels that rise"
    )
    return _of_units("shifts", "Shifts between scales", text, frame, about)


def _trends(summary: Summary, about: Provenance) -> TablePart:
    text = (
        f"Whether the {_QUANTITY} rises over all scales: Page's test, one-sided, over"
        f" {about.source}; correlation: Spearman's correlation with the scale, mean over images; p"
        " after Holm's correction over units, near 1 where it falls"
    )
    frame = summary.trends.drop(columns="p")
    return _of_units("trends", "Trend over all scales", text, frame, about)


def _accuracy(summary: Summary, about: Provenance) -> TablePart:
    import pandas as pd

    frame = pd.DataFrame({"scale": summary.scales, "correct": summary.accuracy})
    text = f"Top-1 accuracy on {about.source}, where they have labels"
    return _of_units("accuracy", "Accuracy at every scale", text, frame, about)


def _classes(summary: Summary, about: Provenance) -> TablePart:
    import pandas as pd

    table, names = summary.class_table, summary.measurements.class_names
    first, last = summary.scales[0], summary.scales[-1]
    columns: dict[str, object] = {"label": table.labels}
    if names is not None:
        columns["name"] = [names[label] for label in table.labels]
    columns["images"] = table.counts.max(axis=(0, 1))
    heads, formats = {"label": "index", "name": "class"}, {"label": "text", "images": "count"}
    for unit in paper_units(summary.units):
        means = table.means[summary.units.index(unit)]
        column = f"{unit.name} {scale_label(first)}"
        columns[column], formats[column] = means[0], "signed"
        if last != first:
            column = f"{unit.name} change"
            columns[column], formats[column] = means[-1] - means[0], "signed"
    text = f"Mean per class of the {_QUANTITY}, over {about.source}, at {scale_label(first)}"
    if last != first:
        text += f", and its change to {scale_label(last)}"
    frame, text = pd.DataFrame(columns), f"{text}."
    return table_part("classes", "Every class", text, frame, about, heads=heads, formats=formats)


def _of_units(
    name: str, title: str, text: str, frame: pd.DataFrame, about: Provenance
) -> TablePart:
    """Return the part of a table in the words of this file; notes only where there are any."""
    if "note" in frame and not frame["note"].astype(bool).any():
        frame = frame.drop(columns="note")
    return table_part(name, title, f"{text}.", frame, about, heads=_HEADS, formats=_FORMATS)
