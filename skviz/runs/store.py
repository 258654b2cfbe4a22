"""The run folder as a place: begun once, found again, and never mistaken for something else."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from skviz.errors import OutputError, UsageError
from skviz.files import write_json
from skviz.runs.records import Run, read_settings
from skviz.runs.settings import Settings, differences
from skviz.runs.shards import FOLDERS, NOTES, VECTORS, make_folders

_TEMPORARY = ".skviz-*.tmp"
# Seconds; no file of a run takes that long to write.
_LEFT_BEHIND = 600.0
_SHOWN = 8


def check_run_folder(path: Path) -> Path:
    """Return the path of a run, if it is one, or free for one; touches nothing.

    Raises `OutputError` for a file, and for a folder that holds something else.
    """
    if path.is_dir():
        if not (path / "run.json").exists():
            # Another process may be about to begin the same run.
            others = [entry for entry in path.iterdir() if not entry.match(_TEMPORARY)]
            if others and not (path / "run.json").exists():
                raise OutputError(
                    f"expected a new or empty folder, or a run of skviz, got '{path}', which "
                    f"holds other things such as '{others[0].name}'; choose another folder"
                )
    elif path.exists() or path.is_symlink():
        raise OutputError(f"expected a folder for the run, got '{path}', which is a file")
    return path


def start_run(path: Path, settings: Settings) -> bool:
    """Begin a run, or find it begun with the same settings; say whether it was found.

    Any number of processes may begin the same run at once. Raises `OutputError` where nothing
    can be written, and `UsageError` that shows the differences for other settings.
    """
    check_run_folder(path)
    found = (path / "run.json").exists()
    if not found:
        _make(path)
        try:
            write_json(path / "run.json", settings)
        except OutputError:
            # Another process was faster: then its settings must be the same.
            if not (path / "run.json").exists():
                raise
    _compare(path, settings)
    make_folders(path, bool(settings["channels"]))
    return found


def clean(run: Run) -> None:
    """Remove what killed processes left of files, once the run is complete.

    Files younger than `_LEFT_BEHIND` may belong to a process that does the same work again.
    """
    if not run.complete:
        return
    latest = time.time() - _LEFT_BEHIND
    for folder in (run.path, *(run.path / name for name in (*FOLDERS, NOTES, VECTORS))):
        for file in folder.glob(_TEMPORARY):
            with contextlib.suppress(OSError):
                if file.stat().st_mtime < latest:
                    file.unlink()


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder '{path}': {error.strerror}; name another folder"
        ) from error


def _compare(path: Path, settings: Settings) -> None:
    found = differences(read_settings(path), settings)
    if found:
        lines = found[:_SHOWN] + ([f"and {len(found) - _SHOWN} more"] if found[_SHOWN:] else [])
        raise UsageError(
            f"expected the settings that the run in '{path}' was made with, got others:\n  "
            + "\n  ".join(lines)
            + "\nUse the same settings to resume it, or another folder with --out"
        )
