"""`skviz summary`: means, shifts and tests of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .echo import Echo, table

if TYPE_CHECKING:
    import pandas as pd

    from skviz.analysis.null import Place
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
@options.bootstrap
@options.quantity
@options.null
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
    quantity: str,
    null: tuple[Path, ...],
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Summarise a RUN: per unit and scale the attention difference, and how it shifts.

    The shift between two scales is the mean change of an image, with a bootstrap interval
    (whole classes are drawn where images have labels), paired effect sizes (d_z is the mean
    change by its deviation; rank-biserial the balance of rises and falls), Wilcoxon's
    signed-rank test with Holm's correction over units, and the share of images, classes and
    channels that rise. Page's test asks whether the difference rises over all scales. With
    --quantity expected-kernel all of this is about the expected kernel size.

    With --null it also says where each unit's shift to the largest scale lies among those of
    random networks.
    """
    from skviz.analysis.null import places_of
    from skviz.analysis.null_runs import random_runs
    from skviz.analysis.records import Run
    from skviz.reports.tables import write_tables

    echo = Echo(quiet=quiet, as_json=as_json)
    records = Run(run)
    if not records.complete:
        missing = len(records.missing)
        echo.warn(f"the run is not complete: {missing} of {records.settings['shards']} shards miss")
    found: Summary = records.summary(
        resamples=0 if no_bootstrap else resamples, confidence=confidence, seed=seed,
        quantity=quantity,
    )  # fmt: skip
    for note in records.notes:
        echo.warn(str(note))
    files = write_tables(found, csv, overwrite=overwrite) if csv is not None else []
    places = places_of(found.measurements, random_runs(null)) if null else {}
    document = found.to_dict() if as_json else {}
    if null:
        document = {**document, "null": {kind: _null_dicts(row) for kind, row in places.items()}}
    echo.document({**document, "files": [str(file) for file in files]})
    if not as_json and not quiet:
        echo.result(_text(found))
        for kind, row in places.items():
            echo.result(_null_text(kind, row, found))
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
    parts += _kernels(found)
    shifts = found.shifts
    if len(shifts):
        parts += ["", f"paired shift of {_subject(found)}{_intervals(found)}"]
        parts += ["p: Wilcoxon's test, which takes images as independent; Holm over units"]
        parts += [_shifts(shifts)]
    if len(found.scales) > 2:
        words = f"rise of {_subject(found)} over all scales (Page's test, one-sided)"
        parts += ["", words, _trends(found.trends)]
    return "\n".join(parts)


def _null_dicts(places: Sequence[Place | None]) -> list[dict[str, float | None] | None]:
    return [None if place is None else asdict(place) for place in places]


def _null_text(kind: str, places: Sequence[Place | None], found: Summary) -> str:
    """Say where each unit's shift lies among those of random networks."""
    rows = [["unit", "mean", "deviation", "95 % of more", "shift above", "p (Holm)"]]
    for unit, place in zip(found.units, places, strict=True):
        if place is None:
            rows.append([unit.name, "-", "-", "-", "-", "-"])
            continue
        ends = f"{_signed(place.low)} {_signed(place.high)}"
        p = math.nan if place.p_holm is None else place.p_holm
        above = f"{place.above} of {place.seeds}"
        rows.append([
            unit.name, _signed(place.mean), _plain(place.std), ends, above, _p(p)
        ])  # fmt: skip
    to = f"1 to {found.scales[-1]:g}"
    words = {
        "raw": f"shift from {to} in random networks",
        "matched": f"the same, of random networks that would vary as much over images at {1:g}x",
    }
    return f"\n{words[kind]}\n{table(rows)}"


def _means(found: Summary) -> str:
    rows = [["unit", *(f"{scale:g}x" for scale in found.scales)]]
    for unit, part in found.to_frame().groupby("unit", sort=False):
        cells = [
            f"{_signed(mean)} ({_plain(std)})"
            for mean, std in zip(part["mean"], part["std"], strict=True)
        ]
        rows.append([str(unit), *cells])
    return table(rows)


def _kernels(found: Summary) -> list[str]:
    """Say the expected kernel size of the units whose kernels are known, and which are not."""
    known = [unit for unit in found.units if unit.kernels_known]
    unknown = [unit.name for unit in found.units if not unit.kernels_known]
    parts = []
    if known:
        rows = [["unit", *(f"{scale:g}x" for scale in found.scales)]]
        frame = found.to_frame().set_index("unit")
        for unit in known:
            part = frame.loc[[unit.name]]
            pairs = zip(part["expected_kernel"], part["expected_kernel_std"], strict=True)
            rows.append([unit.name, *(f"{_plain(size)} ({_plain(std)})" for size, std in pairs)])
        parts = ["", "expected kernel size in pixels: mean (deviation)", table(rows)]
    if unknown:
        which = "of no unit" if not known else f"not of {', '.join(unknown)}"
        parts += ["", f"expected kernel size: {which}, for kernel sizes are not known"]
    return parts


def _subject(found: Summary) -> str:
    kernels = found.options.quantity == "expected_kernel"
    return "the expected kernel size" if kernels else "the difference"


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
