"""Memory is kept on glibc, and left alone where the user says so."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc has these settings"
)

# Page faults of a buffer that is made and freed again and again: every new page costs one.
CODE = """
import resource, sys
import numpy as np
from skviz.hardware.allocator import keep_memory
print(keep_memory())
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(64 * 2**20, np.uint8)
before = faults()
for _ in range(20):
    np.ones(64 * 2**20, np.uint8)
print(faults() - before)
"""


def run(**environment: str) -> tuple[bool, int]:
    """Whether memory is kept, and the page faults of twenty buffers of 64 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


def test_freed_buffers_are_used_again() -> None:
    kept, faults = run(SKVIZ_ALLOCATOR="")
    assert kept
    assert faults < 500


def test_the_environment_switches_it_off() -> None:
    kept, faults = run(SKVIZ_ALLOCATOR="system")
    assert not kept
    assert faults > 500
