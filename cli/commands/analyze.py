"""`skviz analyze`: a data set into a folder of records, for figures 3 (c) and 4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.numbers import counted, rounding

from .. import options
from ..echo import Echo
from ..exit_codes import FAILED, IN_PART, INTERRUPTED, Failure
from ..options.dataset import Dataset, dataset
from ..options.network import Network, network as chosen_network
from ..options.running import RunOptions, computing, kept, run_options, running, units, views

if TYPE_CHECKING:
    from skviz.notes import Note
    from skviz.runs.analyze import Analysis
    from skviz.runs.records import Run

# More unreadable images than this are left to the run's own list.
_SHOWN = 5
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
@options.as_json
@options.quiet
def analyze(
    out: Path,
    control: str | None,
    scales: str,
    units: tuple[str, ...],
    network: Network,
    images: Dataset,
    how: RunOptions,
    as_json: bool,
    quiet: bool,
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
    from skviz.hardware.devices import choose_device
    from skviz.runs.analyze import prepare
    from skviz.runs.ranks import Ranks
    from skviz.runs.records import RUN
    from skviz.scales import parse_scales
    from skviz.studies.controls.change import change_of

    echo = Echo(quiet=quiet, as_json=as_json)
    RUN.check(out)
    wanted = parse_scales(scales)
    change = change_of(control)
    opened = images.open(out)
    place = Ranks.from_environment().device(choose_device(network.device))
    analysis = prepare(
        opened,
        network.build().to(place),
        out=out,
        scales=wanted,
        units=units,
        attention=network.attention_at or None,
        options=how.settle(),
        change=change,
    )
    if analysis.ranks.first:
        _announce(analysis, echo)
    try:
        analysis(progress=not quiet)
    except KeyboardInterrupt:
        raise Failure(_interrupted(analysis.run), INTERRUPTED) from None
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
    done, total = len(run.done), run.settings["shards"]
    if done == total:
        echo.note(f"'{run.path}' is already finished; nothing to do")
    elif analysis.resumed:
        echo.note(f"resuming '{run.path}': {done} of {total} shards are done")


def _interrupted(run: Run) -> str:
    done, total = len(run.done), run.settings["shards"]
    return (
        f"interrupted: {done} of {total} shards are done in '{run.path}', the one under way is "
        "lost; run the same command again to go on"
    )


def _leave(analysis: Analysis, echo: Echo) -> None:
    run = analysis.run
    errors, images, complete = run.errors, run.images, run.complete
    if analysis.ranks.first:
        notes = run.notes  # What was assumed to read images is known only now.
        echo.notes(notes, analysis.notes)
        echo.document(_document(run, images, complete, errors, notes, analysis.resumed))
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
    if not errors or not analysis.missing:
        return
    for error in errors[:_SHOWN]:
        echo.error(f"{error['image']}: {error['reason']}")
    text = f"{len(errors)} of {len(analysis.images)} images could not be read; the run lists them"
    # torchrun takes any exit code but 0 for a crash, and would end the other processes.
    if analysis.ranks.launched:
        echo.warn(text)
    else:
        raise Failure(text, IN_PART if images else FAILED)


def _document(
    run: Run,
    images: int,
    complete: bool,
    errors: list[dict[str, str]],
    notes: Sequence[Note],
    resumed: bool,
) -> object:
    return {
        "run": str(run.path),
        "complete": complete,
        "resumed": resumed,
        "images": images,
        "scales": list(run.scales),
        "units": [unit.name for unit in run.units],
        "classes": len(run.present),
        "shards": {"done": len(run.done), "total": run.settings["shards"]},
        "unreadable": errors,
        "notes": [*(run.settings["model"].get("notes") or ()), *(note.to_dict() for note in notes)],
    }
