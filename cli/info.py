"""`skviz info`: what a figure, a folder or a JSON file of skviz is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options
from .echo import Echo
from .exit_codes import Failure


@click.command()
@click.argument("path", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--check", is_flag=True, help="Compare every file of a run with its checksum: all is read."
)
@options.as_json
def info(path: Path, check: bool, as_json: bool) -> None:
    """Say what a FILE or FOLDER of skviz is, and how it was made.

    Of a figure (PNG, PDF, SVG): title, caption, alternative text, the command and the versions
    that made it, as stored in the file. Of a run, a folder of controls or a JSON document: the
    network, the weights, the data and the command. With --check, exit code 1 means that a file
    is missing or was changed.
    """
    from skviz.reports.info import Description, check_files, describe

    faults = check_files(path) if check else []
    # What a damaged run says of itself is not to be had.
    found = Description(path, "damaged run") if faults else describe(path)
    echo = Echo(as_json=as_json)
    echo.document({**found.to_dict(), **({"faults": faults} if check else {})})
    echo.result(f"{found.path}: {found.kind}")
    for name, value in found.facts.items():
        if value is not None:
            echo.result(f"  {name}: {_words(value)}")
    if check and not faults:
        echo.result("  files: all are as they were written")
    if faults:
        raise Failure("\n  ".join([f"of the files of '{path}':", *faults]))


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_words(part) for part in value)
    return str(value)
