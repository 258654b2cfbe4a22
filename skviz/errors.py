"""What can go wrong, as types that a caller can catch.

Every message says what was expected, what came, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Name the nearest known word, as a sentence with a leading space, or nothing."""
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
