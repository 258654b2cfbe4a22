"""The report of single images: their figures and data, written beside each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.errors import ImageError, ScaleError, SkvizError, UsageError
from skviz.files import check_output, output_folder, write_json, write_text
from skviz.frames import csv_text
from skviz.names import escaped
from skviz.numbers import counted, percent
from skviz.reports.words import distinct
from skviz.scales import DEFAULT_SCALES, Scales
from skviz.studies.image import ImageAnalysis
from skviz.studies.image_result import ImageResult

if TYPE_CHECKING:
    from torch import nn

    from skviz.figures import AttentionFigure
    from skviz.pictures.scaling import Views

# More unit names than this would make a file name too long; their number stands for them.
_NAMES_IN_FILE = 6


@dataclass(frozen=True)
class ReportOptions:
    """What is drawn and written for an image.

    `formats` of the figure ("png", "pdf", "svg"), `data` to write beside it ("csv", "json"),
    the folder `out`, the `style` of the figure; `group` and `branch` say which channels and
    which branch the lines show (see `skviz.figures.draw_attention`); `command` is what was
    called, for the metadata of the figure.
    """

    formats: tuple[str, ...] = ("png",)
    data: tuple[str, ...] = ()
    out: Path = Path()
    overwrite: bool = False
    style: str = "default"
    group: int | None = None
    branch: int | None = None
    command: str = ""


@dataclass(frozen=True)
class Look:
    """What of an image the network sees: see `skviz.analyze_image`."""

    box: tuple[float, ...] | None = None
    center: tuple[float, ...] | None = None
    control: str | None = None


@dataclass(frozen=True)
class ImageReport:
    """What became of one image: its result and files, or the error that stopped it."""

    image: Path
    result: ImageResult | None = None
    files: tuple[Path, ...] = ()
    error: SkvizError | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the JSON document of this image: the numbers and files, or the error."""
        if self.result is None:
            return {"image": escaped(str(self.image)), "error": str(self.error)}
        return {**self.result.to_dict(), "files": [str(file) for file in self.files]}


def report_images(
    images: Sequence[Path],
    model: nn.Module,
    *,
    stages: Iterable[str] = (),
    scales: Iterable[float] = DEFAULT_SCALES,
    attention: str | Sequence[str] | None = None,
    look: Look = Look(),
    options: ReportOptions = ReportOptions(),
) -> Iterator[ImageReport]:
    """Analyze images one after another, and write the figure and data of each.

    What can be checked is checked before the network runs: names, scales, and that every file
    may be written. An image that cannot be read, or is too small for a scale, does not stop
    the others: its report carries the error.

    Raises `UnitError`, `ScaleError`, `OutputError`, `UsageError` and `CaptureError`.
    """
    from skviz.figures import style_names

    checked = Scales(scales)
    style_names(options.style)
    analysis = ImageAnalysis.of(model, stages, attention=attention, photographs=images)
    planned = plan_files(images, [unit.short for unit in analysis.choice.lines], options)
    output_folder(options.out)
    for file in chain.from_iterable(planned):
        check_output(file, options.overwrite)
    for image, files in zip(images, planned, strict=True):
        try:
            result = analysis(image, checked, **vars(look))
        except (ImageError, ScaleError, UsageError) as error:
            yield ImageReport(image, error=error)
        else:
            yield ImageReport(image, result, save_result(result, files, options))


def check_before(images: Sequence[Path], stages: Sequence[str], options: ReportOptions) -> None:
    """Raise `OutputError` for files that are there, as far as units can be told without a network.

    That is where they are named one by one: "3_4", "SK_3_4".
    """
    found = [re.fullmatch(r"(?:SK_)?(\d+)_(\d+)", name) for name in stages]
    named = {(int(match[1]), int(match[2])) for match in found if match}
    if found and all(found):
        units = [f"{stage}_{place}" for stage, place in sorted(named)]
        planned = chain.from_iterable(plan_files(images, units, options))
        for file in filter(os.path.lexists, planned):
            check_output(file, options.overwrite)


def plan_files(
    images: Sequence[Path], units: Sequence[str], options: ReportOptions
) -> list[tuple[Path, ...]]:
    """Name the files of each image: `<stem>_attention_<units>.<format>`, none of them twice.

    Images of one stem (a/dog.jpg, b/dog.jpg, dog.png) become dog, dog-2, dog-3.
    """
    units = [re.sub(r"[^A-Za-z0-9._-]", "_", unit) for unit in units]
    what = "-".join(units) if len(units) <= _NAMES_IN_FILE else f"{len(units)}_units"
    endings = dict.fromkeys((*options.formats, *options.data))
    # What is no text in an image's name is none of its results' names.
    plain = [escaped(image.stem).replace("\\", "_") for image in images]
    return [
        tuple(options.out / f"{stem}_attention_{what}.{ending}" for ending in endings)
        for stem in distinct(plain)
    ]


