"""Find the attention of any network: from what runs, not from names.

A softmax is the attention of a unit if its result, through any views, multiplies features
channel by channel. What it multiplies and what is summed afterwards is followed number by
number (`lineage.py`); the batch axis is the one that follows the batch size from pass to pass,
axes that follow the image size are no channels. No axis is guessed from its size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from skviz.capture.graph import Graph
from skviz.capture.kernels import branch_kernels, resampled, same_origin
from skviz.capture.layout import Layout
from skviz.capture.lineage import Call, Lineage
from skviz.capture.passes import Passes, run_passes
from skviz.capture.source import Operation, Source
from skviz.capture.unit_names import Place, named
from skviz.errors import CaptureError
from skviz.units import Kernel, Unit

GATE = "squeeze-and-excitation"
SHOWN = 6
# The share of channels that agree in their largest or smallest number, from which on branches
# are taken for one feature map that was moved.
_MOVED = 0.25
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """The selective units and the gates of a network, in the order of execution.

    `rejected` tells of every other softmax why it is no selective attention; of the sigmoids
    where there is nothing else.
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
    found: list[tuple[_Look, _Selection]] = []
    rejected: list[str] = []
    gates: list[str] = []
    for call in passes.first.calls:
        try:
            found.append(_selection(call, passes))
        except _NoUnit as reason:
            (gates if call.is_gate else rejected).append(_about(call, str(reason)))
    sources = _sources(network, found, passes.first)
    return Found(
        units=tuple(source for source in sources if source.unit.kind != GATE),
        gates=tuple(source for source in sources if source.unit.kind == GATE),
        rejected=tuple(rejected or ([] if found else gates)),
    )


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
    what = "sigmoid" if call.is_gate else "softmax"
    return f"{what} in {call.key[0] or 'the network itself'}{axis}: {reason}"


def _selection(call: Call, passes: Passes) -> tuple[_Look, _Selection]:
    """Decide what a call is; raises `_NoUnit` with the reason why it is no unit."""
    other = passes.other_batch.get(call.key)
    if not call.follows_input:
        raise _NoUnit("it does not depend on the input (learned constants)")
    if call.refused:
        raise _NoUnit(call.refused)
    if call.selection is None:
        raise _NoUnit(_why_none(call))
    if other is None or len(other.shape) != len(call.shape):
        raise _NoUnit(
            "it did not run alike with batches of {} and {} images".format(*passes.batches)
            + (f": {passes.failure}" if passes.failure else "")
        )
    batch_axis, fold = _batch_axis(call, other, passes.batches)
    constant = _spread_over(call, passes, batch_axis)
    layout = Layout(len(call.shape), batch_axis, torch.zeros(1, 1).long(), constant, fold)
    layout, notes = _with_passes(call, layout, passes)
    look = _look_at(call, layout, passes.batches[0])
    selection = _classify(look)
    return look, replace(selection, notes=(*selection.notes, *notes, *call.notes))


def _why_none(call: Call) -> str:
    """Why the result of a call was never seen to weigh features."""
    if call.reasons:
        return call.reasons[0]
    if call.lost:
        return f"its result goes into `{call.lost[0]}`, behind which it is not followed"
    return "its result multiplies no features"


def _batch_axis(call: Call, other: Call, batches: tuple[int, int]) -> tuple[int, str | None]:
    """The axis whose length follows the batch, and how the batch shares it."""
    changed = [a for a, (n, m) in enumerate(zip(call.shape, other.shape, strict=True)) if n != m]
    if not changed:
        raise _NoUnit("it is the same for all images of a batch")
    if (
        len(changed) > 1
        or call.shape[changed[0]] * batches[1] != other.shape[changed[0]] * batches[0]
    ):
        raise _NoUnit("its shape does not follow the batch")
    axis = changed[0]
    if call.shape[axis] == batches[0]:
        return axis, None
    # The batch shares the axis: image 0 is the same in both passes, and shows where it is.
    differences = {}
    for fold in ("after", "before"):
        layout = Layout(len(call.shape), axis, torch.zeros(1, 1).long(), (), fold)
        one = layout.batch_first(call.values, batches[0])[0]
        two = layout.batch_first(other.values, batches[1])[0]
        differences[fold] = float((one.float() - two.float()).abs().max())
    fold = min(differences, key=lambda way: differences[way])
    if differences[fold] > 1e-3:
        raise _NoUnit("its batch axis also holds something else")
    return axis, fold


