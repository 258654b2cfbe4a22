"""What two runs have in common: images by name, scales, units; and what is only in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skviz.errors import UnitError, UsageError
from skviz.numbers import first_of
from skviz.runs.measurements import RunMeasurements
from skviz.runs.records import Run
from skviz.scales import Scales, in_numbers
from skviz.typing import FloatArray, IntArray
from skviz.units import Unit, select_units

# What makes two networks see an image differently, by its key in run.json.
_SEEING = {
    "spec": "input",
    "resample": "resampling filter",
    "fill": "filling",
    "control": "control",
}


@dataclass(frozen=True)
class UnitPair:
    """A unit of run a and its partner in run b; `note` says where their kernels differ."""

    a: Unit
    b: Unit

    @property
    def label(self) -> str:
        """The name, or both names where they differ."""
        if self.a.name == self.b.name:
            return self.a.short
        return f"{self.a.short} / {self.b.short}"

    @property
    def note(self) -> str:
        """What makes their attention differences mean different things, or nothing."""
        if self.a.branches != self.b.branches:
            return f"{self.a.branches} and {self.b.branches} branches"
        ends = [
            tuple(unit.branch_label(m) for m in (unit.smallest, unit.largest))
            for unit in (self.a, self.b)
        ]
        if ends[0] != ends[1]:
            return f"kernels {' and '.join('/'.join(pair) for pair in ends)}"
        return ""


@dataclass(frozen=True, eq=False)
class Common:
    """The N images, V scales (ascending) and U pairs of units that two runs share.

    `a` and `b` (N, V, U) are the attention differences, `kernel_a` and `kernel_b` the expected
    kernel sizes, nan where there is none; `labels` (N,) the classes, or None; `correct_a` and
    `correct_b` (N, V) are 1 or 0, or None. `only_a` and `only_b` name the units without a
    partner; `notes` say what else a reader must know.
    """

    scales: Scales
    pairs: tuple[UnitPair, ...]
    a: FloatArray
    b: FloatArray
    kernel_a: FloatArray
    kernel_b: FloatArray
    labels: IntArray | None
    correct_a: FloatArray | None
    correct_b: FloatArray | None
    about_a: Mapping[str, Any]
    about_b: Mapping[str, Any]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def images(self) -> int:
        """Number N of images."""
        return len(self.a)


def common_ground(a: Run, b: Run, pairs: Iterable[tuple[str, str]] | None = None) -> Common:
    """Return what both runs have; see `skviz.inference.compare.compare` for what it raises."""
    first, second = RunMeasurements(a), RunMeasurements(b)
    chosen = _pair_units(a, b, pairs)
    columns_a, columns_b = map(np.array, first.scales.common(second.scales))
    if not len(columns_a):
        raise UsageError(
            f"expected a scale that both runs have, got {in_numbers(first.scales)} in '{a.path}'"
            f" and {in_numbers(second.scales)} in '{b.path}'; analyze with the same scales"
        )
    scales = Scales(first.scales[column] for column in columns_a)
    names_a, names_b = _image_names(a), _image_names(b)
    shared, rows_a, rows_b = np.intersect1d(names_a, names_b, return_indices=True)
    if not len(shared):
        raise UsageError(
            f"expected runs on the same images, '{a.path}' and '{b.path}' have no image of the"
            f" same name (such as '{names_a[0]}' and '{names_b[0]}'); analyze the same data set"
            " with both networks"
        )
    order = np.argsort(rows_a)  # as the images come in run a
    rows_a, rows_b = rows_a[order], rows_b[order]
    units_a = np.array([a.units.index(pair.a) for pair in chosen])
    units_b = np.array([b.units.index(pair.b) for pair in chosen])
    cells_a, cells_b = np.ix_(rows_a, columns_a, units_a), np.ix_(rows_b, columns_b, units_b)
    labels, label_notes = _labels(first, second, rows_a, rows_b)
    correct = [
        None if found.correct is None else found.correct[np.ix_(rows, columns)].astype(np.float64)
        for found, rows, columns in ((first, rows_a, columns_a), (second, rows_b, columns_b))
    ]
    return Common(
        scales=scales,
        pairs=chosen,
        a=first.difference[cells_a].astype(np.float64),
        b=second.difference[cells_b].astype(np.float64),
        kernel_a=first.expected_kernel[cells_a].astype(np.float64),
        kernel_b=second.expected_kernel[cells_b].astype(np.float64),
        labels=labels,
        correct_a=correct[0],
        correct_b=correct[1],
        about_a=first.about,
        about_b=second.about,
        only_a=tuple(unit.name for unit in a.units if unit not in [pair.a for pair in chosen]),
        only_b=tuple(unit.name for unit in b.units if unit not in [pair.b for pair in chosen]),
        notes=(*_notes(a, b, len(shared), len(names_a), len(names_b), scales), *label_notes),
    )


def _pair_units(a: Run, b: Run, pairs: Iterable[tuple[str, str]] | None) -> tuple[UnitPair, ...]:
    if pairs is not None:
        chosen = tuple(UnitPair(_one(a, one), _one(b, other)) for one, other in pairs)
        if not chosen:
            raise UsageError("expected at least one pair of units, got none; leave the pairs out")
        return chosen
    known = {unit.name: unit for unit in b.units}
    found = tuple(UnitPair(unit, known[unit.name]) for unit in a.units if unit.name in known)
    if not found:
        names = [first_of([unit.short for unit in run.units]) for run in (a, b)]
        raise UsageError(
            f"expected units of the same name in both runs, got {names[0]} in '{a.path}' and"
            f" {names[1]} in '{b.path}'; say which belong together, such as"
            f" {a.units[0].short}={b.units[0].short}"
        )
    return found


def _one(run: Run, name: str) -> Unit:
    found = select_units(name, run.units)
    if len(found) != 1:
        raise UnitError(
            f"expected the name of one unit of '{run.path}', got '{name}', which means"
            f" {first_of([unit.short for unit in found])}"
        )
    return found[0]


def _image_names(run: Run) -> NDArray[np.str_]:
    """Return the name of every image, in the order of the records."""
    if not run.images:
        raise UsageError(
            f"expected images in '{run.path}', there are none; finish `skviz analyze` first"
        )
    step = len(run.scales) * len(run.units)
    column = run.table(["image"])["image"].combine_chunks()
    return np.array(column.take(np.arange(0, len(column), step)).to_pylist(), dtype=np.str_)


def _labels(
    a: RunMeasurements, b: RunMeasurements, rows_a: IntArray, rows_b: IntArray
) -> tuple[IntArray | None, list[str]]:
    """Return the classes of the images, of run a or else of run b, and where they disagree."""
    sides = [
        None if found.labels is None else found.labels[rows]
        for found, rows in ((a, rows_a), (b, rows_b))
    ]
    notes = []
    if sides[0] is not None and sides[1] is not None and a.class_names and b.class_names:
        names_a, names_b = np.array([*a.class_names, ""]), np.array([*b.class_names, ""])
        other = int((names_a[sides[0]] != names_b[sides[1]]).sum())  # -1 is the empty name
        if other:
            notes.append(f"{other} images have another class in b: classes are those of a")
    labels = sides[0] if sides[0] is not None else sides[1]
    # An image without a label belongs to no class that could be drawn.
    return (None if labels is None or (labels < 0).any() else labels), notes


def _notes(
    a: Run, b: Run, shared: int, count_a: int, count_b: int, scales: Sequence[float]
) -> list[str]:
    notes = []
    if a.settings["dataset"]["digest"] != b.settings["dataset"]["digest"]:
        notes.append("the data sets are not the same: images are paired by name alone")
    if shared < max(count_a, count_b):
        notes.append(f"{shared} images are in both runs, of {count_a} in a and {count_b} in b")
    for name, run in (("a", a), ("b", b)):
        if not run.complete:
            missing = f"{len(run.missing)} of {run.settings['shards']} shards are missing"
            notes.append(f"run {name} is not complete: {missing}")
        if run.settings["model"].get("trained") is False:
            notes.append(f"the network of {name} is untrained")
        notes += [f"{name}: {note}" for note in run.settings["model"].get("notes") or ()]
        others = [scale for scale in sorted(run.scales) if scale not in scales]
        if others:
            notes.append(f"only {name} has the scales {in_numbers(others)}")
    for key, word in _SEEING.items():
        if a.settings.get(key) != b.settings.get(key):
            notes.append(f"the {word} differs: {a.settings.get(key)} and {b.settings.get(key)}")
    return notes
