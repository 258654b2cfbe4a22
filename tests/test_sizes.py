"""A file is read in one sitting, a folder at one glance, and tests lie where their room lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

MOST_LINES = 350
MOST_FILES = 16
# What tests need, and what is started by name: no room of the package is tested there.
NO_ROOMS = {"helpers", "benchmarks", "campaign"}


def long_files(files: Sequence[Path]) -> list[str]:
    counts = {file: len(file.read_text().splitlines()) for file in files}
    return [f"{file}: {lines} lines" for file, lines in counts.items() if lines > MOST_LINES]


def full_folders(top: Path) -> list[str]:
    found = []
    for folder in (top, *(path for path in sorted(top.rglob("*")) if path.is_dir())):
        files = [path for path in folder.iterdir() if path.is_file() and path.suffix != ".pyc"]
        if len(files) > MOST_FILES:
            found.append(f"{folder}: {len(files)} files")
    return found


def test_no_file_is_long(root: Path) -> None:
    files = [file for room in ("skviz", "cli") for file in sorted((root / room).rglob("*.py"))]
    assert files
    assert long_files(files) == []


@pytest.mark.parametrize("top", ["skviz", "cli", "tests"])
def test_no_folder_is_full(root: Path, top: str) -> None:
    assert full_folders(root / top) == []


def test_tests_mirror_the_rooms(root: Path) -> None:
    tests = root / "tests"
    folders = {file.parent.relative_to(tests) for file in tests.rglob("test_*.py")} - {Path()}
    rooms = {folder for folder in folders if folder.parts[0] not in NO_ROOMS}
    assert rooms
    assert [
        str(room)
        for room in sorted(rooms)
        if not any((place / room / "__init__.py").is_file() for place in (root / "skviz", root))
    ] == []


def test_the_checks_see_what_is_too_large(tmp_path: Path) -> None:
    long, short = tmp_path / "long.py", tmp_path / "short.py"
    long.write_text("x = 1\n" * (MOST_LINES + 1))
    short.write_text("x = 1\n" * MOST_LINES)
    assert long_files([long, short]) == [f"{long}: {MOST_LINES + 1} lines"]
    assert full_folders(tmp_path) == []
    for number in range(MOST_FILES):
        (tmp_path / f"{number}.py").touch()
    assert full_folders(tmp_path) == [f"{tmp_path}: {MOST_FILES + 2} files"]
