"""`skviz card`: measure a network and write its model card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from . import options
from .echo import Echo, table


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    required=True,
    help="Photographs that the network was not trained on, one sub-folder per class.",
)
@options.model
@options.weights
@options.device
@options.scales
@click.option(
    "--seeds",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Untrained networks to compare with, each from its own seed.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Processes that read images.",
)
@click.option(
    "--notes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Markdown to take over into the card as it is.",
)
@options.output
def card(
    data: Path,
    model: str | None,
    weights: Path | None,
    device: str,
    scales: str,
    seeds: int,
    workers: int,
    notes: Path | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure a network on photographs, and write its model card as JSON and Markdown.

    Top-1 and top-5 at every scale, size and speed, and the network's own section 4.4: the
    attention difference per unit and scale, beside the paper's published values and beside
    untrained networks.
    """
    from skviz.analysis.card import model_card
    from skviz.devices import choose_device
    from skviz.models import DEFAULT_MODEL
    from skviz.notes import Note
    from skviz.reports.card import check_card, write_card
    from skviz.scaling import parse_scales

    echo = Echo(quiet=quiet, as_json=as_json)
    name = model or DEFAULT_MODEL
    check_card(out, name, overwrite)
    measured = model_card(
        data,
        model=name,
        weights=weights,
        scales=parse_scales(scales),
        seeds=seeds,
        workers=workers,
        device=choose_device(device),
        notes=notes.read_text("utf-8") if notes else "",
        report=_progress(echo),
    )
    unreadable = measured["photographs"]["unreadable"]
    if unreadable:
        echo.warn(f"{len(unreadable)} images cannot be read and are left out")
    for note in measured["photographs"]["notes"]:
        echo.warn(str(Note.from_dict(note)))
    written = write_card(measured, out, overwrite)
    echo.document({**measured, "files": [str(path) for path in written]})
    echo.result(_table(measured))
    echo.result("\n".join(measured["summary"]))
    for path in written:
        echo.result(f"written: {path}")


def _progress(echo: Echo) -> Any:
    """Say how far it is: on a terminal on one line, elsewhere when a part begins."""
    seen: set[str] = set()

    def report(what: str, done: int, total: int) -> None:
        if sys.stderr.isatty() and not echo.quiet:
            end = "\n" if done == total else ""
            click.echo(f"\r{what}: {done} of {total}{end}", nl=False, err=True)
        elif what not in seen:
            seen.add(what)
            echo.note(f"{what}: {total}")

    return report


def _table(measured: dict[str, Any]) -> str:
    rows = [["scale", "top-1", "top-5"]]
    for label, values in measured["accuracy"].items():
        rows.append([label, f"{values['top1']:.1%}", f"{values['top5']:.1%}"])
    return table(rows)
