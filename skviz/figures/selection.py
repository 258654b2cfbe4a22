"""Which part of an attention or a run a figure shows, checked once."""

from __future__ import annotations

from collections.abc import Sequence

from skviz.capture.attention import Attention
from skviz.errors import UsageError
from skviz.scales import Scales


def required_scales(attention: Attention) -> tuple[float, ...]:
    """Return the scales of the attention; raises `UsageError` where it has none."""
    if attention.scales is None:
        raise UsageError(
            "expected the attention of one image at several scales, got a batch without scales;"
            " give the probe what `enlarge` returns"
        )
    return attention.scales


def choose_scales(known: Sequence[float], wanted: Sequence[float] | None) -> list[int]:
    """Return the indices of the wanted scales, in the run's order; all of them for None.

    Raises `ScaleError` for a scale that the run does not have.
    """
    if wanted is None:
        return list(range(len(known)))
    found = set()
    for scale in wanted:
        found.add(Scales(known).index(scale, "scales of the run ({})"))
    return sorted(found)
