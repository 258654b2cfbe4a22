"""Networks whose attention is known: one adapter a file, first match wins.

Any other network is looked into by `skviz.capture.discovery.discover`.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from skviz.capture.discovery.adapters import own, timm
from skviz.capture.site import AttentionSite

# An adapter looks at a network and lists its sources, or returns None: not of its kind.
Adapter = Callable[[nn.Module], list[AttentionSite] | None]

_ADAPTERS: dict[str, Adapter] = {"skviz": own.sources, "timm": timm.sources}


def register_adapter(name: str, adapter: Adapter) -> None:
    """Add an adapter; it is asked before all that are there already.

    An adapter takes a network and returns a list of `AttentionSite`, in the order of execution, or
    None for a network that it does not know. A name that is there already is replaced.
    """
    others = {key: value for key, value in _ADAPTERS.items() if key != name}
    _ADAPTERS.clear()
    _ADAPTERS.update({name: adapter, **others})


def unregister_adapter(name: str) -> None:
    """Take an adapter away; nothing happens if there is none of that name."""
    _ADAPTERS.pop(name, None)


def known_sources(network: nn.Module) -> list[AttentionSite] | None:
    """Return the sources of a network by the first adapter that knows it, or None."""
    for adapter in _ADAPTERS.values():
        found = adapter(network)
        if found:
            return found
    return None
