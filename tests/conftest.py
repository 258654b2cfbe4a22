"""What many tests need: a picture, and the data sets where they are."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
# What the configuration files of whoever runs the tests say is no part of them.
os.environ["SKVIZ_NO_CONFIG"] = "1"
# A shell that starts the tests in the background ignores Ctrl-C for them and for all they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Crashes, attacks, ranks, browsers, documents and benchmarks: `make test-all` runs them too.
SLOW_FILES = (
    "benchmarks/test_bench.py",
    "cli/commands/test_card.py",
    "cli/test_streams.py",
    "explorer/test_attacks.py",
    "reports/test_folder.py",
    "reports/test_pages.py",
    "reports/test_pdf.py",
    "reports/test_talk.py",
    "reports/test_verdict_parts.py",
    "reports/test_way.py",
    "reports/test_write.py",
    "runs/test_crash.py",
    "runs/test_memory.py",
    "studies/test_card.py",
    "test_docs_code.py",
    "test_docs_notebooks.py",
)
SLOW_FIXTURES = {"browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by its file, or by what it needs."""
    for item in items:
        name = item.path.relative_to(ROOT / "tests").as_posix()
        if name in SLOW_FILES or SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A small colour picture with a disc in its middle, as a JPEG file."""
    return draw_photo(tmp_path / "photo.jpg")


def draw_photo(path: Path, width: int = 200, height: int = 160) -> Path:
    """Write a picture: colours that run across it, and a disc in its middle."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    disc = np.hypot(x - width / 2, y - height / 2) < height / 5
    pixels = np.stack([255 * x / width, 255 * y / height, np.where(disc, 230, 40)], axis=-1)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets beside the checkout; skips where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the data sets in ../shared/data beside the checkout")
    return SHARED_DATA
