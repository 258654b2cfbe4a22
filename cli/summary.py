"""`skviz summary`: means, shifts and tests of a run."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .echo import Echo, table

if TYPE_CHECKING:
    import pandas as pd

    from skviz.analysis.summary import Summary


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--csv",
    "csv",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write the tables as CSV: units, shifts, trends, classes, channels.",
)
@click.option("--no-bootstrap", is_flag=True, help="Leave the confidence intervals out.")
@click.option(
    "--resamples",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Bootstrap resamples.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Confidence of the intervals.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the draws."
)
@options.overwrite
@options.as_json
@options.quiet
def summary(
    run: Path,
    csv: Path | None,
    no_bootstrap: bool,
    resamples: int,
    confidence: float,
    seed: int,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Summarise a RUN: per unit and scale the attention difference, and how it shifts.

    The shift between two scales is the mean change of an image, with a bootstrap interval
    (whole classes are drawn where images have labels), paired effect sizes (d_z is the mean
    change by its deviation; rank-biserial the balance of rises and falls), Wilcoxon's
    signed-rank test with Holm's correction over units, and the share of images, classes and
    channels that rise. Page's test asks whether the difference rises over all scales.
    """
    from skviz.analysis.records import Run
    from skviz.reports.tables import write_tables

    echo = Echo(quiet=quiet, as_json=as_json)
    records = Run(run)
    if not records.complete:
        missing = len(records.missing)
        echo.warn(f"the run is not complete: {missing} of {records.settings['shards']} shards miss")
    found: Summary = records.summary(
        resamples=0 if no_bootstrap else resamples, confidence=confidence, seed=seed
    )
    files = write_tables(found, csv, overwrite=overwrite) if csv is not None else []
    document = found.to_dict() if as_json else {}
    echo.document({**document, "files": [str(file) for file in files]})
    if not as_json and not quiet:
        echo.result(_text(found))
    for file in files:
        echo.result(f"written: {file}")


def _text(found: Summary) -> str:
    about = found.measurements.about
    images = len(found.measurements.difference)
    classes = len(found.class_table.labels)
    parts = [
        f"{about['run']}: {about['model']['name']}, weights: {about['model']['weights']}",
        f"{images} images, {classes} classes, {about['unreadable']} unreadable",
    ]
    correct = [value for value in found.accuracy if value is not None]
    if correct:
        shares = ", ".join(
            f"{scale:g}x {100 * value:.2f} %"
            for scale, value in zip(found.scales, found.accuracy, strict=True)
            if value is not None
        )
        parts.append(f"correct: {shares}")
    parts += ["", "attention difference, largest minus smallest kernel: mean (deviation)"]
    parts.append(_means(found))
    shifts = found.shifts
    if len(shifts):
        parts += ["", f"paired shift of the difference{_intervals(found)}"]
        parts += ["p: Wilcoxon's test, which takes images as independent; Holm over units"]
        parts += [_shifts(shifts)]
    if len(found.scales) > 2:
        parts += ["", "rise over all scales (Page's test, one-sided)", _trends(found.trends)]
    return "\n".join(parts)


def _means(found: Summary) -> str:
    rows = [["unit", *(f"{scale:g}x" for scale in found.scales)]]
    for unit, part in found.to_frame().groupby("unit", sort=False):
        cells = [
            f"{_signed(mean)} ({_plain(std)})"
            for mean, std in zip(part["mean"], part["std"], strict=True)
        ]
        rows.append([str(unit), *cells])
    return table(rows)


def _intervals(found: Summary) -> str:
    intervals = found.intervals
    if intervals is None:
        return ""
    chosen = found.options
    return (
        f", with {100 * chosen.confidence:g} % intervals ({chosen.resamples} bootstrap resamples"
        f" of {intervals.clusters} {intervals.by}{'es' if intervals.by == 'class' else 's'},"
        f" seed {chosen.seed})"
    )


def _shifts(shifts: pd.DataFrame) -> str:
    head = ["unit", "scales", "shift", "interval", "d_z", "rank-bis.", "p (Holm)"]
    rows = [[*head, "images", "classes", "channels", ""]]
    for row in shifts.to_dict(orient="records"):
        low, high = row["low"], row["high"]
        interval = "" if math.isnan(low) else f"{_signed(low)} {_signed(high)}"
        rows.append([
            row["unit"], f"{row['from_scale']:g} to {row['to_scale']:g}", _signed(row["shift"]),
            interval, _signed(row["dz"], 2), _signed(row["rank_biserial"], 2), _p(row["p_holm"]),
            _share(row["images"]), _share(row["classes"]), _share(row["channels"]), row["note"],
        ])  # fmt: skip
    return table(rows)


def _trends(trends: pd.DataFrame) -> str:
    rows = [["unit", "images", "correlation", "p (Holm)", ""]]
    for row in trends.to_dict(orient="records"):
        cells = [f"{row['n']}", _signed(row["correlation"], 3), _p(row["p_holm"]), row["note"]]
        rows.append([row["unit"], *cells])
    return table(rows)


def _signed(value: float, digits: int = 4) -> str:
    return "-" if math.isnan(value) else f"{value:+.{digits}f}"


def _plain(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _p(value: float) -> str:
    if math.isnan(value):
        return "-"
    return "<1e-300" if value == 0 else f"{value:.2g}"


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"
