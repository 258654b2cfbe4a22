"""`skviz intervene`: the attention replaced, and what becomes of the output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.numbers import number

from .. import options
from ..drawing import save_display
from ..echo import Echo
from ..exit_codes import IN_PART
from ..measuring import announce, interrupted, leave_unreadable
from ..options.dataset import dataset
from ..options.network import Network, network as chosen_network
from ..options.running import run_options, running, units, views

if TYPE_CHECKING:
    import pandas as pd

    from skviz.data import DataSource
    from skviz.runs.options import Options
    from skviz.studies.interventions.measure import Interventions
    from skviz.studies.interventions.result import InterventionRun

folder = options.path_option(
    "--out",
    "DIR",
    "Folder for the records and tables; the same command on it resumes.",
    required=True,
)
kinds = click.option(
    "--kinds",
    type=options.CommaList(),
    default="all",
    show_default=True,
    metavar="LIST",
    help="What replaces the attention: branches, uniform, mean, channels, images, patch, or all.",
)
seed = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the shuffles."
)


@click.command()
@folder
@options.scales
@units
@kinds
@seed
@chosen_network
@dataset
@run_options(views, running)
@options.formats
@options.style
@options.echo
def intervene(
    out: Path,
    scales: tuple[float, ...],
    units: tuple[str, ...],
    kinds: tuple[str, ...],
    seed: int,
    network: Network,
    images: DataSource,
    how: Options,
    formats: tuple[str, ...],
    style: str,
    echo: Echo,
) -> None:
    """Replace the attention of units, and measure how the network's output changes.

    Every unit of --units is replaced alone, all of them together (chosen), and always all units of
    the network together (all). The attention becomes all weight on one branch (branches), the same
    weight for all (uniform), the data set's mean at the same scale (mean), its own with the
    channels shuffled (channels), another image's (images), or the same image's at the scale next to
    1.0x (patch). Measured are the logit and probability of the true class (without labels, of the
    predicted one), top-1, and the divergence of the output, with 95 % intervals over classes.

    Writes interventions.csv, .json, .md and a figure into DIR. Everything after a replaced unit
    runs once for every kind: for a first look choose fewer images, or --units paper. Start it under
    torchrun or srun for several processes that share DIR; rank 0 writes the results.
    """
    from skviz.data import open_dataset
    from skviz.figures.provenance import Provenance
    from skviz.figures.studies.interventions import InterventionPanels
    from skviz.figures.style.sheets import style_names
    from skviz.hardware.devices import choose_device
    from skviz.reports.interventions import to_dict, write_results
    from skviz.runs.ranks import Ranks
    from skviz.studies.interventions.measure import prepare_interventions
    from skviz.studies.interventions.result import INTERVENTIONS

    style_names(style)
    opened = open_dataset(images, out / INTERVENTIONS.first)
    place = Ranks.from_environment().device(choose_device(network.device))
    work = prepare_interventions(
        opened,
        network.build().to(place),
        out=out,
        scales=scales,
        units=units,
        kinds=kinds,
        attention=network.attention_at or None,
        seed=seed,
        options=how,
    )
    ranks = work.analysis.ranks
    if ranks.first:
        _announce(work, echo)
    try:
        run = work(progress=not echo.quiet)
    except KeyboardInterrupt:
        raise interrupted(work.run) from None
    if not ranks.first:
        echo.note(
            f"process {ranks.rank} of {ranks.world} is done; the first one writes the results"
        )
        return
    errors = run.errors
    frame = run.to_frame()
    files = write_results(run, frame)
    panels, about = InterventionPanels.from_run(run), Provenance.of_run(run.baseline)
    figures = (out / f"interventions.{kind}" for kind in formats)
    files += save_display(panels, about, style, figures, overwrite=True)
    seconds = {key: round(value, 3) for key, value in work.seconds.items()}
    notes = run.baseline.notes
    echo.notes(notes, work.analysis.notes)
    echo.document(
        {
            **to_dict(run, frame),
            "notes": [note.to_dict() for note in notes],
            "seconds": seconds,
            "files": [str(file) for file in files],
        }
    )
    _print(run, frame, work, echo)
    echo.written(files)
    echo.next(["report", "CONTROLS", "--card", "--interventions", out, "--to", "card"])
    if errors:
        count = f"{len(errors)} of {len(work.analysis.images)}"
        text = f"{count} images could not be read; the baseline run lists them"
        leave_unreadable(errors, text, IN_PART, ranks, echo)


def _announce(work: Interventions, echo: Echo) -> None:
    run = work.run
    echo.notes(work.analysis.notes)
    if not run.baseline.settings["model"]["trained"]:
        echo.warn("untrained network: its output and attention are those of random weights")
    if work.analysis.record.class_map is None:
        echo.warn(
            "the classes of data set and network cannot be compared: the class that the "
            "unchanged network predicts counts as the true one"
        )
    announce(run, work.resumed, echo)
    if not run.complete:
        echo.note(
            f"{len(run.targets)} targets and {len(run.kinds)} kinds: {work.passes} passes over "
            "every view, each from the first replaced unit on"
        )


def _print(run: InterventionRun, frame: pd.DataFrame, work: Interventions, echo: Echo) -> None:
    from skviz.reports.interventions import (
        STAR,
        about,
        group_label,
        groups,
        target_table,
        unit_table,
    )
    from skviz.scales import scale_label

    for sentence in about(run, frame):
        echo.result(sentence)
    if len(work.seconds) == 2:
        plain, rest = work.seconds["baseline"], work.seconds["interventions"]
        echo.note(
            f"time: {number(plain, 1)} s plain, {number(rest, 1)} s more: "
            f"{number(1 + rest / plain, 1)} x plain"
        )
    for scale in run.scales:
        echo.result(f"\n{scale_label(scale)}: change of the probability of the true class ({STAR})")
        echo.result(unit_table(frame, scale))
        for target in groups(run):
            name = group_label(run, target)
            what = "change of logit and probability, top-1, divergence"
            echo.result(f"\n{scale_label(scale)}, {name}: {what}")
            echo.result(target_table(frame, target, scale))
