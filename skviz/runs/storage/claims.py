"""Who measures which shard: the first process that claims it, through the run's folder alone."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable
from pathlib import Path

from skviz.files import output_folder

try:
    import fcntl
except ImportError:  # Windows has no such locks.
    fcntl = None  # type: ignore[assignment]

FOLDER = "claims"


class Claims:
    """Locks on shards that this process holds; each ends with the process, however that ends.

    `done` says whether a shard is there already. Where the file system has no locks, `work` is
    False and every claim is given.
    """

    def __init__(self, run: Path, done: Callable[[int], bool]) -> None:
        self.folder, self.done = run / FOLDER, done
        self._held: dict[int, int] = {}
        _CLAIMS.add(self)
        self.work = fcntl is not None and self._try()

    def take(self, shard: int) -> bool:
        """Claim a shard; False where another process has it, or it is done."""
        if self.done(shard):
            return False
        if not self.work or shard in self._held:
            return True
        path = self.folder / f"{shard:05d}"
        while True:
            if not self.folder.is_dir():
                output_folder(self.folder)
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
            except FileNotFoundError:
                continue  # Another process took away the folder, which was empty.
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return False
            # Whoever had it may have finished, and removed the file, in between.
            if os.fstat(descriptor).st_nlink == 0:
                os.close(descriptor)
                continue
            self._held[shard] = descriptor
            if self.done(shard):
                self.release(shard)
                return False
            return True

    def release(self, shard: int) -> None:
        """Give a claim back: the shard is done, or is left to others."""
        descriptor = self._held.pop(shard, None)
        if descriptor is not None:
            with contextlib.suppress(OSError):
                (self.folder / f"{shard:05d}").unlink()
            os.close(descriptor)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def close(self) -> None:
        """Give every claim back, and remove those of shards that are done.

        A process that was killed between the end of its shard and its release left one. Nobody
        takes a shard that is done, so nobody else would remove it.
        """
        for shard in list(self._held):
            self.release(shard)
        with contextlib.suppress(OSError):
            for path in list(self.folder.iterdir()):
                if path.name.isdigit() and self.done(int(path.name)):
                    path.unlink()
            self.folder.rmdir()

    def _try(self) -> bool:
        path = self.folder / "lock"
        try:
            self.folder.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        finally:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                path.unlink()
        return True


_CLAIMS: weakref.WeakSet[Claims] = weakref.WeakSet()


def _let_go() -> None:
    """Close in a forked process what the lock of its parent hangs on: it would outlive it."""
    for claims in list(_CLAIMS):
        for descriptor in claims._held.values():
            os.close(descriptor)
        claims._held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
