"""`skviz attention`: the paper's figure 3 (a) for photographs."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skviz.names import escaped
from skviz.numbers import percent, signed
from skviz.reports.tables import Column, Table

from .. import options
from ..echo import Echo, command_line
from ..exit_codes import FAILED, IN_PART, Failure, exit_code
from ..options.look import look as chosen_look
from ..options.network import Network, network as chosen_network

if TYPE_CHECKING:
    from skviz.reports.single import ImageReport, Look
    from skviz.studies.image_result import ImageResult


_QUANTITY = {
    False: "attention difference: largest minus smallest kernel",
    True: "mean of the gate over channels: one branch, so there is no difference",
}


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=options.ImagePath())
@options.stages
@options.scales
@chosen_look
@chosen_network
@options.group
@options.branch
@options.formats
@options.data
@options.style
@options.path_option(
    "--sheet",
    "FILE",
    "Also draw all images below each other in one figure, as figure 3 (a) and (b); its "
    "suffix sets the format: .png, .pdf or .svg.",
)
@options.output
def attention(
    images: tuple[Path, ...],
    stages: tuple[str, ...],
    scales: tuple[float, ...],
    look: Look,
    network: Network,
    sheet: Path | None,
    echo: Echo,
    **given: Any,
) -> None:
    """Draw the attention of photographs at several scales: figure 3 (a) of the paper.

    The IMAGE `example` is a photograph that ships with skviz: an okapi (Caltech-101, CC BY 4.0).

    Each IMAGE gets a figure `<stem>_attention_<units>.<format>`, and a table of the attention
    difference: the mean over channels of the attention of the largest kernel minus that of the
    smallest, and its change from 1.0x.

    With --json, one image gives one object; several give {"images": [...], "errors": [...]}.
    """
    from skviz.files import check_output
    from skviz.notes import notes_on_pictures
    from skviz.reports.single import ReportOptions, check_before, report_images, save_sheet
    from skviz.studies.unit_choice import PAPER_LINE

    if sheet is not None:
        if sheet.suffix.lower() not in (".png", ".pdf", ".svg"):
            raise click.UsageError(f"expected a sheet ending in .png, .pdf or .svg, got '{sheet}'")
        check_output(sheet, given["overwrite"])
    chosen = ReportOptions(**given, command=command_line())
    usual = [PAPER_LINE] if network.model is None else []
    check_before(images, stages or usual, chosen)
    reports = []
    for report in report_images(
        images,
        network.load(),
        attention=network.attention_at or None,
        stages=stages,
        scales=scales,
        look=look,
        options=chosen,
    ):
        _show(report, echo, alone=len(images) == 1)
        reports.append(report)
    results = [report.result for report in reports if report.result]
    if sheet is not None and results:
        save_sheet(results, sheet, chosen)
        echo.result(f"written: {sheet}")
    for note in _notes(results):
        echo.warn(note)
    read = ((escaped(str(r.image)), assumed) for r in results for assumed in r.assumed)
    for assumption in notes_on_pictures(read):
        echo.warn(str(assumption))
    document = _document(reports)
    echo.document(document if sheet is None else {**document, "sheet": str(sheet)})
    if results:
        shown = options.image_word(results[0].image or "")
        same = network.words()
        echo.next(["explore", shown, *same], ["report", shown, *same, "--to", "report.html"])
    _leave(reports)


def _show(report: ImageReport, echo: Echo, alone: bool) -> None:
    if report.result is None:
        if not alone:  # An image by itself fails as the command does.
            echo.error(str(report.error))
        return
    echo.result(*_parts(report.result))
    echo.written(report.files)
    echo.result("")


def _notes(results: list[ImageResult]) -> list[str]:
    """What must be known of the images; of how many, where it is not all of them.

    What is to be known of the weights was said when they were loaded.
    """
    counts = Counter(n for result in results for n in result.notes if n not in result.model.notes)
    return [
        note if count == len(results) else f"{count} of {len(results)} images: {note}"
        for note, count in counts.items()
    ]


def _parts(result: ImageResult) -> list[str | Table]:
    """One row per unit: the difference at each scale, and in brackets its change."""
    labels = result.views.labels
    # Not as a frame: importing pandas would take longer than the network.
    found = result.rows()
    digits = _digits(max(abs(change) for *_, change in found))

    def written(pair: tuple[float, float | None]) -> str:
        value, change = pair
        bracket = "" if change is None else f" ({signed(change, digits)})"
        return f"{signed(value, digits)}{bracket}"

    columns = [Column("unit"), Column("kernels", right=True)]
    for index, label in enumerate(labels):
        # Heads stand over the differences, not over the changes behind them.
        blank = "" if index == result.reference else " " * len(f" ({signed(0, digits)})")
        columns.append(Column(label + blank, written))
    rows = []
    for start in range(0, len(found), len(labels)):
        unit, kernels = found[start][:2]
        pairs = [
            (value, None if index == result.reference else change)
            for index, (*_, value, change) in enumerate(found[start : start + len(labels)])
        ]
        rows.append([unit, kernels, *pairs])
    name = escaped(Path(result.image).name) if result.image else "image"
    head = [
        f"{name}: {result.model.name}, weights: {result.model.weights}",
        f"{_QUANTITY[result.gates]} (in brackets: change from {labels[result.reference]})",
    ]
    return [*head, Table(tuple(columns), rows), *_classes(result)]


def _classes(result: ImageResult) -> list[str]:
    """Top predictions, one line per scale."""
    classes = result.classes
    if classes is None:
        return []
    lines = [
        f"  {label:>5}  "
        + ", ".join(f"{name} {percent(probability, 0)}" for name, probability in best)
        for label, best in zip(result.views.labels, classes, strict=True)
    ]
    return ["top predictions:", *lines]


def _digits(largest_change: float) -> int:
    """Decimals that show two digits of the largest change, four at least, seven at most."""
    if largest_change <= 0:
        return 4
    return min(7, max(4, 1 - math.floor(math.log10(largest_change))))


def _document(reports: list[ImageReport]) -> dict[str, object]:
    if len(reports) == 1:
        return reports[0].to_dict()
    return {
        "images": [report.to_dict() for report in reports if report.error is None],
        "errors": [report.to_dict() for report in reports if report.error is not None],
    }


def _leave(reports: list[ImageReport]) -> None:
    broken = [report.error for report in reports if report.error is not None]
    if not broken:
        return
    if len(reports) == 1:
        raise Failure(str(broken[0]), exit_code(broken[0]))
    text = f"{len(broken)} of {len(reports)} images failed"
    raise Failure(text, FAILED if len(broken) == len(reports) else IN_PART)
