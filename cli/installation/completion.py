"""The script with which a shell completes skviz's commands."""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

from skviz.errors import UsageError

from ..echo import Echo, say

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_SKVIZ_COMPLETE"
# Where each shell looks for it, below the home folder; the startup file that can also load it.
FILES = {
    "bash": ".local/share/bash-completion/completions/skviz",
    "zsh": ".zfunc/_skviz",
    "fish": ".config/fish/completions/skviz.fish",
}
# click's scripts cut words at commas (fish), and take 3_* for a pattern of file names (bash).
REPAIRS = {
    "fish": {'string split ","': 'string split --max 1 ","'},
    "bash": {"COMPREPLY+=($value)": 'COMPREPLY+=("$value")'},
}
STARTUP = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}


def print_completion(root: click.Command, shell: str, echo: Echo) -> None:
    """Print the completion script of a shell to stdout; say on stderr where to put it.

    "auto" is the user's shell. Raises `UsageError` where none is known.
    """
    if shell == "auto":
        shell = current_shell() or ""
    if not shell:
        raise UsageError(f"expected a shell, one of {', '.join(SHELLS)}: none is known from $SHELL")
    say(completion_script(root, shell))
    echo.note(how_to_install(shell))


def current_shell() -> str | None:
    """The user's shell by $SHELL, if it is one of `SHELLS`."""
    name = Path(os.environ.get("SHELL", "")).name
    return name if name in SHELLS else None


def completion_script(command: click.Command, shell: str) -> str:
    """Return the script; it asks skviz itself for the words, each time."""
    made = get_completion_class(shell)
    assert made is not None
    complete = made(command, {}, "skviz", VARIABLE)
    # Not `source()`: that would start bash to look at its version.
    script = complete.source_template % complete.source_vars()
    for theirs, ours in REPAIRS.get(shell, {}).items():
        script = script.replace(theirs, ours)
    return script


def how_to_install(shell: str) -> str:
    """Say what to do with the script."""
    file = f"~/{FILES[shell]}"
    made = f"skviz doctor --completion {shell} -q"
    lines = [f"# {shell}: mkdir -p {Path(file).parent} && {made} > {file}"]
    if shell == "bash":
        lines.append(f'# (with bash-completion; without it: eval "$({made})" in')
        lines.append("# ~/.bashrc; bash 4.4 or newer)")
    if shell == "zsh":
        lines.append("# and in ~/.zshrc, before compinit: fpath+=(~/.zfunc)")
    lines.append("# then open a new shell")
    return "\n".join(lines)


def installed(shell: str, home: Path) -> Path | None:
    """The file that gives a shell skviz's completion, or None."""
    if (home / FILES[shell]).is_file():
        return home / FILES[shell]
    startup = home / STARTUP[shell]
    try:
        text = startup.read_text("utf-8", errors="replace")
    except OSError:
        return None
    return startup if "skviz doctor --completion" in text or VARIABLE in text else None