def _with_passes(call: Call, layout: Layout, passes: Passes) -> tuple[Layout, list[str]]:
    """The layout with what shares the batch's axis: passes of one image, else channels.

    Passes, such as a picture beside its mirror image, go through the convolutions as a batch
    that is larger by their number. Channels are put there afterwards.
    """
    if layout.fold is None:
        return layout, []
    images = passes.batches[0]
    count = call.shape[layout.batch_axis] // images
    graph = passes.first.features.graph
    labels = {label for label in torch.unique(call.labels).tolist() if label >= 0}
    nodes = [graph.nodes[label] for label in sorted(graph.ancestors(labels))]
    runs = [node.convolution.images for node in nodes if node.convolution is not None]
    if not runs or runs[-1] == images:
        return layout, []
    if runs[-1] != count * images:
        raise _NoUnit("its batch axis holds several passes of an image, and something else")
    if runs[0] == images:
        return layout, [
            f"the batch holds {count} parts of each image from some layer on: they are taken for "
            "groups of channels"
        ]
    later = range(layout.batch_axis + 1, len(call.shape))
    stride = math.prod(call.shape[axis] for axis in later if axis not in layout.constant)
    note = f"each image passes {count} times, such as mirrored: the mean over its passes"
    return replace(layout, passes=stride * torch.arange(count)), [note]


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


@dataclass(frozen=True)
class _Look:
    """What is known of a call when it is to be decided what it selects.

    For every source its image and its `place` among the numbers of one image, -1 for none;
    `size` is how many places the result has for an image, those of 1 minus it follow. `rows`
    are, for image 0, the places whose weights are summed for the same output channel.
    """

    call: Call
    layout: Layout
    batch_of: Rows
    place_of: Rows
    size: int
    rows: list[tuple[int, ...]]

    @property
    def labels(self) -> NDArray[np.int32]:
        """For every source the label of the features that it multiplies, -1 for none."""
        labels: NDArray[np.int32] = self.call.labels.cpu().numpy()
        return labels

    @property
    def pairs(self) -> bool:
        """Whether each weight is summed with 1 minus itself."""
        return all(len(row) == 2 and row[1] == row[0] + self.size for row in self.rows)

    def origins(self, places: Sequence[int]) -> set[int]:
        """Labels of the features that the weights at these places multiply."""
        return {int(label) for label in self.labels[np.isin(self.place_of, places)]} - {-1}


