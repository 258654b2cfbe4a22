"""`skviz analyze`: a data set into a folder of records, for figures 3 (c) and 4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import candidates, options
from .echo import Echo
from .edge import FAILED, IN_PART, INTERRUPTED, Failure
from .network import Network, network as chosen_network

if TYPE_CHECKING:
    from skviz.runs.analyze import Analysis
    from skviz.runs.records import Run

# More unreadable images than this are left to the run's own list.
_SHOWN = 5
# An error of a mean attention difference that could pass for an effect.
_NOTABLE = 2e-4


class AutoNumber(click.ParamType):  # type: ignore[type-arg]
    """A whole number of at least `least`, or "auto", which is None."""

    name = "number"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Return the number, or None for "auto"."""
        if value == "auto":
            return None
        try:
            number = int(value)
        except ValueError:
            self.fail(f"expected a whole number or auto, got '{value}'.", param, ctx)
        if number < self.least:
            self.fail(f"expected at least {self.least}, got {number}.", param, ctx)
        return number


class Part(click.ParamType):  # type: ignore[type-arg]
    """A share such as 2/10: the second of ten parts."""

    name = "part"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return both numbers."""
        first, _, second = str(value).partition("/")
        if not (first.isdecimal() and second.isdecimal()):
            self.fail(f"expected a part such as 2/10, got '{value}'.", param, ctx)
        return int(first), int(second)


run_folder = click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="RUN",
    help="Folder for the records; the same command on it resumes an unfinished run.",
)
units = click.option(
    "--units",
    type=options.CommaList(),
    shell_complete=candidates.units,
    default="all",
    show_default=True,
    metavar="LIST",
    help="Units to record: 3_4, patterns such as 3_*, paper or all, with commas between them.",
)
data_set = options.together(
    click.option(
        "--labels",
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="ImageNet's ground truth: the development kit, its text file, or Kaggle's CSV.  "
        "[default: found beside the images]",
    ),
    click.option(
        "--boxes",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder of ImageNet's XML boxes: centre the crop on the object.",
    ),
    click.option(
        "--root",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder that a manifest's paths, or a torchvision data set, lie in.",
    ),
    click.option("--split", metavar="NAME", help="Part of a torchvision data set: train, test."),
    click.option(
        "--classes",
        type=options.CommaList(),
        metavar="LIST",
        default=None,
        help="Only these classes, by name or number, with commas between them.",
    ),
    click.option(
        "--shuffle", type=click.IntRange(min=0), metavar="SEED", help="Order images at random."
    ),
    click.option(
        "--per-class", type=click.IntRange(min=1), metavar="N", help="First N images per class."
    ),
    click.option("--limit", type=click.IntRange(min=1), metavar="N", help="First N images."),
    click.option(
        "--part",
        type=Part(),
        metavar="I/N",
        help="Only the I-th of N parts, for runs made apart and joined by `skviz merge`.",
    ),
)
views = options.together(
    click.option(
        "--resample",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.RESAMPLE),
        default="bicubic",
        show_default=True,
        help="Filter: nearest, box, bilinear, hamming, bicubic or lanczos.",
    ),
    click.option(
        "--fill",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.FILL),
        default="mean",
        show_default=True,
        help="What is beyond the picture: mean, black, white, edge or reflect.",
    ),
)
kept = options.together(
    click.option(
        "--channels",
        type=options.CommaList(),
        shell_complete=candidates.units,
        metavar="LIST",
        default=None,
        help="Units whose whole attention vectors are kept (float16).",
    ),
    click.option(
        "--class-channels", is_flag=True, help="Keep moments of every channel for every class."
    ),
)
running = options.together(
    click.option(
        "--batch-size",
        type=AutoNumber(1),
        metavar="N",
        default="auto",
        show_default=True,
        help="Views per batch, over images and scales.",
    ),
    click.option(
        "--precision",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.PRECISION),
        default="fp32",
        show_default=True,
        help="Arithmetic of the network: fp32, bf16 or fp16.",
    ),
    click.option(
        "--workers",
        type=AutoNumber(0),
        metavar="N",
        default="auto",
        show_default=True,
        help="Processes that read images; 0 reads in the main one.",
    ),
    click.option(
        "--shard-size",
        type=AutoNumber(1),
        metavar="N",
        default="auto",
        show_default=True,
        help="Images per shard: what a killed run may lose.",
    ),
)
computing = options.together(
    click.option(
        "--tune/--no-tune",
        default=None,
        help="Fold batch normalisation into the convolutions, and choose the order of the data in "
        "memory by measurement; the attention changes by rounding only, which the run records.  "
        "[default: where the network runs for more than five seconds]",
    ),
    click.option(
        "--compile",
        "compiled",
        is_flag=True,
        help="Compile the network first (torch.compile): tens of seconds, then faster.",
    ),
    click.option(
        "--predictions/--no-predictions",
        default=True,
        show_default=True,
        help="Record the predicted class. Without it the network runs only as far as the deepest "
        "unit asked for.",
    ),
)


@click.command()
@click.argument("dataset")
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
@data_set
@views
@kept
@running
@computing
@options.as_json
@options.quiet
def analyze(
    dataset: str,
    out: Path,
    control: str | None,
    scales: str,
    units: tuple[str, ...],
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
    as_json: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Record the attention of every image of a data set at several scales.

    DATASET is a folder of images (sub-folders are classes), ImageNet's validation set as it is
    distributed, a manifest (.csv or .parquet with the columns path, label and left, top, right,
    bottom for boxes), or torchvision:NAME. RUN opens with pandas, Polars or DuckDB; its format is
    in the documentation.

    Ctrl-C ends at the next batch. The same command goes on with an unfinished RUN, also with
    another number of processes: start it under torchrun for several, on any number of machines
    that share the folder. Unreadable images are skipped and listed (exit code 3; under torchrun
    a warning only).
    """
    from skviz.data import DataSource, Subset, open_dataset
    from skviz.devices import choose_device
    from skviz.runs.analyze import prepare
    from skviz.runs.options import Options
    from skviz.runs.ranks import Ranks
    from skviz.runs.store import check_run_folder
    from skviz.scaling import parse_scales
    from skviz.studies.controls.change import change_of

    echo = Echo(quiet=quiet, as_json=as_json)
    check_run_folder(out)
    wanted = parse_scales(scales)
    change = change_of(control)
    subset = Subset(classes or (), shuffle, per_class, limit, part)
    images = open_dataset(DataSource(dataset, labels, boxes, root, split, subset))
    place = Ranks.from_environment().device(choose_device(network.device))
    how["channels"] = how["channels"] or ()
    analysis = prepare(
        images,
        network.build().to(place),
        out=out,
        scales=wanted,
        units=units,
        attention=network.attention_at or None,
        options=Options(**how),
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
    for note in analysis.notes:
        echo.warn(str(note))
    if not run.settings["model"]["trained"]:
        echo.warn("untrained network: the attention is that of random weights")
    if any(unit.branches == 1 for unit in run.units):
        echo.warn(
            "gates have one branch and so no attention difference: `difference` stays empty, "
            "`attention_0` is their mean; the figures lines and channels apply"
        )
    if run.classes and run.settings["dataset"]["labels"] is None:
        echo.warn("the classes of data set and network differ: `correct` stays empty")
    error = run.settings.get("rounding")
    if error:
        how = Arithmetic.of(run.settings["arithmetic"]).words(run.settings["precision"])
        echo.note(
            f"the network computes {how}: over {error['views']} views attention is off by up to "
            f"{error['attention']:.1e}, the mean difference of a unit by up to "
            f"{error['difference']:.1e}"
        )
        if error["difference"] > _NOTABLE:
            echo.warn(
                "this is as large as shifts between scales often are; --precision fp32 is exact"
            )
    done, total = len(run.done), run.settings["shards"]
    if done == total:
        echo.note(f"'{run.path}' is finished already: nothing to do")
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
        for note in run.notes:
            if note not in analysis.notes:  # What was assumed to read images is known only now.
                echo.warn(str(note))
        echo.document(_document(run, images, complete, errors, analysis.resumed))
    if not complete:
        left = len(run.missing)
        echo.note(f"this process is done; {left} shards of '{run.path}' are still with others")
        return
    echo.result(
        f"{run.path}: {images:,} images, {len(run.scales)} scales, {len(run.units)} units, "
        f"{len(run.present)} classes"
    )
    if not errors or not analysis.missing:
        return
    for error in errors[:_SHOWN]:
        echo.error(f"{error['image']}: {error['reason']}")
    text = f"{len(errors)} of {len(analysis.images)} images could not be read; the run lists them"
    # torchrun takes any exit code but 0 for a crash, and would end the other processes.
    if analysis.ranks.world > 1:
        echo.warn(text)
    else:
        raise Failure(text, IN_PART if images else FAILED)


def _document(
    run: Run,
    images: int,
    complete: bool,
    errors: list[dict[str, str]],
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
        "notes": [*(run.settings["model"].get("notes") or ()), *(n.to_dict() for n in run.notes)],
    }
