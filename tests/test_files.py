"""Results are written whole or not at all, and never over another file unasked."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from skviz.errors import OutputError
from skviz.files import (
    check_output,
    output_folder,
    write_atomic,
    write_bytes,
    write_json,
    write_text,
)
from tests.helpers.permissions import permissions_hold

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and limits")


@contextlib.contextmanager
def locked(folder: Path, mode: int) -> Iterator[None]:
    """Give a folder these permissions, as seen by a user who is not root."""
    folder.chmod(mode)
    try:
        with permissions_hold():
            yield
    finally:
        folder.chmod(0o755)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_bytes_text_and_json_arrive_unchanged(tmp_path: Path) -> None:
    assert write_bytes(tmp_path / "a.bin", b"\x00\r\n\xff") == tmp_path / "a.bin"
    write_text(tmp_path / "b.txt", "Zürich\r\nline\n")
    write_json(str(tmp_path / "c.json"), {"ö": [1, 0.1, None]})
    assert (tmp_path / "a.bin").read_bytes() == b"\x00\r\n\xff"
    assert (tmp_path / "b.txt").read_bytes() == "Zürich\r\nline\n".encode()
    assert json.loads((tmp_path / "c.json").read_text("utf-8")) == {"ö": [1, 0.1, None]}
    assert (tmp_path / "c.json").read_text("utf-8").endswith("}\n")
    assert names(tmp_path) == ["a.bin", "b.txt", "c.json"]


def test_an_existing_file_is_kept_unless_overwrite_is_asked_for(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(OutputError, match=r"a\.txt' already exists; pass --overwrite"):
        write_text(path, "new")
    assert path.read_text() == "old"
    write_text(path, "new", overwrite=True)
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, error: BaseException
) -> None:
    def half(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(type(error)):
        write_atomic(path, half, overwrite=True)
    with pytest.raises(type(error)):
        write_atomic(tmp_path / "b.txt", half)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_name_appears_only_when_the_file_is_complete(tmp_path: Path, overwrite: bool) -> None:
    seen: list[bool] = []

    def writer(file: BinaryIO) -> None:
        file.write(b"x" * 100_000)
        file.flush()
        seen.append((tmp_path / "a.bin").exists())

    write_atomic(tmp_path / "a.bin", writer, overwrite=overwrite)
    assert seen == [False]
    assert (tmp_path / "a.bin").stat().st_size == 100_000
    assert names(tmp_path) == ["a.bin"]


def test_a_file_that_another_process_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def writer(file: BinaryIO) -> None:
        file.write(b"mine")
        path.write_text("theirs")

    with pytest.raises(OutputError, match="already exists"):
        write_atomic(path, writer)
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["a.txt"]


@posix
def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OutputError, match=r"cannot write '.*big\.bin': File too large"):
            write_bytes(tmp_path / "big.bin", b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


@posix
def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.write_text("")
    written = write_text(tmp_path / "written", "")
    assert written.stat().st_mode == usual.stat().st_mode


@posix
def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "real" / "a.txt")
    write_text(link, "one")
    with pytest.raises(OutputError, match=r"link\.txt' already exists"):
        write_text(link, "two")
    write_text(link, "three", overwrite=True)
    assert link.is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "three"


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_cannot_hold_is_an_output_error(tmp_path: Path, value: object) -> None:
    with pytest.raises(OutputError, match=r"cannot write '.*a\.json': the value is not JSON"):
        write_json(tmp_path / "a.json", [value])
    assert names(tmp_path) == []


def write_it(path: Path) -> object:
    return write_text(path, "x", overwrite=True)


def check_it(path: Path) -> object:
    return check_output(path, overwrite=True)


@pytest.mark.parametrize("call", [write_it, check_it])
class TestPathsThatCannotBeWritten:
    """The early check and the writing itself refuse the same paths."""

    def test_a_missing_folder(self, tmp_path: Path, call: Callable[[Path], object]) -> None:
        with pytest.raises(OutputError, match=r"there is no folder '.*missing'; make it first"):
            call(tmp_path / "missing" / "a.txt")

    def test_a_folder(self, tmp_path: Path, call: Callable[[Path], object]) -> None:
        with pytest.raises(OutputError, match="it is a folder, expected a file name"):
            call(tmp_path)

    @posix
    def test_a_device_is_not_replaced(self, call: Callable[[Path], object]) -> None:
        with pytest.raises(OutputError, match="it is a device or pipe, expected a file name"):
            call(Path(os.devnull))
        assert not Path(os.devnull).is_file()

    def test_a_name_that_no_file_can_have(
        self, tmp_path: Path, call: Callable[[Path], object]
    ) -> None:
        with pytest.raises(OutputError, match=r"cannot write '.*': .*(null|too long)"):
            call(tmp_path / "a\0b")
        with pytest.raises(OutputError, match=r"cannot write '.*': .*(null|too long)"):
            call(tmp_path / ("n" * 300))

    def test_a_file_in_place_of_the_folder(
        self, tmp_path: Path, call: Callable[[Path], object]
    ) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(OutputError, match=r"cannot write '.*': Not a directory"):
            call(tmp_path / "file" / "a.txt")

    @posix
    def test_a_folder_that_may_not_be_entered(
        self, tmp_path: Path, call: Callable[[Path], object]
    ) -> None:
        with locked(tmp_path, 0o000), pytest.raises(OutputError, match="Permission denied"):
            call(tmp_path / "a.txt")


def test_check_output_lets_new_and_overwritten_files_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert check_output(str(path)) == path
    path.write_text("old")
    assert check_output(path, overwrite=True) == path
    with pytest.raises(OutputError, match=r"overwrite=True\) to replace it"):
        check_output(path)


def test_an_output_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert output_folder(str(folder)) == folder
    assert folder.is_dir()
    assert output_folder(folder) == folder
    assert names(folder) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_an_output_folder_that_is_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="it, or a part of it, is a file; name a folder"):
        output_folder(tmp_path / "file" / below)


@posix
def test_an_output_folder_that_may_not_be_written(tmp_path: Path) -> None:
    with locked(tmp_path, 0o000), pytest.raises(OutputError, match=r"denied; name another folder"):
        output_folder(tmp_path)


def test_an_output_folder_with_an_impossible_name(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write into '.*': .*name another folder"):
        output_folder(tmp_path / "a\0b")
