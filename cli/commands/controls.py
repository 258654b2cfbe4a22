"""`skviz controls`: a run and its controls, so that a claim made with it holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.numbers import number
from skviz.reports.tables import Column, Table

from .. import options
from ..echo import Echo, command_line
from ..exit_codes import FAILED, IN_PART, INTERRUPTED, Failure
from ..options.dataset import dataset
from ..options.network import Network, network as chosen_network
from ..options.running import computing, kept, run_options, running, units, views

if TYPE_CHECKING:
    from skviz.data import DataSource
    from skviz.notes import Note
    from skviz.runs.analyze import Analysis
    from skviz.runs.options import Options
    from skviz.studies.controls.suite import ControlSuite


@click.command()
@options.path_option(
    "--out",
    "DIR",
    "Folder for the runs; the same command on it resumes an unfinished suite.",
    required=True,
)
@options.count_option(
    "--seeds",
    "N",
    "Random networks, each from its own seed.  [default: 10, with --quick 3]",
    least=0,
)
@options.list_option(
    "--only",
    "Only these controls, by name or pattern: blur,random-*. The plain run is always made.",
    default=(),
)
@options.list_option("--skip", "Not these controls.", default=())
@click.option(
    "--cascade/--no-cascade",
    default=False,
    show_default=True,
    help="Also randomise from the top down to every unit, and every unit alone: two more runs "
    "per unit, each about as long as the plain one.",
)
@click.option(
    "--quick", is_flag=True, help="Only blur, object-constant, masked and the random networks."
)
@options.scales
@units
@chosen_network
@dataset
@run_options(views, kept, running, computing)
@options.overwrite
@options.echo
def controls(
    out: Path,
    seeds: int | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    cascade: bool,
    quick: bool,
    scales: tuple[float, ...],
    units: tuple[str, ...],
    network: Network,
    images: DataSource,
    how: Options,
    overwrite: bool,
    echo: Echo,
) -> None:
    """Make a run and its controls: what else could make the attention change?

    DATASET is as in `skviz analyze`. Enlarging an image also removes context and fine detail, and
    random networks shift too. Each control is an ordinary run with one difference, in its own
    folder in DIR: blur, object-constant, object-blurred, masked, zoom-out-mean, zoom-out-reflect,
    resample-bilinear, resample-lanczos and random-00, ... controls.json lists them with their cost
    (the time as a multiple of the plain run's), views.png shows what the network sees in each, and
    verdicts.md says which part of each unit's shift survives which control.

    Finished runs are kept: the same command with other --seeds, --only or --cascade adds to them.
    --overwrite replaces pages and figures made from the runs, never the runs.
    """
    from skviz.data import open_dataset
    from skviz.reports.controls import VIEWS, write_views
    from skviz.studies.controls import making
    from skviz.studies.controls.suite import SUITE

    SUITE.check(out)
    opened = open_dataset(images, out / SUITE.first)
    usual = making.QUICK_SEEDS if quick else making.DEFAULT_SEEDS
    model = network.load()
    measured: list[str] = []
    said: set[Note] = set()
    try:
        suite = making.controls(
            opened,
            model,
            out=out,
            scales=scales,
            units=units,
            attention=network.attention_at or None,
            options=how,
            seeds=usual if seeds is None else seeds,
            cascade=cascade,
            only=only or (making.QUICK if quick else ()),
            skip=skip,
            progress=not echo.quiet,
            before=lambda analysis: _announce(analysis, measured, said, echo),
            report=lambda suite, name, *place: echo.note(
                "{} of {}: {}, {}".format(*place, name, _cost(suite.costs[name]))
            ),
        )
    except KeyboardInterrupt:
        text = f"interrupted: finished runs are kept in '{out}'; run the same command again"
        raise Failure(text, INTERRUPTED) from None
    errors, count = suite.plain.errors, suite.plain.images
    if count and (overwrite or not (out / VIEWS).exists()):
        write_views(suite, opened, overwrite=overwrite, command=command_line())
    _print(suite, said, echo)
    if count:
        _write_verdicts(suite, overwrite, bool(measured), echo)
        echo.next(["summary", out], ["report", out, "--to", "report.html"])
    if errors:
        text = f"{len(errors)} of {len(opened)} images could not be read; each run lists them"
        raise Failure(text, IN_PART if count else FAILED)


def _announce(analysis: Analysis, measured: list[str], said: set[Note], echo: Echo) -> None:
    """Say what a user should know of a run; note its name where something is left to measure.

    What is `said` of one run is not said again of the others.
    """
    name = analysis.run.path.name
    if analysis.missing:
        measured.append(name)
    for note in (note for note in analysis.notes if note not in said):
        said.add(note)
        echo.warn(f"{name}: {note}")
    if analysis.run.settings["control"] is None and not analysis.run.settings["model"]["trained"]:
        echo.warn("untrained network: the attention is that of random weights")
    if analysis.resumed and analysis.missing:
        done, total = len(analysis.run.done), analysis.run.settings["shards"]
        echo.note(f"resuming {name}: {done} of {total} shards are done")


def _write_verdicts(suite: ControlSuite, overwrite: bool, added: bool, echo: Echo) -> None:
    from skviz.reports.verdicts import NAMES, write_verdicts

    there = [name for name in NAMES if (suite.path / name).exists()]
    if there and not overwrite:
        if added:
            echo.warn(f"{', '.join(there)} are of fewer runs; pass --overwrite to replace them")
        return
    echo.written(write_verdicts(suite, suite.path, overwrite, command=command_line()))


def _cost(cost: float) -> str:
    return "time not known" if cost != cost else f"{number(cost, 2)} times the plain run"


def _print(suite: ControlSuite, said: set[Note], echo: Echo) -> None:
    costs = suite.costs
    plain = suite.entries["plain"]
    notes = suite.plain.notes
    echo.notes(notes, said)
    echo.document(
        {
            "suite": str(suite.path),
            "images": suite.plain.images,
            "unreadable": suite.plain.errors,
            "notes": [note.to_dict() for note in notes],
            "missing": list(suite.missing),
            "runs": [suite.entries[name].to_dict(plain) for name in suite.names],
        }
    )
    columns = (
        Column("control"),
        Column("images", "count"),
        Column("seconds", partial(number, digits=1)),
        Column("cost", "wide"),
    )
    rows = []
    for name in suite.names:
        entry = suite.entries[name]
        seconds = entry.seconds if entry.measured > 0 else None
        rows.append([name, suite.run(name).images, seconds, costs[name]])
    echo.result(Table(columns, rows))
    echo.result(f"{suite.path}: cost is the time per image as a multiple of the plain run's")
