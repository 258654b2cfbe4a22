"""`skviz analyze`: a data set into a folder of records, for figures 3 (c) and 4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.numbers import counted, rounding

from .. import options
from ..echo import Echo
from ..exit_codes import FAILED, IN_PART
from ..measuring import announce, interrupted, leave_unreadable
from ..options.dataset import dataset
from ..options.network import Network, network as chosen_network
from ..options.running import computing, kept, run_options, running, units, views

if TYPE_CHECKING:
    from skviz.data import DataSource
    from skviz.runs.analyze import Analysis
    from skviz.runs.options import Options

# An error of a mean attention difference that could pass for an effect.
_NOTABLE = 2e-4


run_folder = options.path_option(
    "--out",
    "RUN",
    "Folder for the records; the same command on it resumes an unfinished run.",
    required=True,
)


@click.command()
@run_folder
@click.option(
    "--control",
    metavar="NAME",
    help="Make a control of the run: blur, object-constant, object-blurred, masked, masked-box, "
    "zoom-out-FILL, resample-FILTER, random:SEED, cascade:UNIT:SEED or unit:UNIT:SEED; "
    "`skviz controls` makes them all.",
)
@options.scales
@units
@chosen_network
@dataset
@run_options(views, kept, running, computing)
@options.echo
def analyze(
    out: Path,
    control: str | None,
    scales: tuple[float, ...],
    units: tuple[str, ...],
    network: Network,
    images: DataSource,
    how: Options,
    echo: Echo,
) -> None:
    """Record the attention of every image of a data set at several scales.

    DATASET is a folder of images (sub-folders are classes), ImageNet's validation set as
    distributed, a manifest (.csv or .parquet with the columns path, label and left, top, right,
    bottom for boxes), tar archives ("val-{000..049}.tar"), a .zip, Parquet files with images,
    hf:NAME@SPLIT, or torchvision:NAME. pandas, Polars and DuckDB can read RUN; the documentation
    describes its format.

    Ctrl-C stops at the next batch. The same command resumes an unfinished RUN, even with another
    number of processes: start it under torchrun for several, on any number of machines that share
    the folder. Unreadable images are skipped and listed (exit code 3; under torchrun only a
    warning).
    """
    from skviz.data import open_dataset
    from skviz.hardware.devices import choose_device
    from skviz.runs.analyze import prepare
    from skviz.runs.ranks import Ranks
    from skviz.runs.records import RUN
    from skviz.studies.controls.change import change_of

    RUN.check(out)
    change = change_of(control)
    opened = open_dataset(images, out)
    place = Ranks.from_environment().device(choose_device(network.device))
    analysis = prepare(
        opened,
        network.build().to(place),
        out=out,
        scales=scales,
        units=units,
        attention=network.attention_at or None,
        options=how,
        change=change,
    )
    if analysis.ranks.first:
        _announce(analysis, echo)
    try:
        analysis(progress=not echo.quiet)
    except KeyboardInterrupt:
        raise interrupted(analysis.run) from None
    _leave(analysis, echo)


def _announce(analysis: Analysis, echo: Echo) -> None:
    from skviz.runs.tuning import Arithmetic

    run = analysis.run
    echo.notes(analysis.notes)
    if not run.settings["model"]["trained"]:
        echo.warn("untrained network: the attention is that of random weights")
    if any(unit.branches == 1 for unit in run.units):
        echo.warn(
            "gates have one branch and so no attention difference: `difference` stays empty, "
            "`attention_0` is their mean; the figures lines and channels apply"
        )
    if run.classes and run.settings["dataset"]["labels"] is None:
        echo.warn("the classes of data set and network differ: `correct` stays empty")
    error, arithmetic = run.settings.get("rounding"), Arithmetic.of(run.settings.get("arithmetic"))
    if arithmetic.why:
        echo.warn(arithmetic.why)
    if error:
        how = arithmetic.words(run.settings["precision"])
        echo.note(
            f"the network computes {how}: over {error['views']} views attention is off by up to "
            f"{rounding(error['attention'])}, the mean difference of a unit by up to "
            f"{rounding(error['difference'])}"
        )
        if error["difference"] > _NOTABLE:
            echo.warn(
                "this is as large as shifts between scales often are; --precision fp32 is exact"
            )
    announce(run, analysis.resumed, echo)


def _leave(analysis: Analysis, echo: Echo) -> None:
    run = analysis.run
    errors, images, complete = run.errors, run.images, run.complete
    if analysis.ranks.first:
        notes = run.notes  # What was assumed to read images is known only now.
        echo.notes(notes, analysis.notes)
        own = run.settings["model"].get("notes") or ()
        echo.document(
            {
                "run": str(run.path),
                "complete": complete,
                "resumed": analysis.resumed,
                "images": images,
                "scales": list(run.scales),
                "units": [unit.name for unit in run.units],
                "classes": len(run.present),
                "shards": {"done": len(run.done), "total": run.shards},
                "unreadable": errors,
                "notes": [*own, *(note.to_dict() for note in notes)],
            }
        )
    if not complete:
        left = len(run.missing)
        echo.note(
            f"this process is done; other processes are still measuring {left} shards of"
            f" '{run.path}'"
        )
        return
    echo.result(
        f"{run.path}: {counted(images, 'image')}, {counted(len(run.scales), 'scale')}, "
        f"{counted(len(run.units), 'unit')}, {counted(len(run.present), 'class', 'classes')}"
    )
    echo.next(
        ["summary", run.path],
        ["plot", run.path, "--figure", "3c", "--out", "figure3.pdf"],
        ["report", run.path, "--to", "report.html"],
    )
    if errors and analysis.missing:
        count = f"{len(errors)} of {len(analysis.images)}"
        text = f"{count} images could not be read; the run lists them"
        leave_unreadable(errors, text, IN_PART if images else FAILED, analysis.ranks, echo)
