"""`skviz report`: a run, or images, as a page, slides, a document or a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from skviz.names import escaped

from .. import options
from ..echo import Echo, command_line
from ..exit_codes import FAILED, IN_PART, Failure
from ..options.look import look as chosen_look
from ..options.network import Network, network as chosen_network

if TYPE_CHECKING:
    from skviz.errors import SkvizError
    from skviz.reports.document import Document
    from skviz.reports.single import Look
    from skviz.studies.image_result import ImageResult

    Errors = list[tuple[Path, SkvizError]]

SCALES = "1,1.1,1.2,1.3,1.4,1.5,1.6,1.7,1.8,1.9,2"


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="RUN|IMAGE...", type=options.ImagePath())
@options.path_option(
    "--to",
    "FILE",
    "The report: .html, .pptx or .pdf; a name without an ending is a folder of figures, "
    "captions and tables.",
    required=True,
)
@options.path_option(
    "--controls", "DIR", "Folder of `skviz controls` for the run: adds the verdicts."
)
@click.option("--title", metavar="TEXT", help="Title of the report, instead of network and data.")
@click.option(
    "--sections",
    metavar="LIST",
    help="Slides: only these, in this order: question, reading, pictures, figure3, paper, units, "
    "classes, controls, verdict, limits, provenance.",
)
@click.option("--appendix", is_flag=True, help="Slides: all other figures and all tables as well.")
@options.path_option(
    "--template", "FILE", "Slides: a .pptx whose masters, fonts and colours are used."
)
@click.option(
    "--card",
    is_flag=True,
    help="A model card instead, from a folder of `skviz controls`: FILE is the folder that gets "
    "MODEL.card.md and MODEL.card.json. Takes --model, --weights, --device.",
)
@options.path_option(
    "--interventions",
    "DIR",
    "Card: a folder of `skviz intervene`; adds top-1 when the attention is replaced.",
)
@click.option(
    "--tried",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Card: CSV with one row per recipe tried, included as a table.",
)
@click.option(
    "--notes",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Card: Markdown, included unchanged.",
)
@options.stages
@options.scales_option(
    "For images: sizes of the central object.  [default: 1 to 2 in steps of 0.1]", default=SCALES
)
@chosen_look
@chosen_network
@options.style
@options.overwrite
@options.echo
def report(
    inputs: tuple[Path, ...],
    to: Path,
    controls: Path | None,
    title: str | None,
    sections: str | None,
    appendix: bool,
    template: Path | None,
    card: bool,
    interventions: Path | None,
    tried: Path | None,
    notes: Path | None,
    stages: tuple[str, ...],
    scales: tuple[float, ...],
    look: Look,
    network: Network,
    style: str,
    overwrite: bool,
    echo: Echo,
) -> None:
    """Make a report of a RUN, or of IMAGEs, for a reader.

    A RUN is a folder of `skviz analyze`, or of `skviz controls`, whose verdicts then become part of
    the report; the network is not needed. An IMAGE passes through the network at many scales; it
    may also be the .json that `skviz attention --data json` wrote.

    With --card the report is a model card: accuracy, size and speed of the network, the attention
    difference per unit and scale beside the paper's values and random networks, and the verdict on
    every unit. It needs the network, and the controls made with it.
    """
    from skviz.errors import UsageError
    from skviz.figures.style.sheets import style_names
    from skviz.reports.words import short_paths
    from skviz.reports.writers import writer_of
    from skviz.studies.controls.suite import is_suite

    style_names(style)
    if card:
        if len(inputs) != 1 or not is_suite(inputs[0]):
            raise UsageError("expected one folder of `skviz controls` for a model card")
        _write_card(inputs[0], to, network, interventions, tried, notes, overwrite, echo)
        return
    for option, value in (("interventions", interventions), ("tried", tried), ("notes", notes)):
        if value is not None:
            raise UsageError(f"'--{option}' belongs to --card; leave it out")
    runs = [path for path in inputs if path.is_dir()]
    if runs and len(inputs) > 1:
        raise UsageError(
            f"expected one run, or images, got {len(inputs)} names, the folder '{runs[0]}' among"
            " them; make a report of each"
        )
    given = click.get_current_context().get_parameter_source("stages")
    if runs and stages and given is ParameterSource.COMMANDLINE:  # A file's default is no request.
        raise UsageError("'--units' belongs to images, got a run; leave it out")
    if runs and any(vars(look).values()):
        raise UsageError(
            "--box, --center and --control belong to images, got a run; leave them out"
        )
    if not runs and controls is not None:
        raise UsageError("'--controls' belongs to a run, got images; leave it out")
    talk = {"sections": _names(sections), "appendix": appendix, "template": template}
    chosen = {name: value for name, value in talk.items() if value}
    write = writer_of(to, overwrite, style, short_paths(command_line()), chosen)
    errors: Errors = []
    if runs:
        document = _of_run(runs[0], controls)
    else:
        document, errors = _of_images(inputs, stages, scales, look, network, echo)
    if title:
        document = replace(document, title=title)
    for note in document.notes:
        echo.warn(note)
    files = [str(file) for file in write(document)]
    failed = [{"image": escaped(str(image)), "error": str(error)} for image, error in errors]
    echo.document({"title": document.title, "files": files, "errors": failed})
    echo.written(files)
    if not runs:
        echo.next(["analyze", "DATASET", *network.words(), "--out", "run"])
    elif controls is None and not is_suite(runs[0]):
        echo.next(["controls", "DATASET", "--out", "controls"])
    if errors:
        raise Failure(f"{len(errors)} of {len(inputs)} images failed", IN_PART)


def _write_card(
    controls: Path,
    out: Path,
    network: Network,
    interventions: Path | None,
    tried: Path | None,
    notes: Path | None,
    overwrite: bool,
    echo: Echo,
) -> None:
    """Measure what a card adds to the controls, and write it as JSON and Markdown."""
    from skviz.models import DEFAULT_MODEL
    from skviz.models.registry import bundled_weights
    from skviz.reports.card import accuracy_table, check_card, write_card
    from skviz.studies.card import model_card, read_notes, read_tried, replaced_attention
    from skviz.studies.controls.suite import ControlSuite
    from skviz.studies.interventions.result import InterventionRun

    name = network.model or DEFAULT_MODEL
    check_card(out, name, overwrite)
    # Before anything is measured: what is wrong with the files must not show afterwards.
    what = read_tried(tried) if tried else None
    text = read_notes(notes) if notes else ""
    model = network.load()
    suite = ControlSuite(controls)
    replaced = replaced_attention(InterventionRun(interventions), model) if interventions else None
    path = network.weights or bundled_weights(name)
    assert path is not None  # Weights that name their classes come from a file.
    measured = model_card(suite, model, path, replaced=replaced, tried=what, notes=text)
    if suite.missing:
        echo.warn(f"unfinished and left out: {', '.join(suite.missing)}")
    written = write_card(measured, out, overwrite)
    echo.document({**measured, "files": [str(file) for file in written]})
    echo.result(accuracy_table(measured), "\n".join(measured["summary"]))
    echo.written(written)
    unreadable = len(suite.plain.errors)
    if unreadable:
        raise Failure(f"{unreadable} images could not be read and are left out", IN_PART)


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (listed or "").split(",") if name.strip())


def _of_run(folder: Path, controls: Path | None) -> Document:
    from skviz.reports.documents.of_run import run_document
    from skviz.runs.records import Run
    from skviz.studies.controls.suite import ControlSuite, is_suite

    if is_suite(folder):
        return run_document(ControlSuite(folder).plain, folder if controls is None else controls)
    return run_document(Run(folder), controls)


def _of_images(
    images: tuple[Path, ...],
    stages: tuple[str, ...],
    scales: tuple[float, ...],
    look: Look,
    network: Network,
    echo: Echo,
) -> tuple[Document, Errors]:
    """Read what was saved, and run the others; one that fails does not stop the rest."""
    from skviz.errors import ImageError, ScaleError, UsageError
    from skviz.reports.documents.of_images import image_document
    from skviz.reports.documents.saved import read_result
    from skviz.studies.image import ImageAnalysis

    results: list[ImageResult] = []
    errors: Errors = []
    analysis = None
    for image in images:
        if image.suffix.lower() == ".json":
            results.append(read_result(image))
            continue
        if analysis is None:
            at = network.attention_at or None
            analysis = ImageAnalysis.of(
                network.load(),
                stages,
                attention=at,
                photographs=[path for path in images if path.suffix.lower() != ".json"],
            )
        try:
            results.append(analysis(image, scales, **vars(look)))
        except (ImageError, ScaleError, UsageError) as error:
            if len(images) == 1:
                raise
            echo.error(str(error))
            errors.append((image, error))
    if not results:
        raise Failure(f"{len(errors)} of {len(images)} images failed", FAILED)
    return image_document(results), errors
