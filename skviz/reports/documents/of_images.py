"""The document of single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skviz.capture.attention import Attention
from skviz.errors import UsageError
from skviz.figures.attention.bars import UnitBars
from skviz.figures.attention.lines import ChannelLines
from skviz.figures.attention.thumbnails import Thumbnails
from skviz.figures.display import Display
from skviz.figures.provenance import Provenance
from skviz.figures.wording import scales_in_words
from skviz.notes import notes_on_pictures
from skviz.numbers import percent
from skviz.reports.document import Document, ImagePart, TablePart, figure_part, table_part
from skviz.reports.words import distinct, file_stem
from skviz.scales import DEFAULT_SCALES, scale_label

if TYPE_CHECKING:
    from skviz.studies.image_result import ImageResult

_MOST_SHOWN = 5


def image_document(results: Sequence[ImageResult]) -> Document:
    """Return the figures and tables of single images, analysed or read back.

    Raises `UsageError` for no result at all.
    """
    if not results:
        raise UsageError("expected at least one image to report on, got none")
    parts = [_part(result, name) for result, name in zip(results, _names(results), strict=True)]
    networks = list(dict.fromkeys(result.model.name for result in results))
    weights = list(dict.fromkeys(result.model.weights for result in results))
    titles = [part.title for part in parts]
    pairs = zip(titles, results, strict=True)
    assumed = [(title, one) for title, result in pairs for one in result.assumed]
    return Document(
        title=f"{titles[0] if len(titles) == 1 else f'{len(titles)} images'} in {networks[0]}",
        facts=[
            ("Network", ", ".join(networks)),
            ("Weights", ", ".join(weights)),
            ("Image" if len(titles) == 1 else "Images", ", ".join(titles)),
            ("Scales", _scales_in_words(results[0].views.scales)),
        ],
        figures=[figure for part in parts for figure in part.figures],
        tables=[table for part in parts for table in part.tables],
        notes=[*_notes(results), *map(str, notes_on_pictures(assumed))],
        images=parts,
    )


def at_scales(attention: Attention, scales: Sequence[float]) -> Attention:
    """Return the attention of some of its scales, in the order asked for."""
    assert attention.scales is not None
    rows = [attention.scales.index(scale) for scale in scales]
    arrays = {name: array[rows] for name, array in attention.arrays.items()}
    logits = None if attention.logits is None else attention.logits[rows]
    return replace(attention, arrays=arrays, scales=tuple(scales), logits=logits)


def _part(result: ImageResult, name: str) -> ImagePart:
    shown = _shown(result.views.scales)
    about = Provenance.of_image(result)
    attention = at_scales(result.attention, shown)
    displays: list[tuple[str, Display]] = []
    if result.views.pixels.size:
        displays.append((f"views_{name}", _thumbnails(result, shown)))
    for unit in result.choice.lines:
        lines = ChannelLines.from_attention(attention, unit.name)
        displays.append((f"lines_{name}_{_stem(unit.name)}", lines))
    bars = UnitBars.from_attention(attention, [unit.name for unit in result.choice.bars])
    displays.append((f"bars_{name}", bars))
    figures = [figure_part(stem, display, about) for stem, display in displays]
    tables = [_differences(result, shown, name, about)]
    if result.classes is not None:
        tables.append(_classes(result, shown, name, about))
    title = about.image or "image"
    return ImagePart(name, title, result, shown, tuple(figures), tuple(tables))


def _thumbnails(result: ImageResult, shown: Sequence[float]) -> Thumbnails:
    rows = [result.views.scales.index(scale) for scale in shown]
    classes = result.classes
    captions = None
    if classes is not None:
        captions = tuple(f"{classes[row][0][0]} {percent(classes[row][0][1], 0)}" for row in rows)
    return Thumbnails(result.views.pixels[rows], tuple(shown), captions)


def _differences(
    result: ImageResult, shown: Sequence[float], name: str, about: Provenance
) -> TablePart:
    import pandas as pd

    rows, labels = [], [scale_label(scale) for scale in shown]
    places = [result.views.scales.index(scale) for scale in shown]
    for unit in result.choice.all:
        kernels = " ".join(unit.branch_label(branch) for branch in range(unit.branches))
        found = result.values(unit).tolist()
        values = [found[place] for place in places]
        rows.append([unit.name, kernels, *values, values[-1] - values[0]])
    frame = pd.DataFrame(rows, columns=["unit", "kernels", *labels, "change"])
    if len(shown) == 1:
        frame = frame.drop(columns="change")
    what = "mean of the gate" if result.gates else "attention difference"
    text = f"{what[:1].upper()}{what[1:]} of {about.source} at {scales_in_words(shown)}"
    if len(shown) > 1:
        text += f"; change: from {scale_label(shown[0])} to {scale_label(shown[-1])}"
    return table_part(
        f"units_{name}", f"Every unit: {what}", f"{text}.", frame, about,
        f"Table of {len(frame)} units.", formats=dict.fromkeys([*labels, "change"], "signed"),
    )  # fmt: skip


def _classes(
    result: ImageResult, shown: Sequence[float], name: str, about: Provenance
) -> TablePart:
    import pandas as pd

    classes = result.classes
    assert classes is not None
    rows = []
    for scale in shown:
        best = classes[result.views.scales.index(scale)]
        rows.append([scale, *(value for pair in best for value in pair)])
    count = max(len(best) for best in classes)
    words = ["most probable", "second", "third", *(f"{n}th" for n in range(4, count + 1))][:count]
    heads = [head for word in words for head in (word, f"{word}: probability")]
    frame = pd.DataFrame(rows, columns=["scale", *heads])
    text = f"Top predictions for {about.source} at {scales_in_words(shown)}."
    return table_part(
        f"classes_{name}", "Top predictions", text, frame, about, f"Table of {len(frame)} scales.",
        heads=dict.fromkeys(heads[1::2], "probability"),
        formats=dict.fromkeys(heads[1::2], "share") | {"scale": "scale"},
    )  # fmt: skip


def _shown(scales: Sequence[float]) -> tuple[float, ...]:
    """Return the scales of the figures: the paper's, or else a few from first to last."""
    if set(DEFAULT_SCALES) <= set(scales):
        return DEFAULT_SCALES
    if len(scales) <= _MOST_SHOWN:
        return tuple(scales)
    steps = [round(i * (len(scales) - 1) / (_MOST_SHOWN - 1)) for i in range(_MOST_SHOWN)]
    return tuple(scales[step] for step in steps)


def _scales_in_words(scales: Sequence[float]) -> str:
    labels = [scale_label(scale) for scale in scales]
    if len(labels) <= _MOST_SHOWN:
        return ", ".join(labels)
    return f"{len(labels)} from {labels[0]} to {labels[-1]}"


def _notes(results: Sequence[ImageResult]) -> list[str]:
    """Return what a reader must know; with the names of the images where it is not all."""
    notes: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            notes.setdefault(note, []).append(Provenance.of_image(result).image or "image")
    return [
        note if len(names) == len(results) else f"{', '.join(names)}: {note}"
        for note, names in notes.items()
    ]


def _names(results: Sequence[ImageResult]) -> list[str]:
    """Return one file stem per image, none of them twice."""
    return distinct(
        [_stem(Path(result.image).stem if result.image else "image") for result in results]
    )


def _stem(name: str) -> str:
    return file_stem(name, "image", longest=60)
