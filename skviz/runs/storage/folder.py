"""The folder of what is measured: begun once, resumed with the same settings only, and read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from skviz.errors import OutputError, RunError, UsageError
from skviz.files import TEMPORARY, check_regular, output_folder, remove_leftovers, write_json
from skviz.runs.storage.checksums import check_file
from skviz.runs.storage.schema import fault

Settings = dict[str, Any]

_SHOWN = 8
# What may differ when a run is resumed: it says where, when and with what, not what was done.
# The weights are compared by their values, `model.state`.
FREE = (
    "versions",
    "command",
    "created",
    "merged_from",
    "notes",
    "arithmetic",
    "rounding",
    "model.weights",
    "model.sha256",
    "model.notes",
    "dataset.root",
)


@dataclass(frozen=True)
class RunFolder:
    """A kind of folder: what it is called, and the file that says what it holds.

    `format` and `version` are what `file` must say, `noun` names such a folder in messages,
    `command` makes one. `first` is the run inside that is begun before the file is written,
    `schema` what the file must hold (`skviz.runs.storage.schema`).
    """

    format: str
    version: int
    file: str
    noun: str
    command: str
    first: str = ""
    schema: Any = None

    def is_one(self, path: Path) -> bool:
        """Whether a folder is of this kind."""
        return any((path / name).is_file() for name in (self.file, Path(self.first, "run.json")))

    def check(self, path: Path) -> Path:
        """Return the path, if it is such a folder or free for one; touches nothing.

        Raises `OutputError` for a file, and for a folder that holds something else.
        """
        if path.is_dir():
            if not self.is_one(path):
                # Another process may be about to begin the same run.
                kept = (TEMPORARY, self.first or TEMPORARY)
                others = [e for e in path.iterdir() if not any(map(e.match, kept))]
                if others and not self.is_one(path):
                    raise OutputError(
                        f"expected a new or empty folder, or {self.noun}, got '{path}', which "
                        f"holds other things such as '{others[0].name}'; choose another folder"
                    )
        elif path.exists() or path.is_symlink():
            raise OutputError(f"expected a folder for {self.noun}, got '{path}', which is a file")
        return path

    def begin(self, path: Path, settings: Settings) -> bool:
        """Begin a folder, or resume it; say whether it was there.

        Any number of processes may begin the same one at once. Raises `OutputError` where
        nothing can be written, and what `resume` does.
        """
        self.check(path)
        file = path / self.file
        found = file.exists()
        if not found:
            output_folder(path)
            try:
                write_json(file, settings)
            except OutputError:
                # Another process was faster: then its settings must be the same.
                if not file.exists():
                    raise
        self.resume(path, settings)
        self.clean(path)
        return found

    def clean(self, path: Path) -> None:
        """Remove what killed processes left unfinished in a folder and those directly in it."""
        for folder in (path, *(inside for inside in path.iterdir() if inside.is_dir())):
            remove_leftovers(folder)

    def resume(self, path: Path, settings: Settings) -> None:
        """Raise `UsageError` that shows the differences, if it was begun with other settings."""
        found = differences(self.read(path), settings)
        if found:
            more = [f"and {len(found) - _SHOWN} more"] if found[_SHOWN:] else []
            raise UsageError(
                f"expected the settings that '{path}' was made with, got others:\n  "
                + "\n  ".join(found[:_SHOWN] + more)
                + "\nUse the same settings to resume it, or another folder with --out"
            )

    def read(self, path: Path) -> Settings:
        """Return what the file of a folder says; raises `UsageError` where it is no such folder."""
        file = path / self.file
        if not file.is_file():
            raise UsageError(
                f"expected the folder of {self.noun}, with a {self.file} in it, got '{path}'; "
                f"make one with `{self.command}`"
            )
        try:
            settings = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            again = "remove it and run the same command again: measured shards are kept"
            raise RunError(
                f"cannot read '{file}': {error}; {again if self.first else 'make the run again'}"
            ) from error
        if not isinstance(settings, dict) or settings.get("format") != self.format:
            raise UsageError(f"expected '{file}' to describe {self.noun}, it describes other work")
        if settings.get("version") != self.version:
            raise UsageError(
                f"expected {self.noun} of format {self.version} in '{path}', got "
                f"{settings.get('version')}; use the version of skviz that made it"
            )
        wrong = None if self.schema is None else fault(settings, self.schema)
        if wrong:
            raise RunError(f"cannot read '{file}': {wrong}; it was edited or is damaged")
        return settings

    @contextlib.contextmanager
    def open(self, file: Path, whole: bool = False) -> Iterator[IO[bytes]]:
        """Open a file of a shard; whatever is wrong with it becomes a `RunError` that names it.

        Its size and its end are compared with what was written, with `whole` every byte.
        """
        try:
            check_regular(file)
            with file.open("rb") as opened:
                check_file(file, opened, whole)
                yield opened
        except MemoryError:
            raise  # Of this process: nothing is wrong with the file.
        except Exception as error:
            missing = isinstance(error, FileNotFoundError)
            if isinstance(error, OSError) and error.errno and not missing:
                raise RunError(
                    f"cannot read '{file}': {error.strerror}; the file itself may be whole"
                ) from error
            raise RunError(
                f"cannot read '{file}': {'it is missing' if missing else error}; remove the files "
                f"of this shard and run the same `{' '.join(self.command.split()[:2])}` again"
            ) from error

    def load(self, file: Path, expected: Any) -> Any:
        """Return a JSON file of a shard that holds what is expected; raises what `open` does."""
        with self.open(file) as opened:
            value = json.load(opened)
            wrong = fault(value, expected, "content")
            if wrong:
                raise ValueError(wrong)
        return value


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say in words where two settings differ, one line per entry; empty when they agree.

    `FREE` entries may differ. Both sides are compared as JSON sees them.
    """
    mine, yours = (json.loads(json.dumps(entry)) for entry in (old, new))
    return list(_differences(mine, yours, ""))


def check_same(path: Path, settings: Settings, like: Settings, name: str, advice: str) -> None:
    """Raise `UsageError` unless the run in `path` is of the data set and network that `like` is of.

    `like` are the settings of the run called `name`; what they lack is not compared. `advice`
    says what to do.
    """
    for what, key, field in (("data set", "dataset", "digest"), ("network", "model", "state")):
        if key in like and settings[key].get(field) != like[key].get(field):
            raise UsageError(
                f"expected measurements of the same {what} as {name}, those in '{path}' are of "
                f"another one; {advice}"
            )


def _differences(old: Any, new: Any, where: str) -> Iterator[str]:
    if where in FREE:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))
    elif old != new:
        yield f"{where}: {_shown(old)} in the run, {_shown(new)} now"


def _shown(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = [entry.get("name", entry) for entry in value]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else f"{text[:97]}..."
