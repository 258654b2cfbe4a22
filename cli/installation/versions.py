"""Versions as the installation's own records tell them: nothing is imported for them."""

from __future__ import annotations

import importlib.metadata
import platform
from importlib.resources import files

from skviz.version import __version__


def version_of(package: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def bundled_checksums() -> dict[str, str]:
    """Checksum (SHA-256) of each bundled network's weights, by the network's name."""
    return {
        file.name.removesuffix(".sha256"): file.read_text("utf-8").split()[0]
        for file in sorted(files("skviz.assets").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".sha256")
    }


def version_text() -> str:
    """What `skviz --version` prints."""
    lines = [f"skviz {__version__}", f"Python {platform.python_version()}"]
    lines += [f"{name} {version_of(name) or 'not installed'}" for name in ("torch", "torchvision")]
    lines += [
        f"weights {name} (bundled), sha256 {checksum[:12]}"
        for name, checksum in bundled_checksums().items()
    ]
    return "\n".join(lines)
