"""Tables of what users do wrong: the command line, a part of the answer, the exit code."""

from __future__ import annotations


def mistakes(table: str) -> dict[str, tuple[str, str, int]]:
    """Read lines of `name | command line | part of the message | exit code`; # begins a head."""
    lines = [line for line in table.strip().splitlines() if not line.startswith("#")]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    found = {name: (command, message, int(code)) for name, command, message, code in rows}
    assert len(found) == len(rows), "two mistakes have one name"
    return found
