"""What was measured on: the machine in words, without names of hosts or places."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "skviz", "torch", "torchvision", "numpy", "pillow", "pyarrow", "pandas", "matplotlib", "click",
    "timm", "captum", "nnsight", "torchlens",
)  # fmt: skip


def machine(threads: int) -> dict[str, str]:
    """Describe processor, memory, system, versions and threads."""
    return {
        "processor": processor(),
        "cores": str(cores()),
        "memory": f"{memory_gib():.0f} GiB",
        "system": f"{_system()}, {platform.machine()}, {' '.join(platform.libc_ver())}".strip(", "),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {found}" for name, found in versions().items()),
        "threads": str(threads),
        "load before": _load(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def processor() -> str:
    """Model of the processor, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "not known"


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float:
    """Memory of the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    except (ValueError, OSError, AttributeError):
        return float("nan")


def versions() -> dict[str, str]:
    """Versions of the packages that are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()


def _load() -> str:
    """Processes that were running in the last minute: near 0 on a quiet machine."""
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except (OSError, AttributeError):
        return "not known"
