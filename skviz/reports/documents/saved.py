"""Read back what `skviz attention --data json` wrote: an image's result, without the network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skviz.capture.attention import Attention
from skviz.errors import ImageError, ScaleError, UsageError
from skviz.models import ModelInfo
from skviz.names import unescaped
from skviz.pictures.scaling import DEFAULT_SPEC, InputSpec, Views, enlarge
from skviz.scales import Scales
from skviz.studies.controls.control import parse_control
from skviz.studies.controls.views import controlled
from skviz.studies.image_result import ImageResult
from skviz.studies.unit_choice import UnitChoice, choose_units
from skviz.units import Kernel, Unit

Classes = list[list[tuple[str, float]]]


@dataclass(frozen=True, repr=False)
class SavedResult(ImageResult):
    """The result of an image from its JSON document; `saved_classes` stand for the logits."""

    saved_classes: Classes | None = None

    @property
    def classes(self) -> Classes | None:
        """Per scale the most probable classes as they were written."""
        return self.saved_classes


def read_result(path: Path) -> SavedResult:
    """Read the JSON document of `skviz attention --data json`.

    The enlarged pictures are cut again from the image file if it is still where the document
    says, as a path of its own or beside the document; else `views.pixels` is empty.

    Raises `UsageError` for a file that is no such document.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return _result(document, path)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise UsageError(
            f"expected '{path}' to be a document of `skviz attention --data json`: {reason}; make"
            " it anew, or name the image itself"
        ) from error


def _result(document: Mapping[str, Any], path: Path) -> SavedResult:
    scales = tuple(float(scale) for scale in document["scales"])
    if not scales:
        raise ValueError("it has no scales")
    units = tuple(_unit(name, entry) for name, entry in document["units"].items())
    attention = _attention(document["attention"], units, scales)
    units = attention.units
    weights = document["weights"]
    shown = document.get("shown") or {}
    saved = document.get("classes")
    classes = None
    if saved is not None:
        classes = [[(str(c["class"]), float(c["probability"])) for c in best] for best in saved]
        if len(classes) != len(scales):
            raise ValueError(f"it has classes for {len(classes)} of {len(scales)} scales")
    spec = InputSpec(int(shown["size"]), float(shown["crop"])) if shown else DEFAULT_SPEC
    model = ModelInfo(
        str(document["model"]), str(weights["name"]), weights.get("sha256"),
        bool(weights["trained"]), spec, notes=tuple(map(str, weights.get("notes", ()))),
    )  # fmt: skip
    usual = choose_units(units, shown.get("lines", ()))
    choice = UnitChoice(usual.lines, usual.bars, units)
    control = shown.get("control")
    views = _views(document, scales, spec, path)
    return SavedResult(views, attention, choice, model, control, classes)


def _cut(
    place: Path, scales: tuple[float, ...], spec: InputSpec, shown: Mapping[str, Any]
) -> Views:
    box, control = shown.get("box"), shown.get("control")
    if control is None:
        return enlarge(place, scales, spec, box=box)
    how = {"resample": "bicubic", "fill": "mean", "box": box, "center": None}
    return controlled(place, parse_control(str(control)), scales, spec, **how)  # type: ignore[arg-type]


def _unit(name: str, entry: Mapping[str, Any]) -> Unit:
    labels = [str(label) for label in entry["kernels"]]
    notes = tuple(str(note) for note in entry.get("notes", ()))
    null = tuple(branch for branch, label in enumerate(labels) if label.startswith("null"))
    return Unit(name, name, tuple(map(_kernel, labels)), channels=0, notes=notes, null=null)


def _kernel(label: str) -> Kernel | None:
    """Return a kernel of that effective size; how it was made is not written down."""
    found = re.match(r"\d+(x\d+)*\b", label)
    return None if found is None else Kernel(tuple(int(side) for side in found[0].split("x")))


def _attention(
    rows: Sequence[Mapping[str, Any]], units: Sequence[Unit], scales: tuple[float, ...]
) -> Attention:
    """Put the tidy rows back into arrays (V, M, C); they are sorted as they were written."""
    values: dict[str, list[float]] = {unit.name: [] for unit in units}
    for row in rows:
        if row["unit"] in values:
            values[row["unit"]].append(float(row["attention"]))
    arrays, found = {}, []
    for unit in units:
        flat = np.array(values[unit.name], np.float32)
        block = len(scales) * unit.branches
        if not flat.size or flat.size % block or not np.isfinite(flat).all():
            raise ValueError(f"the attention of {unit.name} is not complete")
        arrays[unit.name] = flat.reshape(len(scales), unit.branches, -1)
        found.append(replace(unit, channels=arrays[unit.name].shape[2]))
    return Attention(tuple(found), arrays, scales)


def _views(
    document: Mapping[str, Any], scales: tuple[float, ...], spec: InputSpec, path: Path
) -> Views:
    source = document.get("image")
    source = None if source is None else unescaped(str(source))
    for place in () if source is None else (Path(source), path.parent / Path(source).name):
        try:
            if place.is_file():
                return _cut(place, scales, spec, document.get("shown") or {})
        except (ImageError, ScaleError, UsageError, OSError):
            continue
    empty = np.zeros((len(scales), 0, 0, 3), np.uint8)
    nowhere = ((0.0, 0.0, 0.0, 0.0),) * len(scales)
    interpolated = tuple(bool(one) for one in document.get("interpolated", ()))
    return Views(empty, Scales(scales), nowhere, interpolated, source, spec)
