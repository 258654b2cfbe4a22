"""Which axis of an attention is that of the batch, what shares it, and which only repeat."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from skviz.capture.discovery.look import NoUnit, is_constant
from skviz.capture.discovery.passes import Passes
from skviz.capture.discovery.tracing.calls import Call
from skviz.capture.layout import Layout


def batch_axis_of(call: Call, other: Call, batches: tuple[int, int]) -> tuple[int, str | None]:
    """The axis whose length follows the batch, and how the batch shares it."""
    changed = [a for a, (n, m) in enumerate(zip(call.shape, other.shape, strict=True)) if n != m]
    if not changed:
        raise NoUnit("it is the same for all images of a batch")
    if (
        len(changed) > 1
        or call.shape[changed[0]] * batches[1] != other.shape[changed[0]] * batches[0]
    ):
        raise NoUnit("its shape does not follow the batch")
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
        raise NoUnit("its batch axis also holds something else")
    return axis, fold


def with_passes(call: Call, layout: Layout, passes: Passes) -> tuple[Layout, list[str]]:
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
        raise NoUnit("its batch axis holds several passes of an image, and something else")
    if runs[0] == images:
        return layout, [
            f"the batch holds {count} parts of each image from some layer on: they are treated as "
            "groups of channels"
        ]
    later = range(layout.batch_axis + 1, len(call.shape))
    stride = math.prod(call.shape[axis] for axis in later if axis not in layout.constant)
    note = f"each image passes {count} times, such as mirrored: shown is the mean over these passes"
    return replace(layout, passes=stride * torch.arange(count)), [note]


def spread_over(call: Call, passes: Passes, batch_axis: int) -> tuple[int, ...]:
    """Axes that follow the image size and only repeat; raises where they do not repeat."""
    other = passes.other_size.get(call.key)
    if other is None or len(other.shape) != len(call.shape):
        return _repeats(call, batch_axis)
    axes = []
    for axis, (length, larger) in enumerate(zip(call.shape, other.shape, strict=True)):
        if length == larger:
            continue
        if axis == call.axis:
            raise NoUnit("its axis follows the image size (attention over positions)")
        varies = not (is_constant(other.values, axis) and is_constant(call.values, axis))
        if axis == batch_axis or varies:
            raise NoUnit("it differs from pixel to pixel (spatial attention)")
        axes.append(axis)
    return tuple(axes)


def _repeats(call: Call, batch_axis: int) -> tuple[int, ...]:
    """Without a pass at another size: trailing axes along which nothing changes."""
    axes: list[int] = []
    for axis in range(len(call.shape) - 1, 1, -1):
        if axis in (call.axis, batch_axis) or not is_constant(call.values, axis):
            break
        if call.shape[axis] > 1 and not is_constant(call.values, None):
            axes.append(axis)
    return tuple(sorted(axes))
