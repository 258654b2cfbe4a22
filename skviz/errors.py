"""What can go wrong, as types that a caller can catch.

Every message says what was expected, what came, and what to do about it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What PyTorch's allocators, and libraries below it, say on the processor.
_FULL = ("can't allocate memory", "not enough memory", "std::bad_alloc")


class SkvizError(Exception):
    """Base of every error that skviz raises on purpose (command line: exit code 1)."""


class UsageError(SkvizError):
    """The call itself is wrong: an option, a name or a number (command line: exit code 2)."""


class ScaleError(UsageError):
    """A scale that is no positive finite number."""


class UnitError(UsageError):
    """A unit name that the network does not have."""


class ImageError(SkvizError):
    """A file that cannot be read as an image."""


class ModelError(SkvizError):
    """A network that cannot be built."""


class UnknownModelError(ModelError, UsageError):
    """A network name that is not in the table."""


class WeightsError(SkvizError):
    """A checkpoint that cannot be read, or does not fit the network."""


class CaptureError(SkvizError):
    """The attention could not be captured, or does not pass its own checks."""


class NoInputError(CaptureError):
    """A network that ran on none of the inputs it was tried on."""


class OutputError(SkvizError):
    """A result that cannot be written, or would overwrite another one."""


class RunError(SkvizError):
    """A run whose files are damaged, or that holds no records."""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left: of Python, NumPy, Arrow or PyTorch.

    >>> out_of_memory(MemoryError())
    True
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and (
            type(error).__name__ == "OutOfMemoryError"  # of a graphics card
            or any(words in str(error) for words in _FULL)
        )
    )


def asked_for(error: BaseException) -> str:
    """Return the memory that was asked for as an error tells it, "7.45 GiB", or "more memory".

    >>> asked_for(RuntimeError("can't allocate memory: you tried to allocate 8000000000 bytes."))
    '7.45 GiB'
    """
    found = re.search(r"(?:allocate|size) (\d[\d.]*) ?([KMGTPE]i?B|bytes)?", str(error))
    if not found:
        return "more memory"
    number, unit = float(found[1].rstrip(".")), found[2] or "bytes"
    if unit != "bytes":
        return f"{number:g} {unit}"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if number < 1024 or unit == "EiB":
            break
        number /= 1024
    return f"{number:.3g} {unit}"


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its type where it says nothing.

    >>> first_line(ValueError("no such key\\nTraceback: ..."))
    'no such key'
    >>> first_line(KeyError())
    'KeyError'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Name the nearest known word, as a sentence with a leading space, or nothing."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
