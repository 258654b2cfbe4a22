"""`skviz summary`: means, shifts and tests of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skviz.numbers import Writer, number, signed
from skviz.reports.tables import Column, Table
from skviz.scales import scale_label

from .. import options
from ..echo import Echo
from ..exit_codes import Failure
from ._verdicts import conclude

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.null import Place
    from skviz.inference.summary import Summary


@click.command()
@click.argument("run", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--csv",
    "csv",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write the tables as CSV: units, shifts, trends, classes, channels.",
)
@click.option(
    "--verdicts",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="For DIR of `skviz controls`: write the page of verdicts there; it may be DIR itself.",
)
@click.option(
    "--about",
    is_flag=True,
    help="Instead say what PATH is and how it was made: network, weights, data, command.",
)
@click.option(
    "--check",
    is_flag=True,
    help="The same, and compare every file of a run with its checksum: all of it is read.",
)
@options.bootstrap
@options.quantity
@options.null
@options.style
@options.overwrite
@options.as_json
@options.quiet
def summary(
    run: Path,
    csv: Path | None,
    verdicts: Path | None,
    about: bool,
    check: bool,
    no_bootstrap: bool,
    resamples: int,
    confidence: float,
    seed: int,
    quantity: str,
    null: tuple[Path, ...],
    style: str,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Summarise the run at PATH: per unit and scale the attention difference, and how it shifts.

    The shift between two scales is the mean change of an image, with a bootstrap interval
    (whole classes are drawn where images have labels), paired effect sizes (d_z is the mean
    change by its deviation; rank-biserial the balance of rises and falls), Wilcoxon's
    signed-rank test with Holm's correction over units, and the share of images, classes and
    channels that rise. Page's test asks whether the difference rises over all scales. With
    --quantity expected-kernel all of this is about the expected kernel size.

    PATH may be the DIR of `skviz controls`: then it is the plain run in it, and of each unit it is
    said what its shift is consistent with. Controls that were not made are named, and a verdict
    that needs them is not given.

    PATH may also be any other file or folder of skviz: a figure (PNG, PDF, SVG), a JSON document,
    a folder of interventions. Then its caption, command and versions are printed, as stored in
    it. With --check, exit code 1 means that a file is missing or was changed.

    With --null it also says where each unit's shift to the largest scale lies among those of
    random networks.
    """
    from skviz.figures.style.sheets import style_names
    from skviz.inference.null import places_of
    from skviz.inference.summary import summarise
    from skviz.reports.tables import write_tables
    from skviz.runs.records import Run
    from skviz.studies.controls.evidence import random_runs
    from skviz.studies.controls.suite import ControlSuite, is_suite
    from skviz.studies.interventions.result import INTERVENTIONS

    echo = Echo(quiet=quiet, as_json=as_json)
    style_names(style)
    if about or check or run.is_file() or (run / INTERVENTIONS.file).is_file():
        _describe(run, check, echo)
        return
    suite = ControlSuite(run) if verdicts is not None or is_suite(run) else None
    records = suite.plain if suite else Run(run)
    if not records.complete:
        missing = f"{len(records.missing)} of {records.settings['shards']} shards are missing"
        echo.warn(f"the run is not complete: {missing}")
    found: Summary = summarise(
        records, resamples=0 if no_bootstrap else resamples, confidence=confidence, seed=seed,
        quantity=quantity,
    )  # fmt: skip
    echo.notes(records.notes)
    files = write_tables(found, csv, overwrite=overwrite) if csv is not None else []
    places = places_of(found.measurements, random_runs(null)) if null else {}
    document = found.to_dict() if as_json else {}
    if null:
        document = {**document, "null": {kind: _null_dicts(row) for kind, row in places.items()}}
    if not as_json and not quiet:
        echo.result(*_parts(found))
        for kind, row in places.items():
            echo.result(*_null_parts(kind, row, found))
    if suite is not None:
        found_verdicts = conclude(suite, verdicts, style, overwrite, echo)
        document = {**document, "verdicts": found_verdicts}
        files = [*files, *map(Path, found_verdicts["files"])]
    echo.document({**document, "files": [str(file) for file in files]})
    for file in files:
        echo.result(f"written: {file}")


def _describe(path: Path, check: bool, echo: Echo) -> None:
    """Say what a file or folder of skviz is, how it was made, and what was changed since."""
    from skviz.reports.info import Description, check_files, describe, in_words

    faults = check_files(path) if check else []
    # What a damaged run says of itself is not to be had.
    found = Description(path, "damaged run") if faults else describe(path)
    echo.document({**found.to_dict(), **({"faults": faults} if check else {})})
    echo.result(f"{found.path}: {found.kind}")
    for name, value in found.facts.items():
        if value is not None:
            echo.result(f"  {name}: {in_words(value)}")
    if check and not faults:
        echo.result("  files: all are as they were written")
    if faults:
        raise Failure("\n  ".join([f"of the files of '{path}':", *faults]))


