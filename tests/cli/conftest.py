"""What tests of several commands need."""

from __future__ import annotations

import pytest

from skviz.models.registry import CONFIGS
from tests.helpers.tiny import CONFIG


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network "tiny" is known while a test runs."""
    monkeypatch.setitem(CONFIGS, "tiny", CONFIG)
