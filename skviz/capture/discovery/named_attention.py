"""Attention that the user names: `PATTERN:AXIS`, modules whose output it is, and its axis."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _Told:
    """A module, the axis of the branches in its output, and that output for two batch sizes."""

    path: str
    axis: int
    outputs: tuple[Tensor, Tensor]


def told_sources(
    network: nn.Module, patterns: Sequence[str], example: Any = None
) -> list[AttentionSite]:
    """Return sources for what `PATTERN:AXIS` names, such as "layer*.*.attn:1".

    PATTERN matches module paths, AXIS is the axis of the branches in what they return. Raises
    `UsageError` for a bad pattern, and `CaptureError` where the output is no attention.
    """
    axes = {}
    for pattern in patterns:
        paths, axis = _parse(pattern)
        matches = [p for p, _ in network.named_modules() if p and fnmatch.fnmatchcase(p, paths)]
        if not matches:
            raise UsageError(
                f"expected modules like '{paths}' in {type(network).__name__}, it has none; "
                "print the network to see the paths of its modules"
            )
        axes.update(dict.fromkeys(matches, axis))
    told = _outputs(network, axes, example)
    names = named(network, [Place(one.path, 0, False, 0) for one in told])
    return [_source(one, name) for one, name in zip(told, names, strict=True)]


def _parse(pattern: str) -> tuple[str, int]:
    path, _, axis = pattern.rpartition(":")
    try:
        return path, int(axis) if path else int("")
    except ValueError:
        raise UsageError(
            "expected --attention as PATTERN:AXIS, such as 'layer*.*.attn:1' (modules by path, "
            f"and the axis of the branches in what they return), got '{pattern}'"
        ) from None


def _outputs(network: nn.Module, axes: dict[str, int], example: Any) -> list[_Told]:
    with unchanged(network):
        failure: Exception | None = None
        for candidate in candidates(network) if example is None else [example]:
            try:
                runs = [_run(network, axes, with_batch(candidate, size)) for size in BATCHES]
            except Exception as error:
                failure = failure or error
                continue
            return [
                _Told(path, axes[path], (runs[0][path], runs[1][path]))
                for path in runs[0]
                if path in runs[1]
            ]
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


def _source(told: _Told, name: str) -> AttentionSite:
    one, two = told.outputs
    shape = tuple(one.shape)
    if not -one.ndim <= told.axis < one.ndim:
        raise CaptureError(
            f"expected {told.path} to have an axis {told.axis}, its output has shape {shape}"
        )
    axis = told.axis % one.ndim
    follows = [i for i in range(one.ndim) if one.shape[i] != two.shape[i]]
    if len(follows) != 1 or one.shape[follows[0]] != BATCHES[0] or follows[0] == axis:
        raise CaptureError(
            f"expected one axis of the output of {told.path}, other than {told.axis}, to follow "
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
        told.path,
        (None,) * shape[axis],
        table.shape[1],
        found_by=f"told: axis {told.axis} of the output of {told.path}",
        notes=(*notes, "kernel size unknown"),
    )

    # The number of images is that of the output's own batch axis.
    def read(output: Tensor) -> Tensor:
        return layout.read(output, output.shape[batch_axis] if output.ndim == one.ndim else 1)

    def put(output: Tensor, attention: Tensor, batch: int) -> Tensor:
        return layout.write(output, attention, len(attention))

    return AttentionSite(unit, told.path, read, competing=competing, put=put)
