"""`skviz intervene`: the attention replaced, and what becomes of the output."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .analyze import data_set, running, units, views
from .echo import Echo, command_line, table
from .edge import IN_PART, INTERRUPTED, Failure
from .network import Network, network as chosen_network

if TYPE_CHECKING:
    import pandas as pd

    from skviz.analysis.intervention_result import InterventionRun
    from skviz.analysis.interventions import Interventions

_SHOWN = 5
folder = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder for the records and tables; the same command on it resumes.",
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
@click.argument("dataset")
@folder
@options.scales
@units
@kinds
@seed
@chosen_network
@data_set
@views
@running
@options.formats
@options.style
@options.as_json
@options.quiet
def intervene(
    dataset: str,
    out: Path,
    scales: str,
    units: tuple[str, ...],
    kinds: tuple[str, ...],
    seed: int,
    network: Network,
    labels: Path | None,
    boxes: Path | None,
    root: Path | None,
    split: str | None,
    classes: tuple[str, ...] | None,
    shuffle: int | None,
    per_class: int | None,
    limit: int | None,
    part: tuple[int, int] | None,
    formats: tuple[str, ...],
    style: str,
    as_json: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Replace the attention of units, and measure what becomes of the network's output.

    Every unit is taken alone, and all of them together. Its attention is replaced by all weight
    on one branch (branches), the same weight for all (uniform), the data set's mean at the same
    scale (mean), its own with the channels shuffled (channels), another image's (images), or
    the same image's at the scale next to 1.0x (patch). Measured are the logit and probability
    of the true class (the predicted one without labels), top-1, and the divergence of the
    output, with 95 % intervals over classes.

    Writes interventions.csv, .json, .md and a figure into DIR. The network runs once for every
    unit and kind: choose fewer images, or --units paper, for a first look.
    """
    from skviz.analysis.datasets import DataSource, Subset, open_dataset
    from skviz.analysis.interventions import prepare_interventions
    from skviz.analysis.run import Options
    from skviz.figures import (
        About,
        caption_of,
        figure_metadata,
        figure_style,
        save_figure,
        style_names,
    )
    from skviz.figures.interventions import InterventionPanels
    from skviz.reports.interventions import to_dict, write_results
    from skviz.scaling import parse_scales

    echo = Echo(quiet=quiet, as_json=as_json)
    style_names(style)
    wanted = parse_scales(scales)
    subset = Subset(classes or (), shuffle, per_class, limit, part)
    images = open_dataset(DataSource(dataset, labels, boxes, root, split, subset))
    work = prepare_interventions(
        images,
        network.load(),
        out=out,
        scales=wanted,
        units=units,
        kinds=kinds,
        attention=network.attention_at or None,
        seed=seed,
        options=Options(**how),
    )
    _announce(work, echo)
    try:
        run = work(progress=not quiet)
    except KeyboardInterrupt:
        raise Failure(_interrupted(work), INTERRUPTED) from None
    errors = run.errors
    frame = run.to_frame()
    files = write_results(run, frame)
    panels = InterventionPanels.from_run(run)
    caption = caption_of(panels, About.of_run(run.baseline))
    metadata = figure_metadata(caption, command_line())
    with figure_style(style):
        figure = panels.plot()
        for kind in formats:
            path = out / f"interventions.{kind}"
            files.append(save_figure(figure, path, metadata, overwrite=True))
    seconds = {key: round(value, 3) for key, value in work.seconds.items()}
    echo.document(
        {
            **to_dict(run, frame),
            "notes": [note.to_dict() for note in run.baseline.notes],
            "seconds": seconds,
            "files": [str(file) for file in files],
        }
    )
    _print(run, frame, work, echo)
    for file in files:
        echo.result(f"written: {file}")
    if errors:
        for error in errors[:_SHOWN]:
            echo.error(f"{error['image']}: {error['reason']}")
        count = f"{len(errors)} of {len(work.analysis.images)}"
        raise Failure(f"{count} images could not be read; the baseline run lists them", IN_PART)


def _announce(work: Interventions, echo: Echo) -> None:
    run, total = work.run, work.run.baseline.settings["shards"]
    for note in work.analysis.notes:
        echo.warn(str(note))
    if not run.baseline.settings["model"]["trained"]:
        echo.warn("untrained network: its output and attention are those of random weights")
    if work.analysis.keep.class_map is None:
        echo.warn(
            "the classes of data set and network cannot be compared: the class that the "
            "unchanged network predicts counts as the true one"
        )
    done = total - len(run.missing)
    if done == total:
        echo.note(f"'{run.path}' is finished already: nothing to do")
        return
    if work.resumed:
        echo.note(f"resuming '{run.path}': {done} of {total} shards are done")
    echo.note(
        f"{len(run.targets)} targets and {len(run.kinds)} kinds: the network runs {work.passes} "
        "times on every view"
    )


def _interrupted(work: Interventions) -> str:
    total = work.run.baseline.settings["shards"]
    done = total - len(work.run.missing)
    return (
        f"interrupted: {done} of {total} shards are done in '{work.run.path}', the one under way "
        "is lost; run the same command again to go on"
    )


def _print(run: InterventionRun, frame: pd.DataFrame, work: Interventions, echo: Echo) -> None:
    from skviz.reports.interventions import STAR, about, target_rows, unit_rows

    for sentence in about(run, frame):
        echo.result(sentence)
    if len(work.seconds) == 2:
        plain, rest = work.seconds["baseline"], work.seconds["interventions"]
        echo.note(f"time: {plain:.1f} s plain, {rest:.1f} s more: {1 + rest / plain:.1f} x plain")
    last = run.targets[-1]
    name = "all these units together" if last == "all" else last
    for scale in run.scales:
        echo.result(f"\n{scale:g}x: change of the probability of the true class ({STAR})")
        echo.result(table(unit_rows(frame, scale)))
        echo.result(f"\n{scale:g}x, {name}: change of logit and probability, top-1, divergence")
        echo.result(table(target_rows(frame, last, scale)))
