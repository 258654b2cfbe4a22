"""Configuration files: where they are looked for, and what they hold.

The user's own `skviz.toml`, then the project's: `skviz.toml`, or `[tool.skviz]` in a
`pyproject.toml`. `defaults.py` makes option values of them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skviz.errors import UsageError

FILE_NAME = "skviz.toml"


@dataclass(frozen=True)
class ConfigFile:
    """One configuration file: its path, and the values of skviz in it."""

    path: Path
    values: dict[str, Any]

    @property
    def shown(self) -> str:
        """The path, from the current folder where that is shorter."""
        relative = os.path.relpath(self.path)
        return min((relative, str(self.path)), key=len)


def config_files(folder: Path | None = None) -> list[ConfigFile]:
    """Return the files in force in a folder, the user's first: later ones win.

    Raises `UsageError` for a file that cannot be read or is no TOML.
    """
    users = _read(user_file()) if user_file().is_file() else None
    projects = _project_file(Path.cwd() if folder is None else folder)
    return [file for file in (users, projects) if file is not None]


def user_file() -> Path:
    """Path of the user's own file, whether it is there or not."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    # The specification of XDG_CONFIG_HOME has relative paths ignored.
    home = Path(base) if os.path.isabs(base) else _home() / ".config"
    return home / "skviz" / FILE_NAME


def _project_file(folder: Path) -> ConfigFile | None:
    for place in _folders(folder.resolve()):
        if (place / FILE_NAME).is_file():
            return _read(place / FILE_NAME)
        table = _tool_table(place / "pyproject.toml")
        if table is not None:
            return table
    return None


def _folders(folder: Path) -> Iterator[Path]:
    """The folder and those above it, up to the repository's root or the user's home.

    Outside of both only the folder itself: nobody else's file in /tmp or / is in force.
    """
    chain = [folder, *folder.parents]
    for index, place in enumerate(chain):
        if (place / ".git").exists() or place == _home().resolve():
            yield from chain[: index + 1]
            return
    yield folder


def _home() -> Path:
    return Path(os.path.expanduser("~"))


def _tool_table(path: Path) -> ConfigFile | None:
    """`[tool.skviz]` of a pyproject.toml; None where there is none."""
    # One that does not speak of skviz is nobody's error here, however broken it is.
    if not path.is_file() or b"skviz" not in _bytes(path):
        return None
    tool = _read(path).values.get("tool", {})
    table = tool.get("skviz") if isinstance(tool, dict) else None
    return ConfigFile(path, table) if isinstance(table, dict) else None


def _read(path: Path) -> ConfigFile:
    try:
        return ConfigFile(path, tomllib.loads(_bytes(path).decode("utf-8")))
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected TOML in UTF-8: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: expected TOML: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read this configuration file: {error.strerror}; "
            "fix it, or pass `skviz --no-config COMMAND`"
        ) from None
