"""`skviz compare`: two runs on the same images, or a run against the paper's values."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skviz.errors import UsageError
from skviz.frames import records
from skviz.numbers import interval, known, number, percent
from skviz.reports.tables import Column, Table
from skviz.scales import scale_label

from .. import options
from ..drawing import save_display
from ..echo import Echo

if TYPE_CHECKING:
    import pandas as pd

    from skviz.inference.compare import Comparison
    from skviz.inference.paper import PaperComparison


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("other", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--paper", is_flag=True, help="Compare with figures 3 (c) and 4 of the paper.")
@click.option(
    "--pair",
    "pairs",
    metavar="A=B",
    multiple=True,
    help="Pair of units to compare: 3_4=2_2. May be repeated.  [default: those of one name]",
)
@options.path_option("--csv", "FILE", "Also write the table of all levels and shifts.")
@options.path_option(
    "--figure",
    "FILE",
    "Also draw the shifts per unit; the suffix sets the format: .png, .pdf or .svg.",
)
@options.style
@options.bootstrap
@options.overwrite
@options.echo
def compare(
    run: Path,
    other: Path | None,
    paper: bool,
    pairs: tuple[str, ...],
    csv: Path | None,
    figure: Path | None,
    style: str,
    bootstrap: dict[str, Any],
    overwrite: bool,
    echo: Echo,
) -> None:
    """Compare two runs on the same images, or one RUN with the paper's values.

    Images are paired by name, units by name or as --pair says. Differences are the second run
    minus the first, of the attention difference at each scale and of its shift between scales,
    with bootstrap intervals over classes, the paired effect size d_z, Wilcoxon's signed-rank
    test with Holm's correction over units, and the rank correlation between the networks over
    images. With --paper: signs and order of the published shifts, and the share of classes
    that rise.
    """
    from skviz.files import check_output, write_text
    from skviz.frames import csv_text
    from skviz.inference.compare import compare as compare_runs
    from skviz.inference.paper import compare_with_paper

    if paper == (other is not None):
        raise UsageError(
            "expected two runs, or one run and --paper, got "
            + ("both a second run and --paper" if paper else "one run")
        )
    if paper and pairs:
        raise UsageError("expected --pair with two runs, got it with --paper; leave it out")
    for file in (csv, figure):
        if file is not None:
            check_output(file, overwrite)
    found: Comparison | PaperComparison
    if other is None:
        found = compare_with_paper(run, **bootstrap)
        _warn_of_run(echo, found)
        parts = _paper_parts(found)
    else:
        found = compare_runs(run, other, pairs=_pairs(pairs), **bootstrap)
        for note in found.common.notes:
            echo.warn(note)
        parts = _parts(found)
    files = []
    if figure is not None:
        files += _draw(found, figure, style, overwrite)
    if csv is not None:
        write_text(csv, csv_text(found.to_frame()), overwrite=overwrite)
        files.append(csv)
    document = found.to_dict() if echo.as_json else {}
    echo.document({**document, "files": [str(file) for file in files]})
    echo.result(*parts)
    echo.written(files)
    if figure is None:
        compared = ["--paper"] if other is None else [other]
        echo.next(["compare", run, *compared, "--figure", "compared.pdf"])


def _pairs(words: tuple[str, ...]) -> list[tuple[str, str]] | None:
    pairs = []
    for word in words:
        first, _, second = word.partition("=")
        if not first.strip() or not second.strip():
            raise UsageError(f"expected --pair as A=B, such as 3_4=2_2, got '{word}'")
        pairs.append((first.strip(), second.strip()))
    return pairs or None


def _draw(
    found: Comparison | PaperComparison, file: Path, style: str, overwrite: bool
) -> list[Path]:
    from skviz.figures.provenance import Provenance
    from skviz.figures.studies.comparison import ComparedShifts
    from skviz.inference.compare import Comparison

    if isinstance(found, Comparison):
        display = ComparedShifts.from_comparison(found)
    else:
        display = ComparedShifts.from_paper(found)
    return save_display(display, Provenance.of_comparison(found), style, [file], overwrite)


def _warn_of_run(echo: Echo, found: PaperComparison) -> None:
    about = found.summary.measurements.about
    if not about["complete"]:
        echo.warn("the run is not complete")
    if about["model"]["trained"] is False:
        echo.warn("the network is untrained")
    for note in found.notes:
        echo.warn(note)


def _parts(found: Comparison) -> list[str | Table]:
    from skviz.inference.compare import described

    common = found.common
    parts: list[str | Table] = [
        f"a: {described(common.about_a)}",
        f"b: {described(common.about_b)}",
    ]
    parts.append(f"{common.images} images; scales {', '.join(f'{s:g}' for s in found.scales)}")
    for side, values in found.accuracy.items():
        shares = [
            f"{scale_label(scale)} {percent(value, 2)}"
            for scale, value in zip(found.scales, values, strict=False)
            if value is not None
        ]
        if shares:
            parts.append(f"{side} correct: {', '.join(shares)}")
    for side, names in (("a", common.only_a), ("b", common.only_b)):
        if names:
            parts.append(f"units that only {side} has: {', '.join(names)}")
    parts += ["", "attention difference, mean over images; b - a with interval", _levels(found)]
    if len(found.shifts):
        parts += ["", f"paired shift between scales; b - a with interval{_intervals(found)}"]
        parts += ["p: Wilcoxon's test, which assumes independent images; Holm over units"]
        parts += [_shifts(found.shifts)]
    return parts


def _levels(found: Comparison) -> Table:
    columns = (
        *_COMPARED,
        Column("corr.", "effect"),
        Column("kernel a", _pixels),
        Column("b", _pixels),
        Column("", right=True),
    )
    rows = [
        [
            _unit(row), scale_label(row['to_scale']), *_compared(row), row["correlation"],
            row["kernel_a"], row["kernel_b"], row["note"],
        ]
        for row in records(found.levels)
    ]  # fmt: skip
    return Table((Column("unit"), Column("scale", right=True), *columns), rows)


def _shifts(frame: pd.DataFrame) -> Table:
    columns = (*_COMPARED, Column("p (Holm)", "p"), Column("corr.", "effect"))
    rows = [
        [_unit(row), _scales(row), *_compared(row), row["p_holm"], row["correlation"], row["note"]]
        for row in records(frame)
    ]
    words = (Column("unit"), Column("scales", right=True))
    return Table((*words, *columns, Column("", right=True)), rows)


def _paper_parts(found: PaperComparison) -> list[str | Table]:
    from skviz.inference.compare import described

    images = len(found.summary.values)
    parts: list[str | Table] = [
        described(found.summary.measurements.about),
        f"{images} images, against SKNet-50 on ImageNet's validation set (the paper's figure 3 c)",
    ]
    if found.missing:
        parts.append(f"units that only the paper has: {', '.join(found.missing)}")
    columns = (
        Column("unit"),
        Column("scales", right=True),
        Column("here", "signed"),
        Column("interval", "interval"),
        Column("paper", "signed"),
        Column("sign", right=True),
    )
    rows = []
    for row in records(found.steps):
        sign = "same" if row["same_sign"] else "other"
        if row["low"] is not None and not row["clear"]:
            sign += ", unclear"
        ends = (row["low"], row["high"])
        rows.append([row["unit"], _scales(row), row["here"], ends, row["paper"], sign])
    parts += ["", "shift of the attention difference", Table(columns, rows)]
    heads = ["scale", "order here", "in the paper", "pairs alike"]
    rows = [
        [scale_label(r["scale"]), r["here"], r["paper"], f"{r['same']} of {r['pairs']}"]
        for r in records(found.order)
    ]
    parts += ["", "order of the units by attention difference", Table.of(heads, rows)]
    if len(found.classes):
        heads = ["unit", "here", "share", "interval", "paper", "share", "interval"]
        rows = []
        for row in records(found.classes):
            rows.append([
                row["unit"], f"{row['rising']} of {row['classes']}",
                *_shares(row["share"], row["low"], row["high"]),
                f"{row['paper_rising']} of {row['paper_points']}",
                *_shares(row["paper_share"], row["paper_low"], row["paper_high"]),
            ])  # fmt: skip
        words = "classes that rise from 1.0x to 1.5x (figure 4; exact binomial intervals)"
        parts += ["", words, Table.of(heads, rows)]
    return [*parts, "", *found.sentences()]


def _intervals(found: Comparison) -> str:
    if found.drawn is None:
        return ""
    plural = "classes" if found.drawn == "class" else "images"
    return (
        f" ({100 * found.confidence:g} %, {found.resamples} bootstrap resamples of {plural}, seed"
        f" {found.seed})"
    )


def _unit(row: dict[str, Any]) -> str:
    return row["unit"] if row["unit"] == row["unit_b"] else f"{row['unit']} / {row['unit_b']}"


def _scales(row: dict[str, Any]) -> str:
    return f"{row['from_scale']:g} to {row['to_scale']:g}"


def _compared(row: dict[str, Any]) -> list[Any]:
    """Return the values of the columns `_COMPARED`."""
    return [row["a"], row["b"], row["difference"], (row["low"], row["high"]), row["dz"]]


def _shares(share: float | None, low: float | None, high: float | None) -> list[str | None]:
    whole = partial(percent, digits=0)
    return [whole(share) if known(share) else None, interval(low, high, whole)]


_pixels = partial(number, digits=3)
_COMPARED = (
    Column("a", "signed"),
    Column("b", "signed"),
    Column("b - a", "signed"),
    Column("interval", "interval"),
    Column("d_z", "effect"),
)
