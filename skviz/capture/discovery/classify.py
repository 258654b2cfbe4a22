"""What one attention selects: branches, gates, or nothing, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from skviz.capture.discovery.look import Look, NoUnit, is_constant
from skviz.capture.discovery.tracing.calls import Call
from skviz.capture.layout import Layout

GATE = "squeeze-and-excitation"
# The share of channels that agree in their largest or smallest number, from which on branches
# are taken for one feature map that was moved.
_MOVED = 0.25


@dataclass(frozen=True)
class UnitSelection:
    """What one call selects: table of places (M, C), and what is to be said of it."""

    layout: Layout
    kind: str
    competing: bool
    notes: tuple[str, ...]


def classify(look: Look) -> UnitSelection:
    call, layout, rows = look.call, look.layout, look.rows
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise NoUnit("its weights are summed unevenly")
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
        raise NoUnit(_each_alone(look, group_of))
    layout = replace(layout, table=_table(rows))
    return UnitSelection(layout, "selective kernel", False, (_wrong_axis(call, layout),))


def _table(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """The places of every branch and channel, (M, C), from those of every channel."""
    if len(rows) == 1:
        raise NoUnit("one weight for a whole branch, no channels")
    return torch.tensor(rows).T.contiguous()


def _each_alone(look: Look, group_of: dict[int, int]) -> str:
    """Why weights that are never summed with each other select nothing, as was seen."""
    start = "wrong axis, or no branches: each branch is weighed alone"
    if look.call.axis == look.layout.batch_axis:
        return f"{start}, by a softmax over the images of the batch"
    used = [group_of.get(row[0], -1) for row in look.rows]
    if len(set(used)) == len(used):
        return "one weight of each softmax is used, the others multiply nothing"
    return f"{start}, by a softmax over its channels"


def _with_complement(look: Look) -> UnitSelection:
    """A weight of a softmax over something else than branches, and 1 minus it."""
    call, table = look.call, _table(look.rows)
    groups = [set(line) for line in _groups(look)]
    first = {row[0] for row in look.rows}
    if call.axis == look.layout.batch_axis:
        over = "the images of the batch: an image's attention depends on those beside it"
    elif any(len(first & group) > 1 for group in groups):
        over = f"the channels of one branch (axis {call.axis} of {call.shape})"
    else:
        over = f"{call.shape[call.axis or 0]} weights, of which one is used"
    note = f"the softmax runs over {over}; the other branch gets 1 minus its weight"
    layout = replace(look.layout, table=table, complement=True)
    return UnitSelection(layout, "selective kernel", True, (note,))


def _normalised(look: Look) -> UnitSelection:
    """Weights that are divided by their sum over the branches, such as sigmoids."""
    table = _table(look.rows)
    if len(look.rows[0]) < 2:
        raise NoUnit("its weights are divided by a sum of others, and weigh each branch alone")
    if max(max(row) for row in look.rows) >= look.size:
        raise NoUnit("1 minus its weights is normalised too, which is not followed")
    layout = replace(look.layout, table=table, normalised=True)
    what = "sigmoids" if look.call.is_gate else "weights of a softmax"
    note = f"the {what} are divided by their sum over the branches before use"
    return UnitSelection(layout, "selective kernel", True, (note,))


def _groups(look: Look) -> list[tuple[int, ...]]:
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


def _competing(look: Look, lines: Sequence[tuple[int, ...]], kind: str) -> UnitSelection:
    table = _table(lines)
    if _same_numbers(look, table):
        raise NoUnit(
            "its axis holds the taps of one filter, not branches: all of them hold the same "
            "numbers, at other pixels"
        )
    notes = []
    if is_constant(look.call.values, None):
        notes.append(
            f"the attention is constant: 1/{len(table)} for every input tried (not trained, or "
            "it cannot learn)"
        )
    return UnitSelection(replace(look.layout, table=table), kind, True, tuple(notes))


def _same_numbers(look: Look, table: torch.Tensor) -> bool:
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


def _gate(look: Look) -> UnitSelection:
    layout, rows, places = look.layout, look.rows, look.size
    if len(rows) == 1:
        raise NoUnit("one weight for all channels")
    table = _table(rows)
    if len(table) == 1:
        return UnitSelection(replace(layout, table=table), GATE, False, ())
    if look.pairs:
        layout = replace(layout, table=table, complement=True)
        return UnitSelection(layout, "selective kernel", True, ())
    note = "the branches do not compete: a sigmoid for each instead of a softmax"
    layout = replace(layout, table=table, complement=int(table.max()) >= places)
    return UnitSelection(layout, "selective kernel", False, (note,))


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