def result_figure(result: ImageResult, options: ReportOptions = ReportOptions()) -> AttentionFigure:
    """Return figure 3 (a) of the paper for one image, as arrays that can be drawn."""
    from skviz.figures import AttentionFigure

    notes = [note for note in result.notes if note not in result.warnings]
    return AttentionFigure.from_attention(
        result.views,
        result.attention,
        [unit.name for unit in result.choice.lines],
        group=options.group,
        branch=options.branch,
        units=[unit.name for unit in result.choice.bars],
        captions=_captions(result, options.style),
        note="; ".join([f"{result.model.name}, weights: {result.model.weights}", *notes]),
        warning="; ".join(result.warnings),
    )


def _captions(result: ImageResult, style: str) -> list[str] | None:
    """Below each view: the most probable class and its probability.

    A name that no installed font can draw gives way to the number of the class.
    """
    from skviz.figures import figure_style
    from skviz.figures.style.fonts import can_draw_all
    from skviz.figures.style.text import closed, storable

    classes, logits = result.classes, result.attention.logits
    if classes is None or logits is None:
        return None
    firsts, captions = [best[0] for best in classes], []
    with figure_style(style):
        for (name, share), number in zip(firsts, logits.argmax(axis=1), strict=True):
            shown = name if can_draw_all(storable(name)) else f"class {number}"
            captions.append(f"{closed(shown)} {percent(share, 0)}")
    return captions


def save_sheet(results: Sequence[ImageResult], file: Path, options: ReportOptions) -> None:
    """Write the figures of several images below each other into one file.

    Raises `OutputError` where the file may not be written, and `UsageError` for no image.
    """
    from skviz.figures import Provenance, figure_metadata, figure_style, save_figure
    from skviz.figures.attention.overview import plot_sheet
    from skviz.figures.caption import together

    parts = [result_figure(result, options) for result in results]
    captions = [
        part.caption(Provenance.of_image(result))
        for part, result in zip(parts, results, strict=True)
    ]
    caption = together(captions, alike=False)
    caption = replace(caption, title=f"{counted(len(results), 'image')}; first {caption.title}")
    metadata = figure_metadata(caption, options.command)
    with figure_style(options.style):
        save_figure(plot_sheet(parts), file, metadata, overwrite=options.overwrite)


def save_result(
    result: ImageResult, files: Sequence[Path], options: ReportOptions
) -> tuple[Path, ...]:
    """Write the figure and the data of one image to `files`, told apart by their endings."""
    from skviz.figures import Provenance, figure_metadata, figure_style, save_figure

    parts = result_figure(result, options)
    with figure_style(options.style):
        figure = parts.plot().figure_
    metadata = figure_metadata(parts.caption(Provenance.of_image(result)), options.command)
    for file in files:
        ending = file.suffix.removeprefix(".")
        if ending == "csv":
            write_text(file, csv_text(result.to_frame()), overwrite=options.overwrite)
        elif ending == "json":
            write_json(file, _data_document(result), overwrite=options.overwrite)
        else:
            with figure_style(options.style):  # The resolution is the style's, too.
                save_figure(figure, file, metadata, overwrite=options.overwrite)
    return tuple(files)


def _box(views: Views) -> tuple[float, float, float, float]:
    """Return the box that the views are centred on, as `enlarge` takes it."""
    left, top, right, bottom = views.boxes[0]
    half = (right - left) * views.scales[0] * views.spec.crop / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return (x - half, y - half, x + half, y + half)


def _data_document(result: ImageResult) -> dict[str, object]:
    """The numbers with every channel: `attention` has one entry per row of the tidy table.

    `shown` is what `skviz report` needs to show them again (`skviz.reports.documents.saved`).
    """
    frame = result.attention.to_frame()
    # By way of text: float32 would become a float64 with ten digits of noise.
    frame["attention"] = frame["attention"].astype(str).astype(float)
    spec = result.views.spec
    shown = {
        "lines": [unit.name for unit in result.choice.lines],
        "size": spec.size,
        "crop": spec.crop,
        "box": list(_box(result.views)) if result.views.placed else None,
        "control": result.control,
    }
    return {**result.to_dict(), "shown": shown, "attention": frame.to_dict(orient="records")}
