"""What a result does not say by itself: what was left out, assumed or changed.

Notes stand in `run.json`, in the JSON document, on stderr and in reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Kind = Literal["left out", "assumed", "changed"]
# More names than this are counted only: a folder may hold a million files of another kind.
MOST_NAMES = 1000
_SHOWN = 3


@dataclass(frozen=True)
class Note:
    """One thing that a reader of the results must know.

    `text` says what, and why; `names` are the files or classes concerned, as they are stored
    (`skviz.names.escaped`), the first `MOST_NAMES` of them, `count` is the number of all.
    """

    kind: Kind
    text: str
    names: tuple[str, ...] = ()
    count: int = 0

    @classmethod
    def about(cls, kind: Kind, text: str, names: Iterable[str] = ()) -> Note:
        """Make a note on files or classes of these names."""
        every = list(names)
        return cls(kind, text, tuple(every[:MOST_NAMES]), len(every))

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Note:
        """Return the note that `to_dict` wrote."""
        return cls(entry["kind"], entry["text"], tuple(entry["names"]), entry["count"])

    def to_dict(self) -> dict[str, Any]:
        """Return the note as `run.json` holds it."""
        return {
            "kind": self.kind,
            "text": self.text,
            "count": self.count,
            "names": list(self.names),
        }

    def __str__(self) -> str:
        if not self.count:
            return f"{self.kind}: {self.text}"
        shown = [*self.names[:_SHOWN], *(["..."] if self.count > _SHOWN else [])]
        names = f": {', '.join(shown)}" if self.names else ""
        return f"{self.kind}: {self.text} ({self.count:,}{names})"


def combined(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes, those of the same kind and text as one; no name counts twice.

    Of notes with more names than they hold, the larger count is taken for names in common.
    """
    found: dict[tuple[str, str], Note] = {}
    for note in notes:
        old = found.setdefault((note.kind, note.text), note)
        if old is note:
            continue
        new = [name for name in note.names if name not in set(old.names)]
        beyond = max(old.count - len(old.names), note.count - len(note.names))
        names = (*old.names, *new)
        found[note.kind, note.text] = Note(
            note.kind, note.text, names[:MOST_NAMES], len(names) + beyond
        )
    return tuple(found.values())


class Assumption(NamedTuple):
    """What was assumed to read one picture: `text` is the same for all pictures of its kind.

    `detail` is what it means for this picture, such as which value was taken for white.
    """

    text: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.detail})" if self.detail else self.text


def notes_on_pictures(assumed: Iterable[tuple[str, Assumption]]) -> tuple[Note, ...]:
    """Return one note for each kind, from pairs of a picture's name and what was assumed.

    A single picture keeps its detail.
    """
    kinds: dict[str, list[tuple[str, Assumption]]] = {}
    for name, assumption in assumed:
        kinds.setdefault(assumption.text, []).append((name, assumption))
    return tuple(
        Note.about(
            "assumed",
            str(found[0][1]) if len(found) == 1 else text,
            sorted(name for name, _ in found),
        )
        for text, found in kinds.items()
    )
