"""The benchmark's report: as JSON for programs, as Markdown for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import Measured, NotRun, Result


@dataclass(frozen=True)
class Section:
    """A section's results; `about` says what was timed, and how."""

    title: str
    about: str
    results: Sequence[Measured]

    @property
    def behind(self) -> list[Result]:
        """Results that break their bound by more than their spread."""
        found = [result for result in self.results if isinstance(result, Result)]
        return [result for result in found if result.verdict == "behind"]


def number(value: float) -> str:
    """Three digits that count."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def line(result: Measured) -> str:
    """One result, for a terminal."""
    if isinstance(result, NotRun):
        return f"  {result.name}: not run ({result.reason})"
    text = f"  {result.name}: {number(result.median)} {result.unit}"
    if len(result.values) > 1:
        text += f" ({number(result.low)} to {number(result.high)}, {len(result.values)} rounds)"
    if result.bound is not None:
        text += f", {result.bound}: {result.verdict.upper()}"
    return text + (f" [{result.note}]" if result.note else "")


def markdown(machine: Mapping[str, str], sections: Sequence[Section], size: str) -> str:
    """The report as a page."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` ({size}). Results are ratios within one round unless they have "
        "a unit. Compared programs run in turns, so that a slower machine slows them all. The "
        "spread is from the first to the third quartile or, with fewer than five rounds, from "
        "the smallest to the largest; a single timed round counts as ± 10 %. A result is "
        "*behind* if its median misses the bound by more than the spread.",
        "",
        "| machine | |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in machine.items()),
        "| graphics card | not run on a GPU; `tests/benchmarks/gpu.py` is for one |",
    ]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.about, ""]
        lines += ["| what | median | spread | rounds | bound | |", "|---|---|---|---|---|---|"]
        lines += [_row(result) for result in section.results]
    return "\n".join(lines) + "\n"


def _row(result: Measured) -> str:
    if isinstance(result, NotRun):
        return f"| {_cell(result.name)} | not run: {_cell(result.reason)} | | | | |"
    bound = "" if result.bound is None else str(result.bound)
    several = len(result.values) > 1
    spread = f"{number(result.low)} to {number(result.high)}" if several else ""
    name = result.name + (f" ({result.note})" if result.note else "")
    return (
        f"| {_cell(name)} | {number(result.median)} {_cell(result.unit)} | {spread} | "
        f"{len(result.values)} | {bound} | {result.verdict} |"
    )


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def document(machine: Mapping[str, str], sections: Sequence[Section], size: str) -> dict[str, Any]:
    """The report as a JSON document."""
    return {
        "format": "skviz benchmarks",
        "version": 1,
        "size": size,
        "machine": dict(machine),
        "sections": [
            {
                "title": section.title,
                "about": section.about,
                "results": [result.to_dict() for result in section.results],
            }
            for section in sections
        ],
    }
