"""`skviz receptive-field`: the effective receptive field of units, as a measurement."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.numbers import known, number, signed
from skviz.reports.tables import Column, Table

from .. import options
from ..drawing import save_display
from ..echo import Echo
from ..exit_codes import IN_PART, Failure
from ..options.network import Network, network as chosen_network

if TYPE_CHECKING:
    from skviz.studies.receptive_field.result import ReceptiveField


@click.command()
@click.argument(
    "images",
    nargs=-1,
    required=True,
    metavar="DATASET_OR_IMAGE...",
    type=click.Path(path_type=Path),
)
@options.stages
@options.scales
@options.count_option(
    "--limit",
    "N",
    "Images that are measured, evenly spread over the data set.",
    default=64,
    show_default=True,
)
@chosen_network
@options.count_option(
    "--batch-size", "N", "Images per batch, each at all scales.  [default: chosen by the device]"
)
@click.option(
    "--through-attention",
    is_flag=True,
    help="Let gradients go through the attention too; its global pooling reaches every pixel.",
)
@options.formats
@options.style
@options.output
def receptive_field(
    images: tuple[Path, ...],
    stages: tuple[str, ...],
    scales: tuple[float, ...],
    limit: int,
    network: Network,
    batch_size: int | None,
    through_attention: bool,
    formats: tuple[str, ...],
    style: str,
    out: Path,
    overwrite: bool,
    echo: Echo,
) -> None:
    """Measure the effective receptive field of units: its map and width, at several scales.

    DATASET_OR_IMAGE is a data set as for `skviz analyze`, or one or more images. The field is the
    gradient of the unit's central output with respect to the input, averaged over images (Luo et
    al. 2016): of each branch, mixed by the attention, with all weight on the smallest or the
    largest kernels, and with the attention kept as it is at 1.0x. So the table shows how much of a
    change in width is due to the attention.

    Each unit gets `field_<unit>.<format>`, its numbers as .csv and .json, and its maps as .npz.
    With --json, one unit gives one object; several give {"units": [...]}.
    """
    from skviz.capture.probe import Probe
    from skviz.figures.style.sheets import style_names
    from skviz.files import check_output, output_folder
    from skviz.studies.receptive_field.study import receptive_field
    from skviz.studies.unit_choice import choose_units

    style_names(style)
    probe = Probe(network.load(), attention=network.attention_at or None)
    units = choose_units(probe.units, stages).lines
    output_folder(out)
    stems = [f"field_{re.sub(r'[^A-Za-z0-9._-]', '_', unit.short)}" for unit in units]
    for stem in stems:
        for ending in ("npz", "json", "csv", *formats):
            check_output(out / f"{stem}.{ending}", overwrite)
    documents = []
    found = None
    said: set[str] = set()
    for unit, stem in zip(units, stems, strict=True):
        found = receptive_field(
            probe,
            images[0] if len(images) == 1 else images,
            unit.name,
            scales,
            limit=limit,
            batch_size=batch_size,
            through_attention=through_attention,
            progress=not echo.quiet,
        )
        files = _write(found, out, stem, formats, style, overwrite)
        documents.append({**found.to_dict(), "files": [str(file) for file in files]})
        echo.result(*_parts(found))
        echo.written(files)
        echo.result("")
        for note in found.notes:
            if note not in said:  # What holds for the images holds for every unit.
                echo.warn(note)
        said.update(found.notes)
    assert found is not None, "choose_units returns a unit or more"
    if not found.about["trained"]:
        echo.warn("untrained network: this is the field of random weights")
    echo.document(documents[0] if len(documents) == 1 else {"units": documents})
    if images[0].is_dir():
        echo.next(["analyze", images[0], *network.words(), "--out", "run"])
    else:
        echo.next(["attention", options.image_word(images[0]), *network.words()])
    echo.unreadable(found.errors)
    if found.errors:
        count = len(found.errors)
        raise Failure(f"{count} of {count + len(found.images)} images failed", IN_PART)


def _write(
    found: ReceptiveField,
    out: Path,
    stem: str,
    formats: tuple[str, ...],
    style: str,
    overwrite: bool,
) -> list[Path]:
    from skviz.figures.provenance import Provenance
    from skviz.figures.studies.field_figure import FieldFigure
    from skviz.files import write_text
    from skviz.frames import csv_text
    from skviz.studies.receptive_field.store import save_field

    files = list(save_field(found, out, stem, overwrite=overwrite))
    files.append(write_text(out / f"{stem}.csv", csv_text(found.to_frame()), overwrite=overwrite))
    display, about = FieldFigure.from_field(found), Provenance.of_field(found)
    figures = (out / f"{stem}.{kind}" for kind in formats)
    return files + save_display(display, about, style, figures, overwrite)


def _parts(found: ReceptiveField) -> list[str | Table]:
    """Widths per field and scale, then where the change of the mixed field comes from."""
    frame, labels = found.to_frame(), found.labels
    columns = (Column("field"), *(Column(label, _width) for label in labels))
    rows = [[str(label), *part.width] for label, part in frame.groupby("field", sort=False)]
    about = found.about
    head = [
        f"{found.unit.name}: {about['model']}, weights: {about['weights']}, "
        f"{len(found.images)} images of {found.maps.shape[-1]} x {found.maps.shape[-2]} pixels",
        "width of the effective receptive field (side of the box of the same variance, in pixels "
        "of the input)",
    ]
    shown: list[str | Table] = [*head, Table(columns, rows)]
    changes = found.changes()
    if len(changes):
        others = [label for i, label in enumerate(labels) if i != found.reference]
        ends = [found.unit.branch_label(i) for i in (found.unit.largest, found.unit.smallest)]
        parts = {
            "total": f"mixed, minus that at {labels[found.reference]}",
            "picture": "  with the attention kept",
            "attention": "  due to the attention",
            "possible": "all {} minus all {}".format(*ends),
        }
        columns = (Column("difference in pixels"), *(Column(label, _change) for label in others))
        rows = [
            [parts[str(name)], *part[["value", "low", "high"]].to_numpy()]
            for name, part in changes.groupby("part", sort=False)
        ]
        words = "(in brackets: 95 % intervals over images)"
        shown += ["", Table(columns, rows), words]
    return shown


_width = partial(number, digits=1)


def _change(found: tuple[float, float, float]) -> str:
    value, *ends = (signed(part, 2) for part in found)
    # Too few images have no interval.
    return f"{value} [{', '.join(ends)}]" if known(found[1]) else value
