"""`skviz controls`: a run and its controls, so that a claim made with it holds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skviz.numbers import number
from skviz.reports.tables import Column, Table

from .. import options
from ..echo import Echo, command_line
from ..exit_codes import FAILED, IN_PART, INTERRUPTED, Failure
from ..options.dataset import Dataset, dataset
from ..options.network import Network, network as chosen_network
from ..options.running import RunOptions, computing, kept, run_options, running, units, views

if TYPE_CHECKING:
    from torch import nn

    from skviz.data import ImageSet
    from skviz.notes import Note
    from skviz.runs.analyze import Analysis
    from skviz.studies.controls.suite import ControlSuite


@click.command()
@options.path_option(
    "--out",
    "DIR",
    "Folder for the runs; the same command on it resumes an unfinished suite.",
    required=True,
)
@click.option(
    "--seeds",
    type=click.IntRange(min=0),
    metavar="N",
    help="Random networks, each from its own seed.  [default: 10, with --quick 3]",
)
@click.option(
    "--only",
    type=options.CommaList(),
    metavar="LIST",
    default=None,
    help="Only these controls, by name or pattern: blur,random-*. The plain run is always made.",
)
@click.option(
    "--skip", type=options.CommaList(), metavar="LIST", default=None, help="Not these controls."
)
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
@options.as_json
@options.quiet
def controls(
    out: Path,
    seeds: int | None,
    only: tuple[str, ...] | None,
    skip: tuple[str, ...] | None,
    cascade: bool,
    quick: bool,
    scales: str,
    units: tuple[str, ...],
    network: Network,
    images: Dataset,
    how: RunOptions,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
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
    from skviz.hardware.devices import choose_device
    from skviz.reports.controls import VIEWS, write_views
    from skviz.scales import parse_scales
    from skviz.studies.controls.making import DEFAULT_SEEDS, QUICK, QUICK_SEEDS
    from skviz.studies.controls.suite import SUITE

    echo = Echo(quiet=quiet, as_json=as_json)
    SUITE.check(out)
    wanted = parse_scales(scales)
    opened = images.open(out / SUITE.first)
    suite, measured, said = make(
        opened,
        network.build().to(choose_device(network.device)),
        out,
        echo,
        scales=wanted,
        units=units,
        attention=network.attention_at or None,
        options=how.settle(),
        seeds=(QUICK_SEEDS if quick else DEFAULT_SEEDS) if seeds is None else seeds,
        cascade=cascade,
        only=only or (QUICK if quick else ()),
        skip=skip or (),
    )
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


def make(
    images: ImageSet, model: nn.Module, out: Path, echo: Echo, **what: Any
) -> tuple[ControlSuite, list[str], set[Note]]:
    """Make a suite, or go on with it, as `controls` does.

    Returns it, the runs made now, and the notes that were said.
    """
    from skviz.studies.controls.making import controls

    measured: list[str] = []
    said: set[Note] = set()
    try:
        suite = controls(
            images,
            model,
            out=out,
            progress=not echo.quiet,
            before=lambda analysis: _announce(analysis, measured, said, echo),
            report=lambda suite, name, *place: _report(suite, name, place, echo),
            **what,
        )
    except KeyboardInterrupt:
        text = f"interrupted: finished runs are kept in '{out}'; run the same command again"
        raise Failure(text, INTERRUPTED) from None
    return suite, measured, said


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
    for path in write_verdicts(suite, suite.path, overwrite, command=command_line()):
        echo.result(f"written: {path}")


def _report(suite: ControlSuite, name: str, place: tuple[int, int], echo: Echo) -> None:
    echo.note(f"{place[0]} of {place[1]}: {name}, {_cost(suite.costs[name])}")


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
