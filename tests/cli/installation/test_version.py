"""`skviz --version`: what takes part in a result, without importing it."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch
import torchvision
from click.testing import CliRunner

import skviz
from skviz.cli.installation.versions import version_of
from skviz.cli.main import cli


def test_version_names_everything_that_makes_a_result(root: Path) -> None:
    done = CliRunner().invoke(cli, ["--version"])
    checksum = (root / "assets" / "sknet50_lite.sha256").read_text()[:12]
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"skviz {skviz.__version__}",
        f"Python {platform.python_version()}",
        f"torch {version_of('torch')}",
        f"torchvision {version_of('torchvision')}",
        f"weights sknet50_lite (bundled), sha256 {checksum}",
    ]


def test_the_versions_are_those_of_what_is_imported() -> None:
    # What is imported may add how it was built: 2.6.0+cpu.
    assert torch.__version__.startswith(version_of("torch").split("+")[0])
    assert torchvision.__version__.startswith(version_of("torchvision").split("+")[0])
    assert version_of("no-such-package-of-skviz") is None


def test_the_environment_cannot_ask_for_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKVIZ_VERSION", "1")
    done = CliRunner().invoke(cli, ["models", "-h"])
    assert "Usage: cli models" in done.output
