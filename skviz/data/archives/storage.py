"""Where archives and tables lie: local files, patterns of them, and addresses that fsspec knows."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from skviz.errors import ImageError, UsageError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.I)
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST_FILES = 100_000
_MOST_OPEN = 16


def is_address(name: str) -> bool:
    """Whether a name is an address such as "s3://bucket/val.tar"."""
    return _ADDRESS.match(name) is not None


def suffix_of(name: str) -> str:
    """Return the ending of a name or address, in small letters; that of a pattern's files."""
    return Path(name.split("?")[0] if is_address(name) else name).suffix.lower()


def expand(name: str) -> list[str]:
    """Return the files that a name stands for: "val-{000..049}.tar", "val-*.tar", or one file.

    Raises `UsageError` where there are none.
    """
    names = _ranges(name)
    if is_address(name) or not any(mark in name for mark in "*?["):
        return names
    found = [path for one in names for path in sorted(glob.glob(one))]
    if not found:
        raise UsageError(f"expected files that are called '{name}', found none")
    return found


def _ranges(name: str) -> list[str]:
    found = _RANGE.search(name)
    if found is None:
        return [name]
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < _MOST_FILES:
        raise UsageError(f"expected a range such as {{000..049}} in '{name}', got {found[0]}")
    numbers = (f"{number:0{len(found[1])}d}" for number in range(first, last + 1))
    rest = name[found.end() :]
    return [name[: found.start()] + number + more for number in numbers for more in _ranges(rest)]


def open_binary(name: str) -> BinaryIO:
    """Open a file or an address for reading in any order.

    Raises `UsageError` where it is not there or not a file, or fsspec is not installed.
    """
    try:
        if not is_address(name):
            if not stat.S_ISREG(os.stat(name).st_mode):
                raise UsageError(f"expected a file, '{name}' is a folder, device or pipe")
            return open(name, "rb")
        opened: BinaryIO = _fsspec().open(name, "rb").open()
        return opened
    except (UsageError, MemoryError):
        raise
    except ImportError as error:  # fsspec's own hint: which package an address needs.
        raise UsageError(f"cannot open '{name}': {error}") from error
    except Exception as error:  # Every kind of storage has errors of its own.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UsageError(f"cannot open '{name}': {reason}") from error


def filesystem(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and its path there; raises `UsageError`."""
    found: tuple[Any, str] = _fsspec().core.url_to_fs(address)
    return found


def _fsspec() -> Any:
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            "addresses such as s3:// and https:// need fsspec: pip install 'skviz[cloud]'"
        ) from None
    return fsspec


class OpenFiles:
    """Files that stay open in a process, each opened there when it is first read.

    It can be sent to a worker process: what is open stays behind.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._forget()

    def _forget(self) -> None:
        self._process, self._open, self._lock = os.getpid(), dict[int, Any](), Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"names": self.names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.names = state["names"]
        self._forget()

    def opened(self, number: int) -> Any:
        """Return a file as `open_one` opens it; to be used while holding `lock`."""
        if self._process != os.getpid():  # A forked process must not share offsets.
            self._forget()
        found = self._open.pop(number, None)
        if found is None:
            found = self.open_one(self.names[number])
            while len(self._open) >= _MOST_OPEN:
                self._open.pop(next(iter(self._open))).close()
        self._open[number] = found
        return found

    @property
    def lock(self) -> Lock:
        """To be held while an opened file is used."""
        if self._process != os.getpid():
            self._forget()
        return self._lock

    def open_one(self, name: str) -> Any:
        """Open a file."""
        return open_binary(name)

    def part(self, place: tuple[int, int, int]) -> bytes:
        """Return bytes: of which file, from where, how many; raises `ImageError` for fewer."""
        number, start, length = place
        with self.lock:
            file = self.opened(number)
            file.seek(start)
            data: bytes = file.read(length)
        if len(data) < length:
            raise ImageError(f"cannot read it: '{Path(self.names[number]).name}' ends early")
        return data
