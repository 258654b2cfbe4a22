"""`skviz plot`: the figures of a run, drawn from its records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from skviz.displays import ALIASES, DISPLAYS

from .. import options
from ..echo import Echo, command_line

PAPER = "paper"  # in place of a run
USUAL = {"every": 1, "smooth": 1, "sort": "index", "paper": False, "quantity": "difference"}
# Options that the paper's own figures, whose values are fixed, do not have.
_OF_RUNS = (
    "units", "scales", "every", "smooth", "sort", "group", "branch", "deviations", "paper",
    "quantity", "null",
)  # fmt: skip


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--figure",
    "kind",
    type=options.NearChoice((*DISPLAYS, "3a", "3b", *ALIASES)),
    required=True,
    help="; ".join(f"{name}: {about}" for name, (_, about) in DISPLAYS.items())
    + "; 4: classes. Of `paper`: 3a, 3b, 3c or 4.",
)
@options.units(
    "units",
    "Unit to draw: 3_4, a pattern such as 3_*, paper or all; may be repeated.  "
    "[default: those of the paper's figure; for units: all]",
    "--unit",
)
@options.scales_option("Scales to draw, comma-separated.  [default: all; for classes: 1,1.5]")
@options.count_option("--every", "N", "Draw every Nth class.", default=USUAL["every"])
@options.count_option("--smooth", "N", "Draw the mean of N consecutive classes.", default=1)
@click.option(
    "--sort",
    type=options.NearChoice(("index", "shift", "name")),
    default=USUAL["sort"],
    show_default=True,
    help="Order of the classes, or of the channels of a heat map.",
)
@options.group
@options.branch
@click.option(
    "--deviations/--no-deviations",
    default=None,
    help="Show the standard deviation over images.  [default: for bars]",
)
@click.option(
    "--paper",
    is_flag=True,
    help="Show the paper's values, too (SKNet-50): over the figure, for lines beside it.",
)
@options.quantity
@options.null
@options.style
@options.path_option(
    "--out", "FILE", "The figure; its suffix sets the format: .png, .pdf or .svg.", required=True
)
@options.overwrite
@options.echo
def plot(
    run: Path,
    kind: str,
    null: tuple[Path, ...],
    style: str,
    out: Path,
    overwrite: bool,
    echo: Echo,
    **given: Any,
) -> None:
    """Draw a figure of a RUN from its records. The network is not needed.

    The RUN `paper` stands for the paper's figures 3 and 4, drawn from the published values: see
    what the paper found and how to read it.

    An incomplete run is drawn from the records it has, with a warning. With --null a hatched band
    shows where this network would lie at the larger scale if it shifted like random networks.
    """
    from skviz.figures.metadata import figure_metadata
    from skviz.figures.redraw import check_options, drawn_run
    from skviz.figures.runs.paper_figures import draw_paper
    from skviz.figures.save import save_figure
    from skviz.figures.style.sheets import style_names
    from skviz.files import check_output
    from skviz.inference.summary import summarise
    from skviz.runs.records import Run
    from skviz.studies.controls.evidence import random_runs

    of_paper = str(run) == PAPER and not run.exists()
    if of_paper:
        _check_paper(kind)
    elif kind in ("3a", "3b"):
        raise click.UsageError(
            f"figure 3 ({kind[1]}) is of one photograph, got a run; draw it with"
            " `skviz attention IMAGE`, or the paper's with `skviz plot paper`"
        )
    # What is as always is left to the display.
    chosen = {name: v for name, v in given.items() if v not in (None, ()) and v != USUAL.get(name)}
    if not of_paper:
        check_options(kind, chosen)
    style_names(style)
    check_output(out, overwrite)
    if of_paper:
        drawn, caption = draw_paper(kind, style)
    else:
        records = Run(run)
        if not records.complete:
            missing = f"{len(records.missing)} of {records.settings['shards']} shards are missing"
            echo.warn(f"the run is not complete: {missing}")
        unknown = [unit.name for unit in records.units if not unit.kernels_known]
        if given["quantity"] == "expected_kernel" and unknown:
            echo.warn(f"kernel sizes, and so expected ones, are not known of {', '.join(unknown)}")
        summary, random = summarise(records, resamples=0), random_runs(null)
        drawn, caption = drawn_run(summary, kind, random, style=style, **chosen)
    save_figure(drawn, out, figure_metadata(caption, command_line()), overwrite=overwrite)
    echo.document({"run": str(run), "figure": kind, "files": [str(out)]})
    echo.written([out])
    echo.next(["attention", "example"] if of_paper else ["report", run, "--to", "report.html"])


def _check_paper(kind: str) -> None:
    """Check that the paper has this figure, and that it was asked for nothing that it has not."""
    from skviz.figures.runs.paper_figures import PAPER_FIGURES

    context = click.get_current_context()
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in _OF_RUNS
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(f"expected no {', '.join(given)} with the paper's own figures")
    if kind not in PAPER_FIGURES:
        raise click.UsageError(
            f"expected a figure of the paper out of {', '.join(PAPER_FIGURES)}, got '{kind}'"
        )
