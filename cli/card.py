"""`skviz card`: a network's model card, made from a suite of its controls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import options
from .controls import make
from .echo import Echo
from .exit_codes import IN_PART, Failure

if TYPE_CHECKING:
    from torch import nn

    from skviz.studies.controls.suite import ControlSuite


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Photographs that the network was not trained on, one sub-folder per class: the controls "
    "are made with them, in OUT/MODEL.controls.",
)
@click.option(
    "--suite",
    "made",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Controls of the network that `skviz controls` made already, in place of --data.",
)
@options.model
@options.weights
@options.device
@options.scales
@click.option(
    "--seeds",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Random networks to compare with, each from its own seed; verdicts need three.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="Processes that read images.",
)
@click.option(
    "--interventions",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A folder of `skviz intervene` on the network: top-1 when its attention is replaced.",
)
@click.option(
    "--tried",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="CSV with a row per recipe that was tried, to take over as a table.",
)
@click.option(
    "--notes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Markdown to take over into the card as it is.",
)
@options.output
@click.pass_context
def card(
    context: click.Context,
    data: Path | None,
    made: Path | None,
    model: str | None,
    weights: Path | None,
    device: str,
    scales: str,
    seeds: int,
    workers: int,
    interventions: Path | None,
    tried: Path | None,
    notes: Path | None,
    out: Path,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Measure a network on photographs, and write its model card as JSON and Markdown.

    Top-1 and top-5 at every scale, size and speed, and the network's own section 4.4: the
    attention difference per unit and scale, beside the paper's published values and beside
    random networks, with the verdict on every unit that `skviz controls` gives. The controls are
    kept beside the card: the same command goes on with an unfinished suite.
    """
    from skviz.hardware.devices import choose_device
    from skviz.models import DEFAULT_MODEL, load_model
    from skviz.models.registry import bundled_weights
    from skviz.reports.card import accuracy_table, check_card, write_card
    from skviz.studies.card import model_card, read_notes, read_tried, replaced_attention
    from skviz.studies.controls.suite import ControlSuite
    from skviz.studies.interventions.result import InterventionRun

    echo = Echo(quiet=quiet, as_json=as_json)
    if (data is None) == (made is None):
        raise click.UsageError("expected --data or --suite, and not both")
    given = click.core.ParameterSource.COMMANDLINE
    for name in ("scales", "seeds", "workers") if made else ():
        if context.get_parameter_source(name) is given:
            raise click.UsageError(f"expected --{name} with --data only: a suite has its own")
    name = model or DEFAULT_MODEL
    check_card(out, name, overwrite)
    # Before anything is measured: what is wrong with the files must not show afterwards.
    what = read_tried(tried) if tried else None
    text = read_notes(notes) if notes else ""
    network = load_model(name, weights).to(choose_device(device))
    replaced = (
        replaced_attention(InterventionRun(interventions), network) if interventions else None
    )
    suite = (
        ControlSuite(made)
        if made
        else _make(str(data), out / f"{name}.controls", network, scales, seeds, workers, echo)
    )
    path = weights or bundled_weights(name)
    assert path is not None  # Weights that name their classes come from a file.
    measured = model_card(suite, network, path, replaced=replaced, tried=what, notes=text)
    if suite.missing:
        echo.warn(f"not finished, and left out: {', '.join(suite.missing)}")
    written = write_card(measured, out, overwrite)
    echo.document({**measured, "files": [str(file) for file in written]})
    echo.result(accuracy_table(measured))
    echo.result("\n".join(measured["summary"]))
    for file in written:
        echo.result(f"written: {file}")
    unreadable = len(suite.plain.errors)
    if unreadable:
        raise Failure(f"{unreadable} images could not be read and are left out", IN_PART)


def _make(
    data: str, out: Path, network: nn.Module, scales: str, seeds: int, workers: int, echo: Echo
) -> ControlSuite:
    """Make the controls of a network, or go on with them."""
    from skviz.data import DataSource, open_dataset
    from skviz.models import model_info
    from skviz.runs.options import Options
    from skviz.scales import parse_scales
    from skviz.studies.card import check_classes

    wanted = parse_scales(scales)
    images = open_dataset(DataSource(data))
    check_classes(images.classes, model_info(network))
    how = Options(workers=workers)
    return make(images, network, out, echo, scales=wanted, options=how, seeds=seeds)[0]
