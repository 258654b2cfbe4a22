"""Results on disk: written whole or not at all, and never over another file unasked."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from skviz.errors import OutputError
from skviz.names import encodable, in_json

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

AnyPath = str | os.PathLike[str]
TEMPORARY = ".skviz-*.tmp"
# Seconds: where there are no locks, a file that old belongs to nobody.
_LEFT_BEHIND = 600.0


def write_atomic(
    path: AnyPath, writer: Callable[[BinaryIO], object], *, overwrite: bool = False
) -> Path:
    """Let `writer` fill a file, and give it its name only when it is complete.

    `writer` gets a binary file open for writing. The bytes go to a temporary file in the same
    folder, which becomes `path` at the end; after any failure, an interruption included, the
    temporary file is gone and `path` is as it was. A symbolic link is followed. Returns the
    path as given.

    Raises `OutputError` when the file cannot be written, or exists and `overwrite` is not set.
    Errors of `writer` itself that are no `OSError` pass through.
    """
    shown = Path(path)
    check_output(shown, overwrite)
    target = Path(os.path.realpath(shown))
    _clean_once(target.parent, os.getpid())
    temporary = temporary_name(target)
    try:
        with _create(temporary) as file:
            writer(file)
            file.flush()
            os.fsync(file.fileno())
            _give_name(temporary, target, overwrite)
    except FileExistsError:
        raise _already_exists(shown) from None
    except OSError as error:
        raise OutputError(f"cannot write '{shown}': {_reason(error)}") from error
    finally:
        # A temporary file that cannot be removed must not hide the error that came before.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return shown


def temporary_name(target: Path) -> Path:
    """Return a new name beside `target` for what is not complete."""
    return target.with_name(f".skviz-{secrets.token_hex(8)}.tmp")


def hold(descriptor: int) -> bool:
    """Say that this process works on an open temporary file or folder, until it is closed.

    The lock ends with the process, however that ends. Returns False where another process took
    the file for one that nobody works on, and removed it.
    """
    if fcntl is not None:
        with contextlib.suppress(OSError):  # Some file systems have no locks.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    return os.fstat(descriptor).st_nlink > 0


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder; what is worked on stays."""
    with contextlib.suppress(OSError):
        for path in folder.glob(TEMPORARY):
            with contextlib.suppress(OSError), _left(path) as left:
                if left and path.is_dir():
                    shutil.rmtree(path)
                elif left:
                    path.unlink()


@contextlib.contextmanager
def _left(path: Path) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        if fcntl is None:
            yield os.fstat(descriptor).st_mtime < time.time() - _LEFT_BEHIND
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


@functools.lru_cache
def _clean_once(folder: Path, process: int) -> None:
    remove_leftovers(folder)


def write_bytes(path: AnyPath, data: bytes, *, overwrite: bool = False) -> Path:
    """Write bytes to a file, whole or not at all; see `write_atomic`."""
    return write_atomic(path, lambda file: file.write(data), overwrite=overwrite)


def write_text(path: AnyPath, text: str, *, overwrite: bool = False) -> Path:
    """Write text as UTF-8 with its line ends untouched, whole or not at all.

    What UTF-8 cannot hold is escaped (`skviz.names.encodable`).
    """
    return write_bytes(path, encodable(text).encode("utf-8"), overwrite=overwrite)


def write_json(path: AnyPath, value: object, *, overwrite: bool = False) -> Path:
    """Write one JSON document, whole or not at all.

    Raises `OutputError` also for a value that JSON cannot hold, such as nan or an array.
    """
    try:
        data = json_bytes(value)
    except (TypeError, ValueError) as error:
        raise OutputError(f"cannot write '{path}': the value is not JSON ({error})") from error
    return write_bytes(path, data, overwrite=overwrite)


def json_bytes(value: object) -> bytes:
    """Return the bytes of the file that `write_json` writes; raises what `json_text` does."""
    return (encodable(json_text(value)) + "\n").encode("utf-8")


def json_text(value: object) -> str:
    """Return a value as a JSON document that a file can hold and a terminal can show.

    Texts are the same when it is read, but for surrogates (`skviz.names.in_json`). Raises
    `TypeError` and `ValueError` for what JSON cannot hold.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return in_json(text)


def check_output(path: AnyPath, overwrite: bool = False) -> Path:
    """Check, before any work is done, that a result may be written to `path`.

    Raises `OutputError` when the file exists and `overwrite` is not set, when `path` is a
    folder or a device, or when the folder that should hold it does not exist.
    """
    path = Path(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        parent = os.path.dirname(os.path.realpath(path))
        if os.path.isdir(parent):
            return path
        text = f"cannot write '{path}': there is no folder '{parent}'; make it first"
        raise OutputError(text) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise OutputError(f"cannot write '{path}': {_reason(error)}") from error
    if stat.S_ISDIR(mode):
        raise OutputError(f"cannot write '{path}': it is a folder, expected a file name")
    if not stat.S_ISREG(mode):
        raise OutputError(f"cannot write '{path}': it is a device or pipe, expected a file name")
    if not overwrite:
        raise _already_exists(path)
    return path


def check_regular(path: AnyPath) -> None:
    """Raise `ValueError` for a device or pipe, which would be waited for, and for a folder.

    Raises `OSError` where the file is missing or cannot be looked at.
    """
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise ValueError(f"expected a file, it is {found}")


def output_folder(path: AnyPath) -> Path:
    """Return the folder as a `Path`, created if needed, with its parents.

    Raises `OutputError` when it is a file, or cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        # Only writing shows that one can write: root, read-only disks and quotas differ.
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(
            f"cannot write into '{path}': it, or a part of it, is a file; name a folder"
        ) from error
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot write into '{path}': {_reason(error)}; name another folder"
        ) from error
    return path


def _create(temporary: Path) -> BinaryIO:
    while True:
        # "x" creates the file with the usual permissions; tempfile would make it private.
        file = open(temporary, "xb")  # noqa: SIM115
        if hold(file.fileno()):
            return file
        file.close()


def _give_name(temporary: Path, target: Path, overwrite: bool) -> None:
    if not overwrite:
        try:
            # A link fails if another process made the target meanwhile; a rename would not.
            os.link(temporary, target)
            return
        except FileExistsError:
            raise
        except (OSError, AttributeError):
            # Some file systems have no hard links: the check at the start must do.
            pass
    os.replace(temporary, target)


def _already_exists(path: Path) -> OutputError:
    return OutputError(
        f"'{path}' already exists; pass --overwrite (in Python overwrite=True) to replace it"
    )


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
