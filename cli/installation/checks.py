"""What `skviz doctor` looks at: packages, devices, caches and this folder, each as `Check`s."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skviz.errors import first_line
from skviz.numbers import file_size

from .versions import bundled_checksums, version_of

# "failed" is what skviz cannot work without; "missing" what it can.
OK, WARNING, MISSING, FAILED = "ok", "warning", "missing", "failed"
# Extras for work on skviz itself.
DEVELOPERS = ("dev", "docs", "test")
MODULES = {"pillow": "PIL"}
_REQUIREMENT = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?\s*([^;]*)(?:;.*extra\s*==\s*[\"']([\w.-]+))?")


@dataclass(frozen=True)
class Check:
    """One line of the doctor: what was looked at, how it is, and what to do about it."""

    area: str
    name: str
    status: str
    value: str
    advice: str = ""


@dataclass(frozen=True)
class Requirement:
    """A package that skviz asks for: its name, the least version or "", its extra or None."""

    package: str
    least: str = ""
    extra: str | None = None

    def met_by(self, version: str) -> bool:
        """Whether a version is new enough; none is where there is no version."""
        return bool(version) and _numbers(version) >= _numbers(self.least)


def requirements() -> list[Requirement]:
    """What the installed skviz asks for, from its own metadata."""
    found = []
    for line in importlib.metadata.requires("skviz") or []:
        match = _REQUIREMENT.match(line)
        if match and match[1] != "skviz":
            least = re.search(r">=\s*([\d.]+)", match[2])
            found.append(Requirement(match[1], least[1] if least else "", match[3]))
    return found


def _numbers(version: str) -> tuple[int, ...]:
    leading = re.match(r"[\d.]*", version)
    return tuple(int(part) for part in (leading[0] if leading else "").split(".") if part)


def environment() -> list[Check]:
    """Python, the platform, and the packages that skviz needs, each imported once."""
    version = platform.python_version()
    python = OK if sys.version_info >= (3, 11) else FAILED
    checks = [
        Check("environment", "Python", python, version, "" if python == OK else "needs 3.11"),
        Check("environment", "platform", OK, platform.platform()),
    ]
    needed = [one for one in requirements() if one.extra is None]
    return checks + [package_check(one) for one in needed]


def package_check(wanted: Requirement) -> Check:
    """Look at a package that skviz needs: there, new enough, and not broken."""
    about = ("environment", wanted.package)
    version = version_of(wanted.package)
    install = f"pip install '{wanted.package}>={wanted.least or 0}'"
    if version is None:
        return Check(*about, FAILED, "not installed", install)
    if not wanted.met_by(version):
        return Check(*about, FAILED, f"{version}, needs {wanted.least}", install)
    try:
        importlib.import_module(MODULES.get(wanted.package, wanted.package.replace("-", "_")))
    except Exception as error:  # A broken installation may raise anything.
        again = f"install it again: pip install --force-reinstall {wanted.package}"
        return Check(*about, FAILED, f"{version}, cannot be imported: {first_line(error)}", again)
    return Check(*about, OK, version)


def extras() -> list[Check]:
    """The optional extras for users: which of them are installed."""
    checks = []
    for extra in sorted({one.extra for one in requirements() if one.extra} - {*DEVELOPERS}):
        parts = [one for one in requirements() if one.extra == extra]
        have = {one.package: version_of(one.package) for one in parts}
        lacking = [one for one in parts if not one.met_by(have[one.package] or "")]
        value = ", ".join(f"{name} {version or 'not installed'}" for name, version in have.items())
        advice = f"pip install 'skviz[{extra}]'" if lacking else ""
        checks.append(Check("extras", extra, MISSING if lacking else OK, value, advice))
    return checks


def devices() -> list[Check]:
    """Processor, memory and graphics cards; a card is computed on once."""
    import torch

    threads = f"{torch.get_num_threads()} threads of {os.cpu_count()} cores"
    checks = [Check("devices", "CPU", OK, f"{threads}{_memory()}")]
    if not torch.cuda.is_available():
        idle = shutil.which("nvidia-smi") is not None
        advice = "install the PyTorch build for its CUDA version" if idle else ""
        value = "a driver is installed, but PyTorch cannot use it" if idle else "none"
        checks.append(Check("devices", "CUDA", WARNING if idle else OK, value, advice))
    for index in range(torch.cuda.device_count()):
        checks.append(_card(index))
    if torch.backends.mps.is_available():
        checks.append(Check("devices", "MPS", OK, "present, not used by skviz"))
    return checks


def _card(index: int) -> Check:
    import torch

    name = f"cuda:{index}"
    try:
        free, total = torch.cuda.mem_get_info(index)
        torch.ones(8, 8, device=name).sum().item()
        label = torch.cuda.get_device_name(index)
        return Check("devices", name, OK, f"{label}, {file_size(free)} of {file_size(total)} free")
    except RuntimeError as error:
        value = f"cannot compute: {first_line(error)}"
        return Check("devices", name, WARNING, value, "use --device cpu")


def _memory() -> str:
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return ""
    return f", {file_size(total)} memory"


def weights() -> list[Check]:
    """The bundled weights against their checksums."""
    import hashlib
    from importlib.resources import files

    checks = []
    for name, expected in bundled_checksums().items():
        file = files("skviz.assets").joinpath(f"{name}.safetensors")
        found = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None
        if found == expected:
            checks.append(Check("weights", name, OK, f"bundled, sha256 {expected[:12]}"))
        else:
            value = "missing" if found is None else f"damaged: sha256 {found[:12]}"
            checks.append(Check("weights", name, FAILED, value, "install skviz again"))
    return checks


def figures() -> list[Check]:
    """The font that figures get, and Matplotlib's backend."""
    import matplotlib
    from matplotlib import font_manager

    from skviz.figures.style.sheets import figure_style

    with figure_style():
        settings: Any = matplotlib.rcParams  # Its own type knows no key made of words.
        families = settings["font.family"]
        names = [name for one in families for name in settings.get(f"font.{one}", [one])]
        file = font_manager.findfont(font_manager.FontProperties())
    name = font_manager.get_font(file).family_name
    first = OK if name == names[0] else WARNING
    advice = "" if first == OK else f"figures look slightly different from those with {names[0]}"
    return [
        Check("figures", "font", first, name, advice),
        Check("figures", "backend", OK, f"{matplotlib.get_backend()} (no display is needed)"),
    ]


def caches() -> list[Check]:
    """Where PyTorch and the Hugging Face hub keep downloaded weights, and how much is there."""
    import torch

    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    home = Path(os.environ.get("HF_HOME") or base / "huggingface")
    places = {
        "torch hub": Path(torch.hub.get_dir()),
        "Hugging Face": Path(os.environ.get("HF_HUB_CACHE") or home / "hub"),
    }
    return [
        Check("caches", name, OK, f"{file_size(bytes_in(place))} in {place}")
        if place.is_dir()
        else Check("caches", name, OK, f"empty ({place})")
        for name, place in places.items()
    ]


def bytes_in(folder: Path) -> int:
    """Bytes of all files below a folder; links are not followed, so nothing counts twice."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:  # Gone, or not ours to look at.
                continue
    return total


def folder() -> list[Check]:
    """Whether results can be written into the current folder."""
    try:
        with tempfile.TemporaryFile(dir=os.curdir):
            return [Check("folder", "current", OK, "can be written")]
    except OSError as error:
        value = f"cannot be written: {error.strerror}"
        return [Check("folder", "current", WARNING, value, "name another one with --out")]
