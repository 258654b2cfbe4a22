"""`skviz summary`: means, shifts and tests of a run."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..echo import Echo, command_line
from ..exit_codes import Failure

if TYPE_CHECKING:
    from skviz.inference.summary import Summary
    from skviz.studies.controls.suite import ControlSuite


@click.command()
@click.argument("run", metavar="PATH", type=click.Path(path_type=Path))
@options.units(
    "units",
    "Units to show: 3_4, a pattern such as 3_*, paper or all; may be repeated.  "
    "[default: paper, the last unit of every stage]",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Show every table: deviations, shifts between all scales with their tests, trends.",
)
@options.path_option(
    "--csv", "DIR", "Also write the tables as CSV: units, shifts, trends, classes, channels."
)
@options.path_option(
    "--verdicts",
    "FOLDER",
    "For DIR of `skviz controls`: write the page of verdicts there; it may be DIR itself.",
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
@options.echo
def summary(
    run: Path,
    units: tuple[str, ...],
    everything: bool,
    csv: Path | None,
    verdicts: Path | None,
    about: bool,
    check: bool,
    bootstrap: dict[str, Any],
    quantity: str,
    null: tuple[Path, ...],
    style: str,
    overwrite: bool,
    echo: Echo,
) -> None:
    """Summarise the run at PATH: per unit and scale the attention difference, and how it shifts.

    The shift between two scales is the mean change of an image, with a bootstrap interval
    (resampling whole classes if images have labels), paired effect sizes (d_z is the mean change
    divided by its standard deviation; rank-biserial is the balance of rises and falls), Wilcoxon's
    signed-rank test with Holm's correction over units, and the share of images, classes and
    channels that rise. Page's test asks whether the difference rises over all scales. --quantity
    expected-kernel reports the same for the expected kernel size.

    PATH may be the DIR of `skviz controls`: the summary is then of its plain run, and says what the
    shift of each unit is consistent with. Missing controls are named, and a verdict that needs them
    is not given.

    PATH may also be any other file or folder of skviz: a figure (PNG, PDF, SVG), a JSON document, a
    folder of interventions. Then the stored caption, command and versions are printed. With
    --check, exit code 1 means that a file is missing or was changed.

    With --null it also shows where each unit's shift to the largest scale lies among those of
    random networks.
    """
    from skviz.errors import UsageError
    from skviz.figures.style.sheets import style_names
    from skviz.inference.null import places_of
    from skviz.inference.summary import summarise
    from skviz.reports.tables import write_tables
    from skviz.reports.terminal import summary as text
    from skviz.runs.records import Run
    from skviz.studies.controls.evidence import random_runs
    from skviz.studies.controls.suite import ControlSuite, is_suite
    from skviz.studies.interventions.result import INTERVENTIONS
    from skviz.units import select_units

    style_names(style)
    if about or check or run.is_file() or (run / INTERVENTIONS.file).is_file():
        asked = {"--csv": csv, "--verdicts": verdicts, "--null": null, "--units": units}
        if given := [name for name, value in {**asked, "--all": everything}.items() if value]:
            why = "with --about and --check" if about or check else f"for '{run}', which is no run"
            raise UsageError(f"expected no {', '.join(given)} {why}; leave it out, or name a run")
        _describe(run, check, echo)
        return
    suite = ControlSuite(run) if verdicts is not None or is_suite(run) else None
    records = suite.plain if suite else Run(run)
    if not records.complete:
        missing = f"{len(records.missing)} of {records.settings['shards']} shards are missing"
        echo.warn(f"the run is not complete: {missing}")
    found: Summary = summarise(records, quantity=quantity, **bootstrap)
    echo.notes(records.notes)
    files = write_tables(found, csv, overwrite=overwrite) if csv is not None else []
    places = places_of(found.measurements, random_runs(null)) if null else {}
    document = found.to_dict() if echo.as_json else {}
    if null:
        rows = {kind: [spot and asdict(spot) for spot in row] for kind, row in places.items()}
        document = {**document, "null": rows}
    claims = _verdicts(suite, verdicts, style, overwrite, echo) if suite is not None else None
    if claims is not None:
        document = {**document, "verdicts": claims}
        files = [*files, *map(Path, claims["files"])]
    if not echo.as_json and not echo.quiet:
        chosen = select_units(units or ("all" if everything else "paper"), found.units)
        parts = text.tables if everything else partial(text.screen, verdicts=claims is not None)
        echo.result(*parts(found, chosen), *text.null_tables(places, found, chosen))
        if claims is not None:
            echo.result(f"\nverdicts, from the controls in {run}")
            echo.result(text.verdict_table(claims["claims"], chosen))
    echo.document({**document, "files": [str(file) for file in files]})
    echo.written(files)
    echo.next(
        ["plot", records.path, "--figure", "3c", "--out", "figure3.pdf"],
        ["report", run, "--to", "report.html"],
        *([] if suite else [["controls", "DATASET", "--out", "controls"]]),
    )


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


def _verdicts(
    suite: ControlSuite, page: Path | None, style: str, overwrite: bool, echo: Echo
) -> dict[str, Any]:
    """Return the document of verdicts; `page` is the folder that gets it as a page, or None."""
    from skviz.inference.judging import JudgeOptions
    from skviz.reports.verdicts import to_document, write_verdicts

    if suite.missing:
        echo.warn(f"unfinished and left out: {', '.join(suite.missing)}")
    if page is None:
        how = JudgeOptions()
        return {**to_document(suite, suite.verdicts(how), how), "files": []}
    files = write_verdicts(suite, page, overwrite, style=style, command=command_line())
    document = json.loads(files[1].read_text(encoding="utf-8"))
    return {**document, "files": [str(file) for file in files]}
