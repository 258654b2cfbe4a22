"""A page for every command, in the groups of the help: written anew at every build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skviz.cli.main import GROUPS

HEAD = """\
Commands
========

``skviz COMMAND -h`` prints the same in the terminal. :doc:`../shell` describes completion,
configuration and exit codes.
"""


def write_pages(app: Any) -> None:
    """Write commands/index.rst with the groups, and commands/NAME.rst."""
    folder = Path(app.srcdir) / "commands"
    folder.mkdir(exist_ok=True)
    index = [HEAD]
    for group, commands in GROUPS.items():
        index += [group, "-" * len(group), "", ".. list-table::", "   :widths: 1 3", ""]
        for name, (module, about) in commands.items():
            index += [f"   * - :doc:`skviz {name} <{name}>`", f"     - {about}"]
            page = [f".. click:: skviz.cli.commands.{module}:{module}", f"   :prog: skviz {name}"]
            _write(folder / f"{name}.rst", page)
        index += [""]
    index += [".. toctree::", "   :hidden:", ""]
    index += [f"   {name}" for commands in GROUPS.values() for name in commands]
    _write(folder / "index.rst", index)


def _write(file: Path, lines: list[str]) -> None:
    text = "\n".join(lines) + "\n"
    if not file.is_file() or file.read_text() != text:  # An unchanged page is not built again.
        file.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
