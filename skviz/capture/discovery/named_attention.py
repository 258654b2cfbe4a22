"""Attention that the user names: `PATTERN:AXIS`, modules whose output it is, and its axis."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from skviz.capture.discovery.example import arguments, candidates, with_batch
from skviz.capture.discovery.passes import BATCHES, unchanged
from skviz.capture.discovery.unit_names import Place, named
from skviz.capture.layout import Layout
from skviz.capture.site import AttentionSite
from skviz.errors import CaptureError, NoInputError, UsageError
from skviz.hooks import ForwardSession
from skviz.units import Unit


def told_sources(
    network: nn.Module, patterns: Sequence[str], example: Any = None
) -> list[AttentionSite]:
    """Return sources for what `PATTERN:AXIS` names, such as "layer*.*.attn:1".

    PATTERN matches module paths, AXIS is the axis of the branches in what they return. Raises
    `UsageError` for a bad pattern, and `CaptureError` where the output is no attention.
    """
    axes = {}
    for pattern in patterns:
        path, axis = _parse(pattern)
        matches = [p for p, _ in network.named_modules() if p and fnmatch.fnmatchcase(p, path)]
        if not matches:
            raise UsageError(
                f"expected modules like '{path}' in {type(network).__name__}, it has none; "
                "print the network to see the paths of its modules"
            )
        axes.update(dict.fromkeys(matches, axis))
    one, two = _outputs(network, axes, example)
    paths = [path for path in one if path in two]
    names = named(network, [Place(path, 0, False, 0) for path in paths])
    return [
        _source(name, path, axes[path], one[path], two[path])
        for name, path in zip(names, paths, strict=True)
    ]


def _parse(pattern: str) -> tuple[str, int]:
    path, _, axis = pattern.rpartition(":")
    try:
        return path, int(axis) if path else int("")
    except ValueError:
        raise UsageError(
            "expected --attention as PATTERN:AXIS, such as 'layer*.*.attn:1' (modules by path, "
            f"and the axis of the branches in what they return), got '{pattern}'"
        ) from None


def _outputs(
    network: nn.Module, axes: dict[str, int], example: Any
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What the modules return, by their paths, for two batch sizes."""
    with unchanged(network):
        failure: Exception | None = None
        for candidate in candidates(network) if example is None else [example]:
            try:
                one, two = (_run(network, axes, with_batch(candidate, size)) for size in BATCHES)
                return one, two
            except Exception as error:
                failure = failure or error
    raise NoInputError(
        f"expected {type(network).__name__} to run on an example, it did not: {failure}; pass "
        "one that it takes as `example`, or its shape with --example, such as 1x3x64x64"
    )


def _run(network: nn.Module, axes: dict[str, int], inputs: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}

    def keep(path: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise CaptureError(
                f"expected {path} to return a tensor, it returns {type(output).__name__}"
            )
        found[path] = output.detach().clone()

    with ForwardSession(network) as session, torch.no_grad():
        for path in axes:
            session.after(network.get_submodule(path), partial(keep, path))
        session.run(*arguments(inputs))
    return found


def _source(name: str, path: str, told: int, one: Tensor, two: Tensor) -> AttentionSite:
    """Read what a module returned for two batch sizes, `told` being the axis of the branches."""
    shape = tuple(one.shape)
    if not -one.ndim <= told < one.ndim:
        raise CaptureError(f"expected {path} to have an axis {told}, its output has shape {shape}")
    axis = told % one.ndim
    follows = [i for i in range(one.ndim) if one.shape[i] != two.shape[i]]
    if len(follows) != 1 or one.shape[follows[0]] != BATCHES[0] or follows[0] == axis:
        raise CaptureError(
            f"expected one axis of the output of {path}, other than {told}, to follow "
            f"the batch, got shapes {shape} and {tuple(two.shape)} for {BATCHES[0]} and "
            f"{BATCHES[1]} images"
        )
    batch_axis = follows[0]
    flat = torch.arange(one.numel() // BATCHES[0])
    rest = [n for i, n in enumerate(shape) if i != batch_axis]
    branch_axis = axis - (batch_axis < axis)
    table = flat.reshape(rest).movedim(branch_axis, 0).reshape(shape[axis], -1)
    layout = Layout(one.ndim, batch_axis, table)
    sums = one.float().sum(dim=axis)
    competing = bool(torch.allclose(sums, torch.ones_like(sums), atol=2e-2))
    notes = () if competing else ("the branches do not sum to 1",)
    unit = Unit(
        name,
        path,
        (None,) * shape[axis],
        table.shape[1],
        found_by=f"told: axis {told} of the output of {path}",
        notes=(*notes, "kernel size unknown"),
    )

    # The number of images is that of the output's own batch axis.
    def read(output: Tensor) -> Tensor:
        return layout.read(output, output.shape[batch_axis] if output.ndim == one.ndim else 1)

    def put(output: Tensor, attention: Tensor, batch: int) -> Tensor:
        return layout.write(output, attention, len(attention))

    return AttentionSite(unit, path, read, competing=competing, put=put)
