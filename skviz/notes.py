"""What a reader of a result must know of how a picture was read: notes, one line for many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_SHOWN = 3


class Note(NamedTuple):
    """What was assumed, or left out: `text` is the same for all pictures of its kind.

    `detail` is what it means for this picture, such as which value was taken for white.
    """

    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.detail})" if self.detail else self.text


def note_lines(notes: Iterable[tuple[str, Note]]) -> list[str]:
    """Return one line for each kind of note, from pairs of a picture's name and its note.

    A single picture keeps its detail; of several their number is said, and the first names.
    """
    kinds: dict[str, list[tuple[str, Note]]] = {}
    for name, note in notes:
        kinds.setdefault(note.text, []).append((name, note))
    return [_line(text, found) for text, found in kinds.items()]


def _line(text: str, found: list[tuple[str, Note]]) -> str:
    if len(found) == 1:
        name, note = found[0]
        return f"{name}: {note}"
    names = ", ".join(name for name, _ in found[:_SHOWN]) + (", ..." if found[_SHOWN:] else "")
    return f"{len(found):,} images ({names}): {text}"
