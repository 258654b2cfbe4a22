"""Find the attention of any network: from what runs, not from names.

A softmax is the attention of a unit if its result, through any views, multiplies features
channel by channel. What it multiplies and what is summed afterwards is followed number by
number (`trace.py`); the batch axis is the one that follows the batch size from pass to pass,
axes that follow the image size are no channels. No axis is guessed from its size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from skviz.capture.discovery.axes import batch_axis_of, spread_over, with_passes
from skviz.capture.discovery.classify import GATE, UnitSelection, classify
from skviz.capture.discovery.kernels import branch_kernels, resampled
from skviz.capture.discovery.look import Look, NoUnit, look_at
from skviz.capture.discovery.passes import Passes, run_passes
from skviz.capture.discovery.tracing.calls import Call
from skviz.capture.discovery.tracing.graph import Graph
from skviz.capture.discovery.tracing.trace import Trace
from skviz.capture.discovery.unit_names import Place, named
from skviz.capture.layout import Layout
from skviz.capture.site import AttentionSite, Operation
from skviz.errors import CaptureError
from skviz.units import Kernel, Unit

SHOWN = 6


@dataclass(frozen=True)
class Found:
    """The selective units and the gates of a network, in the order of execution.

    `rejected` tells of every other softmax why it is no selective attention; of the sigmoids
    where there is nothing else.
    """

    units: tuple[AttentionSite, ...]
    gates: tuple[AttentionSite, ...]
    rejected: tuple[str, ...]


def discover(network: nn.Module, example: Any = None) -> Found:
    """Return what a network selects with; raises `CaptureError` where it cannot be run."""
    passes = run_passes(network, example)
    found: list[tuple[Look, UnitSelection]] = []
    rejected: list[str] = []
    gates: list[str] = []
    for call in passes.first.calls:
        try:
            found.append(_selection(call, passes))
        except NoUnit as reason:
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
    nothing = "looked for softmax and sigmoid, none weighs branches or channels of features"
    return CaptureError(
        f"expected a network with selective attention, found none in {type(network).__name__}: "
        + (f"looked at {looked}" if looked else nothing)
        + "; if you know where it is, name it with --attention PATTERN:AXIS"
    )


def _about(call: Call, reason: str) -> str:
    axis = "" if call.axis is None else f" over axis {call.axis} of {call.shape}"
    what = "sigmoid" if call.is_gate else "softmax"
    return f"{what} in {call.key[0] or 'the network itself'}{axis}: {reason}"


def _selection(call: Call, passes: Passes) -> tuple[Look, UnitSelection]:
    """Decide what a call is; raises `NoUnit` with the reason why it is no unit."""
    other = passes.other_batch.get(call.key)
    if not call.follows_input:
        raise NoUnit("it does not depend on the input (learned constants)")
    if call.refused:
        raise NoUnit(call.refused)
    if call.selection is None:
        raise NoUnit(_why_none(call))
    if other is None or len(other.shape) != len(call.shape):
        raise NoUnit(
            "it did not run alike with batches of {} and {} images".format(*passes.batches)
            + (f": {passes.failure}" if passes.failure else "")
        )
    batch_axis, fold = batch_axis_of(call, other, passes.batches)
    constant = spread_over(call, passes, batch_axis)
    layout = Layout(len(call.shape), batch_axis, torch.zeros(1, 1).long(), constant, fold)
    layout, notes = with_passes(call, layout, passes)
    look = look_at(call, layout, passes.batches[0])
    selection = classify(look)
    return look, replace(selection, notes=(*selection.notes, *notes, *call.notes))


def _why_none(call: Call) -> str:
    """Why the result of a call was never seen to weigh features."""
    if call.reasons:
        return call.reasons[0]
    if call.lost:
        return f"its result goes into `{call.lost[0]}`, behind which it is not followed"
    return "its result multiplies no features"


def _sources(
    network: nn.Module, found: list[tuple[Look, UnitSelection]], trace: Trace
) -> list[AttentionSite]:
    places = []
    for look, selection in found:
        call = look.call
        path, index = _unit_path(call)
        places.append(Place(path, index, selection.kind == GATE, _pixels(call)))
    names = named(network, places)
    sources = []
    for (look, selection), place, name in zip(found, places, names, strict=True):
        call, table = look.call, selection.layout.table
        kernels, kind, notes, null = _kernels(look, selection, trace.features.graph)
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
            AttentionSite(
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
    look: Look, selection: UnitSelection, graph: Graph
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
    if kind == "selective kernel" and all(labels == live[0] for labels in live):
        # All branches are parts of the output of one operation.
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
