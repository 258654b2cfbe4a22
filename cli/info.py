"""`skviz info`: what a figure, a folder or a JSON file of skviz is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from . import options
from .echo import Echo


@click.command()
@click.argument("path", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@options.as_json
def info(path: Path, as_json: bool) -> None:
    """Say what a FILE or FOLDER of skviz is, and how it was made.

    Of a figure (PNG, PDF, SVG): title, caption, alternative text, the command and the versions
    that made it, as stored in the file. Of a run, a folder of controls or a JSON document: the
    network, the weights, the data and the command.
    """
    from skviz.reports.info import describe

    found = describe(path)
    echo = Echo(as_json=as_json)
    echo.document(found.to_dict())
    echo.result(f"{found.path}: {found.kind}")
    for name, value in found.facts.items():
        if value is not None:
            echo.result(f"  {name}: {_words(value)}")


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(_words(part) for part in value)
    return str(value)
