"""Which units a network has, by the first way that knows: told, adapter, looking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from skviz.capture.discovery.adapters import known_sources
from skviz.capture.discovery.discover import Found, discover, nothing_found
from skviz.capture.discovery.named_attention import told_sources
from skviz.capture.site import AttentionSite

# Looking takes a few forward passes: a network is looked into once, as long as it is built alike.
_SEEN: WeakKeyDictionary[nn.Module, tuple[object, Found]] = WeakKeyDictionary()


def find_units(
    network: nn.Module, attention: str | Sequence[str] | None = None, example: Any = None
) -> Found:
    """Return the selective units and the gates of a network.

    Raises `CaptureError` where it has neither, with what was looked at and why it was none.
    """
    if attention:
        patterns = [attention] if isinstance(attention, str) else list(attention)
        return Found(tuple(told_sources(network, patterns, example)), (), ())
    known: list[AttentionSite] | None = known_sources(network)
    if known:
        return Found(tuple(known), (), ())
    found = _look(network, example)
    if not found.units and not found.gates:
        raise nothing_found(network, found)
    return found


def _look(network: nn.Module, example: Any) -> Found:
    first = next(network.parameters(), None)
    build = (
        tuple(id(module) for module in network.modules()),
        None if first is None else (first.dtype, first.device),
    )
    seen = _SEEN.get(network)
    if seen is None or seen[0] != build or example is not None:
        seen = (build, discover(network, example))
        _SEEN[network] = seen
    return seen[1]