def _parts(found: Summary) -> list[str | Table]:
    about = found.measurements.about
    images = len(found.measurements.difference)
    classes = len(found.class_table.labels)
    parts: list[str | Table] = [
        f"{about['run']}: {about['model']['name']}, weights: {about['model']['weights']}",
        f"{images} images, {classes} classes, {about['unreadable']} unreadable",
    ]
    correct = [value for value in found.accuracy if value is not None]
    if correct:
        shares = ", ".join(
            f"{scale_label(scale)} {100 * value:.2f} %"
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
    return parts


def _null_dicts(places: Sequence[Place | None]) -> list[dict[str, float | None] | None]:
    return [None if place is None else asdict(place) for place in places]


def _null_parts(kind: str, places: Sequence[Place | None], found: Summary) -> list[str | Table]:
    """Say where each unit's shift lies among those of random networks."""
    columns = (
        Column("unit"),
        Column("mean", "signed"),
        Column("deviation", "plain"),
        Column("95 % of more", "interval"),
        Column("shift above", right=True),
        Column("p (Holm)", "p"),
    )
    rows: list[list[Any]] = []
    for unit, place in zip(found.units, places, strict=True):
        if place is None:
            rows.append([unit.name, None, None, (None, None), None, None])
            continue
        above = f"{place.above} of {place.seeds}"
        ends = (place.low, place.high)
        rows.append([unit.name, place.mean, place.std, ends, above, place.p_holm])
    to = f"1 to {found.scales[-1]:g}"
    words = {
        "raw": f"shift from {to} in random networks",
        "matched": "the same, of random networks that would vary as much over images at 1.0x",
    }
    return ["", words[kind], Table(columns, rows)]


def _means(found: Summary) -> Table:
    pairs = {
        str(unit): list(zip(part["mean"], part["std"], strict=True))
        for unit, part in found.to_frame().groupby("unit", sort=False)
    }
    return _per_scale(found, pairs, lambda pair: f"{signed(pair[0])} ({number(pair[1])})")


def _per_scale(found: Summary, pairs: dict[str, list[Any]], write: Writer) -> Table:
    columns = (Column("unit"), *(Column(scale_label(scale), write) for scale in found.scales))
    return Table(columns, [[unit, *values] for unit, values in pairs.items()])


def _kernels(found: Summary) -> list[str | Table]:
    """Say the expected kernel size of the units whose kernels are known, and which are not."""
    known = [unit for unit in found.units if unit.kernels_known]
    unknown = [unit.name for unit in found.units if not unit.kernels_known]
    parts: list[str | Table] = []
    if known:
        pairs = {}
        frame = found.to_frame().set_index("unit")
        for unit in known:
            part = frame.loc[[unit.name]]
            columns = part["expected_kernel"], part["expected_kernel_std"]
            pairs[unit.name] = list(zip(*columns, strict=True))
        table = _per_scale(found, pairs, lambda pair: f"{number(pair[0])} ({number(pair[1])})")
        parts = ["", "expected kernel size in pixels: mean (deviation)", table]
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


def _shifts(shifts: pd.DataFrame) -> Table:
    shares = ("images", "classes", "channels")
    columns = (
        Column("unit"),
        Column("scales", right=True),
        Column("shift", "signed"),
        Column("interval", "interval"),
        Column("d_z", "effect"),
        Column("rank-bis.", "effect"),
        Column("p (Holm)", "p"),
        *(Column(share, "share") for share in shares),
        Column("", right=True),
    )
    rows = []
    for row in shifts.to_dict(orient="records"):
        scales = f"{row['from_scale']:g} to {row['to_scale']:g}"
        found = [row[key] for key in ("dz", "rank_biserial", "p_holm", *shares, "note")]
        rows.append([row["unit"], scales, row["shift"], (row["low"], row["high"]), *found])
    return Table(columns, rows)


def _trends(trends: pd.DataFrame) -> Table:
    columns = (
        Column("unit"),
        Column("images", "count"),
        Column("correlation", partial(signed, digits=3)),
        Column("p (Holm)", "p"),
        Column("", right=True),
    )
    frame = trends[["unit", "n", "correlation", "p_holm", "note"]]
    return Table(columns, list(frame.itertuples(index=False, name=None)))
