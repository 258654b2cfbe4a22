"""`skviz merge`: runs made apart, joined into one."""

from __future__ import annotations

from pathlib import Path

import click

from skviz.numbers import counted

from .. import options
from ..echo import Echo
from .analyze import run_folder


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@run_folder
@options.echo
def merge(runs: tuple[Path, ...], out: Path, echo: Echo) -> None:
    """Join finished runs of different images, made with the same settings, into one.

    Each RUN is a folder of `skviz analyze`, for instance of one --part of a data set. Means and
    standard deviations merge exactly. The same command resumes an interrupted merge.
    """
    from skviz.runs.merge import merge_runs

    run = merge_runs(runs, out)
    images, errors, notes = run.images, run.errors, run.notes
    echo.notes(notes)
    echo.document(
        {
            "run": str(run.path),
            "merged": [str(path) for path in runs],
            "images": images,
            "unreadable": errors,
            "notes": [note.to_dict() for note in notes],
        }
    )
    read = f"{counted(images, 'image')} from {counted(len(runs), 'run')}"
    echo.result(f"{run.path}: {read}, {len(errors)} unreadable")
    echo.next(["summary", run.path], ["report", run.path, "--to", "report.html"])
