"""How the C library keeps memory between layers: on glibc the usual way halves the speed.

By default glibc gives every buffer of more than some megabytes back to the system as soon as a
layer is done with it, and the next layer gets fresh pages, each of which the system must clear.
Kept memory is used again instead. Python and PyTorch offer no switch for it.
"""

from __future__ import annotations

import ctypes
import os
import platform

# Names of malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_PAD = 256 * 1024**2
SWITCH = "SKVIZ_ALLOCATOR"


def keep_memory() -> bool:
    """Let this process keep freed memory for its next use; return whether that was possible.

    Holds for the whole process from now on, and costs at most the most memory that it had at
    once, plus 256 MiB. Does nothing outside of glibc, or where the environment says
    `SKVIZ_ALLOCATOR=system`.
    """
    if os.environ.get(SWITCH, "") == "system" or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # All of them: large buffers come from the heap, and its end is not given back.
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, _PAD))
    taken = [mallopt(name, value) == 1 for name, value in settings]
    return all(taken)
