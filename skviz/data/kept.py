"""Views kept on disk while several runs look at the same ones: each picture is decoded once."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

# Bytes that are kept at most, and the share of the disk's free space.
_MOST, _SHARE = 8 * 2**30, 0.25
_THERE = b"\1"

# Views, uint8 of shape (S, size, size, 3), and the sides of their crops, float32 of shape (S,).
Made = tuple[NDArray[np.uint8], NDArray[np.float32]]


class KeptViews:
    """What one maker of views made of the images of a data set, as far as there is room.

    The file has no name, so that nothing is left behind however the process ends; processes that
    are forked share it. Pictures of which something had to be assumed, or that cannot be read,
    are not kept: that is said again in every run.

    Parameters
    ----------
    views
        The maker whose views are kept; those of another one are not.
    folder
        Where the file is made.
    """

    def __init__(self, views: Any, folder: Path) -> None:
        self.views = views
        self._scales, self._size = len(views.scales), views.spec.size
        self._pixels = self._scales * self._size**2 * 3
        self._record = self._pixels + 4 * self._scales + len(_THERE)
        self._file: IO[bytes] | None = None
        self._room = 0
        with contextlib.suppress(OSError):  # It only saves time.
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            self._room = int(min(_MOST, _SHARE * shutil.disk_usage(folder).free))

    def __getstate__(self) -> dict[str, Any]:
        """A process that is started anew has no part in it."""
        return {**self.__dict__, "_file": None}

    def get(self, number: int) -> Made | None:
        """Return the views of an image, (S, size, size, 3), and the sides of their crops (S,)."""
        data = b""
        if self._file is not None:
            with contextlib.suppress(OSError):
                data = os.pread(self._file.fileno(), self._record, number * self._record)
        if len(data) < self._record or data[-1:] != _THERE:
            return None
        shape = (self._scales, self._size, self._size, 3)
        pixels = np.frombuffer(data, np.uint8, self._pixels).reshape(shape)
        sides = np.frombuffer(data, np.float32, self._scales, self._pixels)
        return pixels, sides

    def put(self, number: int, made: Made) -> None:
        """Keep the views of an image, where there is room."""
        start = number * self._record
        if self._file is None or start + self._record > self._room:
            return
        data = made[0].tobytes() + made[1].astype(np.float32).tobytes() + _THERE
        try:
            os.pwrite(self._file.fileno(), data, start)
        except OSError:
            self._room = 0  # The disk is full: what is there stays readable.

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
