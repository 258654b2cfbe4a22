"""`skviz verdicts`: the page of verdicts of a suite of controls, made again."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from skviz.numbers import percent
from skviz.reports.tables import Column, Table

from . import options
from .echo import Echo, command_line


@click.command()
@click.argument("controls", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the page goes.  [default: DIR itself]",
)
@options.style
@options.overwrite
@options.as_json
@options.quiet
def verdicts(
    controls: Path, out: Path | None, style: str, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    """Say of each unit what its shift is consistent with, from DIR of `skviz controls`.

    Writes verdicts.md, .json, .csv, .png and .pdf. The network is not needed. Controls that
    were not made are named, and a verdict that needs them is not given.
    """
    from skviz.figures.style import style_names
    from skviz.inference.verdicts import VERDICTS
    from skviz.reports.verdicts import write_verdicts
    from skviz.studies.controls.suite import Suite

    echo = Echo(quiet=quiet, as_json=as_json)
    style_names(style)
    suite = Suite(controls)
    if suite.missing:
        echo.warn(f"not finished, and left out: {', '.join(suite.missing)}")
    folder = controls if out is None else out
    files = write_verdicts(suite, folder, overwrite, style=style, command=command_line())
    document = json.loads(files[1].read_text(encoding="utf-8"))
    columns = (
        Column("unit"),
        Column("shift", "signed"),
        Column("survives", partial(percent, digits=0)),
        Column("verdict", right=True),
    )
    rows = [
        [claim["unit"], claim["total"]["mean"], claim["survives"], VERDICTS[claim["verdict"]]]
        for claim in document["claims"]
    ]
    echo.document({**document, "files": [str(file) for file in files]})
    echo.result(Table(columns, rows))
    for file in files:
        echo.result(f"written: {file}")