def _look_at(call: Call, layout: Layout, images: int) -> _Look:
    size = call.size
    flat = torch.arange(size).reshape(call.shape)
    kept = flat
    for axis in layout.constant:
        flat = flat.narrow(axis, 0, 1)
    lines = layout.batch_first(flat, images).reshape(images, -1).numpy()
    batch_of = np.full(2 * size + 1, -1, dtype=np.int64)
    place_of = np.full(2 * size + 1, -1, dtype=np.int64)
    image, place = np.indices(lines.shape)
    first = kept.clone()
    for axis in layout.constant:
        first = first.narrow(axis, 0, 1).expand(first.shape).clone()
    image_at, place_at = np.empty(size, np.int64), np.empty(size, np.int64)
    image_at[lines], place_at[lines] = image, place
    source = first.reshape(-1).numpy()
    batch_of[1 : size + 1], place_of[1 : size + 1] = image_at[source], place_at[source]
    batch_of[size + 1 :] = batch_of[1 : size + 1]
    if call.axis is not None and call.shape[call.axis] == 2:
        # 1 minus a weight of two is the other weight.
        other = np.flip(place_of[1 : size + 1].reshape(call.shape), call.axis)
        place_of[size + 1 :] = other.reshape(-1)
    else:
        place_of[size + 1 :] = place_of[1 : size + 1] + lines.shape[1]
    rows = _rows(call, batch_of, place_of)
    if len(layout.passes) > 1:  # The other passes do the same with the places of their own.
        stride, count = int(layout.passes[1]), len(layout.passes)
        rows = [tuple(place for place in row if place // stride % count == 0) for row in rows]
        rows = [row for row in dict.fromkeys(rows) if row]
    return _Look(call, layout, batch_of, place_of, lines.shape[1], rows)


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


def _classify(look: _Look) -> _Selection:
    call, layout, rows = look.call, look.layout, look.rows
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise _NoUnit("its weights are summed unevenly")
    if call.normalised:
        return _normalised(look)
    if call.is_gate:
        return _gate(look)
    if look.pairs:
        return _with_complement(look)
    groups = _groups(look)
    group_of = {place: number for number, line in enumerate(groups) for place in line}
    branches = call.shape[call.axis or 0]
    # One softmax for every channel: none that is spread over several, or over others' places.
    in_groups = [{group_of.get(place, -1) for place in row} for row in rows]
    right = all(len(found) == 1 for found in in_groups)
    right = right and len(set().union(*in_groups)) == len(rows)
    if right and lengths != {1} and call.axis != layout.batch_axis:
        order = list(dict.fromkeys(group_of[row[0]] for row in rows))
        return _competing(look, [groups[number] for number in order], "selective kernel")
    if lengths == {1} and call.axis != layout.batch_axis and 1 < branches <= 64:
        used = set(look.place_of[look.labels >= 0].tolist())
        whole = [line for line in groups if len(used & set(line)) > 1]
        origins = [look.origins(places) for places in zip(*whole, strict=True)]
        if len(whole) > 1 and any(origin != origins[0] for origin in origins):
            return _competing(look, whole, "multi-scale attention")
    if lengths == {1}:
        raise _NoUnit(_each_alone(look, group_of))
    if len(rows) == 1:
        raise _NoUnit("one weight for a whole branch, no channels")
    table = torch.tensor(rows).T.contiguous()
    return _Selection(
        replace(layout, table=table), "selective kernel", False, (_wrong_axis(call, layout),)
    )


def _each_alone(look: _Look, group_of: dict[int, int]) -> str:
    """Why weights that are never summed with each other select nothing, as was seen."""
    start = "wrong axis, or no branches: each branch is weighed alone"
    if look.call.axis == look.layout.batch_axis:
        return f"{start}, by a softmax over the images of the batch"
    used = [group_of.get(row[0], -1) for row in look.rows]
    if len(set(used)) == len(used):
        return "one weight of each softmax is used, the others multiply nothing"
    return f"{start}, by a softmax over its channels"


def _with_complement(look: _Look) -> _Selection:
    """A weight of a softmax over something else than branches, and 1 minus it."""
    call, layout = look.call, look.layout
    if len(look.rows) == 1:
        raise _NoUnit("one weight for a whole branch, no channels")
    groups = [set(line) for line in _groups(look)]
    first = {row[0] for row in look.rows}
    if call.axis == layout.batch_axis:
        over = "the images of the batch: an image's attention depends on those beside it"
    elif any(len(first & group) > 1 for group in groups):
        over = f"the channels of one branch (axis {call.axis} of {call.shape})"
    else:
        over = f"{call.shape[call.axis or 0]} weights, of which one is used"
    note = f"the softmax runs over {over}; the other branch gets 1 minus its weight"
    table = torch.tensor(look.rows).T.contiguous()
    layout = replace(layout, table=table, complement=True)
    return _Selection(layout, "selective kernel", True, (note,))


def _normalised(look: _Look) -> _Selection:
    """Weights that are divided by their sum over the branches, such as sigmoids."""
    if len(look.rows) == 1:
        raise _NoUnit("one weight for a whole branch, no channels")
    if len(look.rows[0]) < 2:
        raise _NoUnit("its weights are divided by a sum of others, and weigh each branch alone")
    if max(max(row) for row in look.rows) >= look.size:
        raise _NoUnit("1 minus its weights is normalised too, which is not followed")
    table = torch.tensor(look.rows).T.contiguous()
    layout = replace(look.layout, table=table, normalised=True)
    what = "sigmoids" if look.call.is_gate else "weights of a softmax"
    note = f"the {what} are divided by their sum over the branches before use"
    return _Selection(layout, "selective kernel", True, (note,))


def _groups(look: _Look) -> list[tuple[int, ...]]:
    """Places of image 0 that one softmax makes sum to 1, in the order of its axis."""
    call = look.call
    assert call.axis is not None
    flat = np.arange(1, call.size + 1).reshape(call.shape)
    lines = np.moveaxis(flat, call.axis, -1).reshape(-1, call.shape[call.axis])
    groups: dict[tuple[int, ...], None] = {}
    rows = zip(look.batch_of[lines].tolist(), look.place_of[lines].tolist(), strict=True)
    for images, places in rows:
        if images[0] == 0:
            groups[tuple(places)] = None
    return list(groups)


def _competing(look: _Look, lines: Sequence[tuple[int, ...]], kind: str) -> _Selection:
    if len(lines) == 1:
        raise _NoUnit("one weight for a whole branch, no channels")
    table = torch.tensor(lines).T.contiguous()
    if _same_numbers(look, table):
        raise _NoUnit(
            "its axis holds the taps of one filter, not branches: all of them hold the same "
            "numbers, at other pixels"
        )
    notes = []
    if _is_constant(look.call.values, None):
        notes.append(
            f"the attention is constant: 1/{len(table)} for every input tried (not trained, or "
            "it cannot learn)"
        )
    return _Selection(replace(look.layout, table=table), kind, True, tuple(notes))


def _same_numbers(look: _Look, table: torch.Tensor) -> bool:
    """Whether the branches hold the numbers of one feature map, moved against each other.

    Then their largest and smallest numbers agree, unless moved out of sight: so they do for
    many channels, and never do for branches that are made of different channels.
    """
    extremes = look.call.extremes.cpu().numpy()
    of_place = np.full((2, 2 * look.size), np.nan)
    inside = (look.place_of >= 0) & (look.batch_of == 0)
    of_place[:, look.place_of[inside]] = extremes[:, inside]
    values = of_place[:, table.numpy()]
    known = np.isfinite(values) & (values != 0)
    same = (values[:, :1] == values[:, 1:]) & known[:, :1] & known[:, 1:]
    origins = [look.origins(places) for places in table.numpy()]
    alike = bool(origins[0]) and all(origin == origins[0] for origin in origins)
    return alike and bool(same.any(axis=0).mean() > _MOVED)


def _gate(look: _Look) -> _Selection:
    layout, rows, places = look.layout, look.rows, look.size
    if len(rows) == 1:
        raise _NoUnit("one weight for all channels")
    if len(rows[0]) == 1:
        table = torch.tensor([[row[0] for row in rows]])
        return _Selection(replace(layout, table=table), GATE, False, ())
    table = torch.tensor(rows).T.contiguous()
    if look.pairs:
        layout = replace(layout, table=table, complement=True)
        return _Selection(layout, "selective kernel", True, ())
    note = "the branches do not compete: a sigmoid for each in place of a softmax"
    layout = replace(layout, table=table, complement=int(table.max()) >= places)
    return _Selection(layout, "selective kernel", False, (note,))


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
    network: nn.Module, found: list[tuple[_Look, _Selection]], lineage: Lineage
) -> list[Source]:
    places = []
    for look, selection in found:
        call = look.call
        path, index = _unit_path(call)
        places.append(Place(path, index, selection.kind == GATE, _pixels(call)))
    names = named(network, places)
    sources = []
    for (look, selection), place, name in zip(found, places, names, strict=True):
        call, table = look.call, selection.layout.table
        kernels, kind, notes, null = _kernels(look, selection, lineage.features.graph)
        unit = Unit(
            name=name,
            path=place.path,
            kernels=tuple(kernels),
            channels=table.shape[1],
            call=place.call,
            kind=kind,
            found_by=_found_by(call),
            notes=(*selection.notes, *notes),
            null=tuple(null),
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
    different = int((torch.bincount(call.selection.reshape(-1)) > 0).sum())
    return max(1, call.selection[..., 0].numel() // max(1, different))


def _kernels(
    look: _Look, selection: _Selection, graph: Graph
) -> tuple[list[Kernel | None], str, list[str], list[int]]:
    """Kernels of the branches, the unit's own kind name, what is to be said, null branches."""
    if selection.kind == GATE:
        return [None], GATE, [], []
    alive = look.call.alive.cpu().numpy()
    branches, notes, null = [], [], []
    for index, places in enumerate(selection.layout.table.numpy()):
        branches.append(look.origins(places))
        if not branches[-1]:
            null.append(index)
            notes.append(f"branch {index} is a null branch: its weight multiplies nothing")
        elif not alive[np.isin(look.place_of, places)].any():
            notes.append(f"the features of branch {index} were all zero for the inputs tried")
    if len(branches) - len(null) < 2:
        return [None] * len(branches), selection.kind, [*notes, "kernel size unknown"], []
    live = [labels for labels in branches if labels]
    kernels = branch_kernels(graph, branches)
    kind = selection.kind
    if kind == "selective kernel" and same_origin(graph, live):
        kind = "split attention"
    elif kind == "selective kernel" and resampled(graph, live):
        kind = "fusion of resolution streams"
    known = [kernel for kernel in kernels if kernel is not None]
    same = {kernel.label for kernel in known}
    if len(same) < 2 or kind == "fusion of resolution streams":
        tie = f": all branches are {same.pop()}" if len(known) == len(live) and same else ""
        kernels = [None] * len(branches)
        notes.append(f"kernel size unknown{tie}")
    elif len(known) < len(live):
        notes.append("kernel size unknown for some branches")
    elif len({kernel.order for kernel in known}) < 2:
        notes.append("no kernel is larger: the difference is that of the last and first branch")
    return kernels, kind, notes, null
