"""Permissions as they hold for users: root, as whom CI runs, may read and write everything."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

_VERSION_3 = 0x20080522
_OVERRIDE, _READ_SEARCH = 1 << 1, 1 << 2


@contextlib.contextmanager
def permissions_hold() -> Iterator[None]:
    """Within the block, this thread may not do what a file's or folder's mode forbids."""
    if os.geteuid() != 0 or sys.platform != "linux":
        yield
        return
    usual = _capabilities()
    without = list(usual)
    without[0] &= ~(_OVERRIDE | _READ_SEARCH)  # the effective ones; they can be taken again
    _set(without)
    try:
        yield
    finally:
        _set(usual)


def _capabilities() -> list[int]:
    sets = (ctypes.c_uint32 * 6)()
    _call("capget", sets)
    return list(sets)


def _set(values: list[int]) -> None:
    _call("capset", (ctypes.c_uint32 * 6)(*values))


def _call(name: str, sets: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)((ctypes.c_uint32 * 2)(_VERSION_3, 0), sets):
        raise OSError(ctypes.get_errno(), name)
