"""The benchmarks are scripts beside the package, not in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


@pytest.fixture(autouse=True)
def _networks_as_they_were() -> Iterator[None]:
    """The sections make "tiny" known; other tests of the process must not meet it."""
    from skviz.models.registry import CONFIGS

    before = dict(CONFIGS)
    yield
    CONFIGS.clear()
    CONFIGS.update(before)
