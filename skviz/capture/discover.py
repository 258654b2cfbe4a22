"""Find the attention of any network: from what runs, not from names.

A softmax is the attention of a unit if its result, through any views, multiplies features
channel by channel. What it multiplies and what is summed afterwards is followed number by
number (`lineage.py`); the batch axis is the one that follows the batch size from pass to pass,
axes that follow the image size are no channels. No axis is guessed from its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skviz.capture.kernels import branch_kernels, resampled, same_origin
from skviz.capture.layout import Layout
from skviz.capture.lineage import Call, Lineage
from skviz.capture.passes import BATCHES, Passes, run_passes
from skviz.capture.source import Operation, Source
from skviz.capture.unit_names import Place, named
from skviz.errors import CaptureError
from skviz.units import Kernel, Unit

GATE = "squeeze-and-excitation"
SHOWN = 6
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """The selective units and the gates of a network, in the order of execution.

    `rejected` tells of every other softmax why it is no selective attention.
    """

    units: tuple[Source, ...]
    gates: tuple[Source, ...]
    rejected: tuple[str, ...]


class _NoUnit(Exception):
    """Why a softmax is no selective attention."""


@dataclass(frozen=True)
class _Selection:
    """What one call selects: table of places (M, C), and what is to be said of it."""

    layout: Layout
    kind: str
    competing: bool
    notes: tuple[str, ...]


def discover(network: nn.Module, example: Any = None) -> Found:
    """Return what a network selects with; raises `CaptureError` where it cannot be run."""
    passes = run_passes(network, example)
    found: list[tuple[Call, _Selection]] = []
    rejected = []
    for call in passes.first.calls:
        try:
            found.append((call, _selection(call, passes)))
        except _NoUnit as reason:
            if not call.is_gate:
                rejected.append(_about(call, str(reason)))
    sources = _sources(network, found, passes.first)
    gates = tuple(source for source in sources if source.unit.kind == GATE)
    units = tuple(source for source in sources if source.unit.kind != GATE)
    return Found(units, gates, tuple(rejected))


def nothing_found(network: nn.Module, found: Found) -> CaptureError:
    """The error for a network without any selective attention, with what was looked at."""
    looked = "; ".join(found.rejected[:SHOWN])
    if len(found.rejected) > SHOWN:
        looked += f"; and {len(found.rejected) - SHOWN} more"
    return CaptureError(
        f"expected a network with selective attention, found none in {type(network).__name__}: "
        + (f"looked at {looked}" if looked else "looked for softmax and sigmoid, none weighs ")
        + ("" if looked else "branches or channels of features")
        + "; if you know where it is, name it with --attention PATTERN:AXIS"
    )


def _about(call: Call, reason: str) -> str:
    axis = "" if call.axis is None else f" over axis {call.axis} of {call.shape}"
    return f"softmax in {call.key[0] or 'the network itself'}{axis}: {reason}"


def _selection(call: Call, passes: Passes) -> _Selection:
    """Decide what a call is; raises `_NoUnit` with the reason why it is no unit."""
    other = passes.other_batch.get(call.key)
    if not call.follows_input:
        raise _NoUnit("it does not depend on the input (learned constants)")
    if call.selection is None:
        raise _NoUnit(call.reasons[0] if call.reasons else "its result multiplies no features")
    if other is None or len(other.shape) != len(call.shape):
        raise _NoUnit(f"it did not run alike with batches of {BATCHES[0]} and {BATCHES[1]} images")
    batch_axis, fold = _batch_axis(call, other)
    constant = _spread_over(call, passes, batch_axis)
    layout = Layout(len(call.shape), batch_axis, torch.zeros(1, 1).long(), constant, fold)
    batch_of, place_of = _places(call, layout)
    rows = _rows(call, batch_of, place_of)
    return _classify(call, layout, rows, place_of, batch_of)


def _batch_axis(call: Call, other: Call) -> tuple[int, str | None]:
    """The axis whose length follows the batch, and how the batch shares it."""
    changed = [a for a, (n, m) in enumerate(zip(call.shape, other.shape, strict=True)) if n != m]
    if not changed:
        raise _NoUnit("it is the same for all images of a batch")
    if (
        len(changed) > 1
        or call.shape[changed[0]] * BATCHES[1] != other.shape[changed[0]] * BATCHES[0]
    ):
        raise _NoUnit("its shape does not follow the batch")
    axis = changed[0]
    if call.shape[axis] == BATCHES[0]:
        return axis, None
    # The batch shares the axis: image 0 is the same in both passes, and shows where it is.
    for fold in ("after", "before"):
        layout = Layout(len(call.shape), axis, torch.zeros(1, 1).long(), (), fold)
        one = layout.batch_first(call.values, BATCHES[0])[0]
        two = layout.batch_first(other.values, BATCHES[1])[0]
        if torch.allclose(one.float(), two.float(), atol=1e-3):
            return axis, fold
    raise _NoUnit("its batch axis also holds something else")


def _spread_over(call: Call, passes: Passes, batch_axis: int) -> tuple[int, ...]:
    """Axes that follow the image size and only repeat; raises where they do not repeat."""
    other = passes.other_size.get(call.key)
    if other is None or len(other.shape) != len(call.shape):
        return _repeats(call, batch_axis)
    axes = []
    for axis, (length, larger) in enumerate(zip(call.shape, other.shape, strict=True)):
        if length == larger:
            continue
        if axis == call.axis:
            raise _NoUnit("its axis follows the image size (attention over positions)")
        varies = not (_is_constant(other.values, axis) and _is_constant(call.values, axis))
        if axis == batch_axis or varies:
            raise _NoUnit("it differs from pixel to pixel (spatial attention)")
        axes.append(axis)
    return tuple(axes)


def _repeats(call: Call, batch_axis: int) -> tuple[int, ...]:
    """Without a pass at another size: trailing axes along which nothing changes."""
    axes: list[int] = []
    for axis in range(len(call.shape) - 1, 1, -1):
        if axis in (call.axis, batch_axis) or not _is_constant(call.values, axis):
            break
        if call.shape[axis] > 1 and not _is_constant(call.values, None):
            axes.append(axis)
    return tuple(sorted(axes))


def _is_constant(values: torch.Tensor, axis: int | None) -> bool:
    spread = (
        values.max() - values.min()
        if axis is None
        else (values.amax(dim=axis) - values.amin(dim=axis)).max()
    )
    return float(spread) <= 1e-7


def _places(call: Call, layout: Layout) -> tuple[Rows, Rows]:
    """For every source of a call its image, and its place among those of one image."""
    size = call.size
    flat = torch.arange(size).reshape(call.shape)
    kept = flat
    for axis in layout.constant:
        flat = flat.narrow(axis, 0, 1)
    lines = layout.batch_first(flat, BATCHES[0]).reshape(BATCHES[0], -1).numpy()
    batch_of = np.full(2 * size + 1, -1, dtype=np.int64)
    place_of = np.full(2 * size + 1, -1, dtype=np.int64)
    images, places = np.indices(lines.shape)
    first = kept.clone()
    for axis in layout.constant:
        first = first.narrow(axis, 0, 1).expand(first.shape).clone()
    image_at, place_at = np.empty(size, np.int64), np.empty(size, np.int64)
    image_at[lines], place_at[lines] = images, places
    source = first.reshape(-1).numpy()
    batch_of[1 : size + 1], place_of[1 : size + 1] = image_at[source], place_at[source]
    batch_of[size + 1 :] = batch_of[1 : size + 1]
    if call.axis is None:
        place_of[size + 1 :] = place_of[1 : size + 1] + lines.shape[1]
    elif call.shape[call.axis] == 2:  # 1 minus a weight of two is the other weight.
        other = np.flip(place_of[1 : size + 1].reshape(call.shape), call.axis)
        place_of[size + 1 :] = other.reshape(-1)
    return batch_of, place_of


def _rows(call: Call, batch_of: Rows, place_of: Rows) -> list[tuple[int, ...]]:
    """For image 0: which places of the attention are weights of the same output channel."""
    assert call.selection is not None
    local = call.selection.long() - call.start
    local[(local <= 0) | (local > 2 * call.size)] = 0
    table = local.cpu().numpy()
    images, places = batch_of[table], place_of[table]
    for axis in range(table.ndim - 1):  # Pixels say the same again and again.
        if table.shape[axis] > 1:
            head = np.take(places, [0], axis), np.take(images, [0], axis)
            if np.array_equal(places, np.broadcast_to(head[0], places.shape)) and np.array_equal(
                images, np.broadcast_to(head[1], images.shape)
            ):
                places, images = head
    places, images = (x.reshape(-1, x.shape[-1]) for x in (places, images))
    rows: dict[tuple[int, ...], None] = {}
    for line, image in zip(places.tolist(), images.tolist(), strict=True):
        if 0 in image:
            row = tuple(sorted({p for p, i in zip(line, image, strict=True) if p >= 0 and i == 0}))
            rows[row] = None
    return list(rows)


def _classify(
    call: Call, layout: Layout, rows: list[tuple[int, ...]], place_of: Rows, batch_of: Rows
) -> _Selection:
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise _NoUnit("its weights are summed unevenly")
    if call.is_gate:
        return _gate(call, layout, rows)
    groups = _groups(call, place_of, batch_of)
    group_of = {place: number for number, line in enumerate(groups) for place in line}
    branches = call.shape[call.axis or 0]
    # One softmax for every channel: none that is spread over several, or over others' places.
    in_groups = [{group_of.get(place, -1) for place in row} for row in rows]
    right = all(len(found) == 1 for found in in_groups)
    right = right and len(set().union(*in_groups)) == len(rows)
    if right and lengths != {1} and call.axis != layout.batch_axis:
        order = list(dict.fromkeys(group_of[row[0]] for row in rows))
        return _competing(call, layout, [groups[number] for number in order], "selective kernel")
    if lengths == {1} and call.axis != layout.batch_axis and 1 < branches <= 64:
        labels = call.labels.cpu().numpy()
        used = set(place_of[labels >= 0].tolist())
        whole = [line for line in groups if len(used & set(line)) > 1]
        origins = [
            set(labels[np.isin(place_of, places)]) - {-1} for places in zip(*whole, strict=True)
        ]
        if len(whole) > 1 and any(origin != origins[0] for origin in origins):
            return _competing(call, layout, whole, "multi-scale attention")
    if lengths == {1}:
        raise _NoUnit(
            "wrong axis, or no branches: each branch is weighed alone, by a softmax over "
            f"{'the images of the batch' if call.axis == layout.batch_axis else 'its channels'}"
        )
    if len(rows) == 1:
        raise _NoUnit("one weight for a whole branch, no channels")
    table = torch.tensor(rows).T.contiguous()
    return _Selection(
        replace(layout, table=table), "selective kernel", False, (_wrong_axis(call, layout),)
    )


def _groups(call: Call, place_of: Rows, batch_of: Rows) -> list[tuple[int, ...]]:
    """Places of image 0 that one softmax makes sum to 1, in the order of its axis."""
    assert call.axis is not None
    flat = np.arange(1, call.size + 1).reshape(call.shape)
    lines = np.moveaxis(flat, call.axis, -1).reshape(-1, call.shape[call.axis])
    groups: dict[tuple[int, ...], None] = {}
    for images, places in zip(batch_of[lines].tolist(), place_of[lines].tolist(), strict=True):
        if images[0] == 0:
            groups[tuple(places)] = None
    return list(groups)


def _competing(
    call: Call, layout: Layout, lines: Sequence[tuple[int, ...]], kind: str
) -> _Selection:
    if len(lines) == 1:
        raise _NoUnit("one weight for a whole branch, no channels")
    table = torch.tensor(lines).T.contiguous()
    notes = []
    if _is_constant(call.values, None):
        notes.append(
            f"the attention is constant: 1/{len(table)} for every input tried (not trained, or "
            "it cannot learn)"
        )
    return _Selection(replace(layout, table=table), kind, True, tuple(notes))


def _gate(call: Call, layout: Layout, rows: list[tuple[int, ...]]) -> _Selection:
    places = layout_size(call, layout)
    if len(rows) == 1:
        raise _NoUnit("one weight for all channels")
    if len(rows[0]) == 1:
        table = torch.tensor([[row[0] for row in rows]])
        return _Selection(replace(layout, table=table), GATE, False, ())
    if all(len(row) == 2 and row[1] == row[0] + places for row in rows):
        table = torch.tensor(rows).T.contiguous()
        layout = replace(layout, table=table, complement=True)
        return _Selection(layout, "selective kernel", True, ())
    note = "the branches do not compete: a sigmoid for each in place of a softmax"
    table = torch.tensor(rows).T.contiguous()
    if int(table.max()) >= places:
        layout = replace(layout, complement=True)
    return _Selection(replace(layout, table=table), "selective kernel", False, (note,))


def layout_size(call: Call, layout: Layout) -> int:
    """How many places the result has for one image."""
    size = call.size // BATCHES[0]
    for axis in layout.constant:
        size //= call.shape[axis]
    return size


def _wrong_axis(call: Call, layout: Layout) -> str:
    assert call.axis is not None
    if call.axis == layout.batch_axis:
        what = "the images of the batch: an image's attention depends on those beside it"
    elif call.shape[call.axis] == 1:
        what = "an axis of length 1: every weight is 1"
    else:
        what = "something else than the branches"
    shape = f"axis {call.axis} of {call.shape}"
    return f"softmax over the wrong axis ({shape}), {what}; the branches do not sum to 1"


def _sources(
    network: nn.Module, found: list[tuple[Call, _Selection]], lineage: Lineage
) -> list[Source]:
    places = []
    for call, selection in found:
        path, index = _unit_path(call)
        places.append(Place(path, index, selection.kind == GATE, _pixels(call)))
    names = named(network, places)
    sources = []
    for (call, selection), place, name in zip(found, places, names, strict=True):
        table = selection.layout.table
        kernels, kind, notes = _kernels(call, selection, lineage)
        unit = Unit(
            name=name,
            path=place.path,
            kernels=tuple(kernels),
            channels=table.shape[1],
            call=place.call,
            kind=kind,
            found_by=_found_by(call),
            notes=(*selection.notes, *notes),
        )
        owner, owner_call, operation, index = call.key
        sources.append(
            Source(
                unit,
                owner,
                selection.layout.read,
                Operation(operation, index, owner_call),
                selection.competing,
                selection.layout.write,
            )
        )
    return sources


def _found_by(call: Call) -> str:
    owner, _, operation, index = call.key
    what = "sigmoid" if call.is_gate else "softmax"
    if operation in ("div", "exp"):
        what += " by hand"
    axis = "" if call.axis is None else f" over axis {call.axis} of {len(call.shape)}"
    return f"{what}{axis}, call {index} in {owner or 'the network'}"


def _unit_path(call: Call) -> tuple[str, int]:
    """The innermost module that holds both the softmax and the multiplication."""
    assert call.selected_in is not None
    common = ("", 0)
    for one, two in zip(call.where, call.selected_in, strict=False):
        if one != two:
            break
        common = one
    return common


def _pixels(call: Call) -> int:
    """How many pixels the selected features have per channel."""
    assert call.selection is not None
    return max(1, call.selection[..., 0].numel() // max(1, len(torch.unique(call.selection))))


def _kernels(
    call: Call, selection: _Selection, lineage: Lineage
) -> tuple[list[Kernel | None], str, list[str]]:
    """Kernels of the branches, the unit's own kind name, and what is to be said of them."""
    table = selection.layout.table
    if selection.kind == GATE:
        return [None], GATE, []
    _, place_of = _places(call, selection.layout)
    labels = call.labels.cpu().numpy()
    alive = call.alive.cpu().numpy()
    branches, notes = [], []
    for index, places in enumerate(table.numpy()):
        members = np.isin(place_of, places)
        branches.append({int(label) for label in np.unique(labels[members]) if label >= 0})
        if not branches[-1]:
            notes.append(f"branch {index} is a null branch: its weight multiplies nothing")
        elif not alive[members].any():
            notes.append(f"branch {index} is a null branch: its features are all zero")
    if not all(branches):
        return [None] * len(branches), selection.kind, [*notes, "kernel size unknown"]
    kernels = branch_kernels(lineage.features.graph, branches)
    kind = selection.kind
    if kind == "selective kernel" and same_origin(lineage.features.graph, branches):
        kind = "split attention"
    elif kind == "selective kernel" and resampled(lineage.features.graph, branches):
        kind = "fusion of resolution streams"
    sizes = [kernel.effective for kernel in kernels if kernel is not None]
    if len(set(sizes)) < 2 or kind == "fusion of resolution streams":
        tie = f": all branches are {sizes[0]}x{sizes[0]}" if len(sizes) == len(branches) else ""
        kernels = [None] * len(branches)
        notes.append(f"kernel size unknown{tie}")
    elif len(sizes) < len(branches):
        notes.append("kernel size unknown for some branches")
    return kernels, kind, notes
