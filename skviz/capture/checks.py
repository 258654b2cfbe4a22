"""What must be true of the input of a probe, and of the attention that it reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from skviz.capture.site import AttentionSite
from skviz.errors import CaptureError, UsageError
from skviz.pictures.scaling import InputSpec, known_spec

if TYPE_CHECKING:
    from skviz.pictures.scaling import Views

# How far a sum over the branches may be from 1, by the precision of the softmax.
TOLERANCE = {torch.float16: 2e-3, torch.bfloat16: 2e-2}


def check_input(views: Views, network: nn.Module) -> None:
    """Raise `UsageError` for views made for another input than the network's, if it is known."""
    expected = known_spec(network)
    if expected is None or views.spec == expected:
        return
    raise UsageError(
        f"expected views made for this network ({_words(expected, views.spec)}), got others "
        f"({_words(views.spec, expected)}); make them with enlarge(..., spec=model), or pass "
        "views.images to show the network another input on purpose"
    )


def _words(spec: InputSpec, other: InputSpec) -> str:
    """What is different in an input: "size 128, crop 0.875"."""
    names = [name for name in vars(spec) if getattr(spec, name) != getattr(other, name)]
    return ", ".join(f"{name} {getattr(spec, name)}" for name in names)


def check_shape(source: AttentionSite, attention: Tensor) -> None:
    """Raise `CaptureError` for attention of another shape than (B, M, C)."""
    unit = source.unit
    if attention.ndim != 3 or attention.shape[1:] != (unit.branches, unit.channels):
        raise CaptureError(
            f"expected attention of shape (B, {unit.branches}, {unit.channels}) from "
            f"{unit.name} ({unit.path}), got {tuple(attention.shape)}"
        )


def checked_all(sources: Sequence[AttentionSite], attention: Mapping[str, Tensor]) -> None:
    """Raise `CaptureError` unless all attention is finite, and sums to 1 where it competes.

    The answers for all units are fetched at once: every single one would wait for the card.
    """
    if not sources or not len(attention[sources[0].unit.name]):
        return
    sums = [attention[source.unit.name].float().sum(dim=1) for source in sources]
    # Attention lies in [0, 1] or is no number at all, so a sum is finite if all its terms are.
    errors = torch.stack([(total - 1.0).abs().amax() for total in sums]).tolist()
    for source, error in zip(sources, errors, strict=True):
        unit = source.unit
        if not math.isfinite(error):
            raise CaptureError(
                f"expected finite attention from {unit.name} ({unit.path}), got nan or infinite "
                "values; check the weights and the input"
            )
        tolerance = TOLERANCE.get(attention[unit.name].dtype, 1e-4)
        if source.competing and error > tolerance:
            raise CaptureError(
                f"expected the attention of {unit.name} ({unit.path}) to sum to 1 over the "
                f"branches, it is off by up to {error:.2g}"
            )
