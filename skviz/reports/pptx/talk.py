"""What the slides of a talk draw from: the deck, the document, and how it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from skviz.figures.display import Display
from skviz.reports.document import Document, FigurePart
from skviz.reports.pptx.slides import Deck

D = TypeVar("D", bound=Display)


@dataclass(frozen=True)
class Talk:
    """What the sections of a talk draw from: the deck, the document, and the style."""

    deck: Deck
    document: Document
    style: str
    command: str | None

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What is known of the numbers, and the command that made the slides."""
        command = [("Command of these slides", self.command)] if self.command else []
        return [*self.document.facts, *command]

    def part(self, kind: type[D]) -> tuple[FigurePart, D] | None:
        """Return the first figure of a kind with its display."""
        for part in self.document.figures:
            if isinstance(part.display, kind):
                return part, part.display
        return None

    def sentences(self) -> dict[str, str]:
        """Return what was found per unit, in words, where there are verdicts."""
        tables = [table for table in self.document.tables if table.prose]
        return {name: text for table in tables for name, text in table.table.cells}


def row_of(unit: str, units: Sequence[str]) -> int:
    """Return the place of a unit, by its name with or without the paper's "SK_"; else 0."""
    names = [name.removeprefix("SK_") for name in units]
    name = unit.removeprefix("SK_")
    return names.index(name) if name in names else 0
