"""The documentation's pages, their blocks of code, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if "_build" not in page.parts and "api" not in page.parts]
# Languages whose blocks may hold commands; "text" without any is what they print.
SHELLS = ("", "console", "bash", "sh", "shell", "text")

_BLOCK = re.compile(
    r"^(?P<fence>```+)(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=fence)\s*$", re.M | re.S
)
_ENDS = {">", ">>", "|", "||", "&&", ";", "&"}


@dataclass(frozen=True)
class Block:
    """A block of code: the page, the line it starts at, its language and its text."""

    page: Path
    line: int
    language: str
    code: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The blocks of code of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page, text.count("\n", 0, found.start()) + 2, found["language"].strip(), found["code"]
        )
        for found in _BLOCK.finditer(text)
    ]


def commands(code: str) -> Iterator[list[str]]:
    """The arguments of every call of skviz in a block of a terminal."""
    joined = re.sub(r"\\\n\s*", " ", code)
    for line in joined.splitlines():
        if not re.search(r"(^|[\s/'\"=(])skviz(\.cli)?\s", line):
            continue
        try:
            words = shlex.split(line.removeprefix("$ "), comments=True)
        except ValueError:  # A line that is no command: an apostrophe in what was printed.
            continue
        yield from _calls(words)


def _calls(words: list[str]) -> Iterator[list[str]]:
    for index, word in enumerate(words):
        if re.search(r"(^|[\s/(])skviz\s", word):  # A command within quotes.
            yield from _calls(shlex.split(word.replace("$(", " ").rstrip(")")))
        elif word == "skviz.cli" or word == "skviz" or word.endswith("/bin/skviz"):
            rest = words[index + 1 :]
            ends = [at for at, other in enumerate(rest) if other in _ENDS]
            call = rest[: ends[0]] if ends else rest
            yield [re.sub(r"\$\{?\w+\}?", "1", part) for part in call]
            return


def inline_commands(page: Path) -> Iterator[list[str]]:
    """The words of every `skviz ...` within a sentence."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`(skviz [^`]+)`", text):
        try:
            yield shlex.split(code)[1:]
        except ValueError:
            yield code.split()[1:]
