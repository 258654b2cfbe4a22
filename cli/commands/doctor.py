"""`skviz doctor`: whether everything that skviz needs works here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.errors import UsageError

from .. import options
from ..config.defaults import option_defaults
from ..config.files import config_files, user_file
from ..echo import Echo
from ..exit_codes import FAILED as EXIT_FAILED
from ..installation.checks import FAILED, MISSING, OK, WARNING, Check
from ..installation.completion import SHELLS, current_shell, installed, print_completion

if TYPE_CHECKING:
    from ..main import LazyGroup


@click.command()
@click.option(
    "--completion",
    "shell",
    type=options.NearChoice((*SHELLS, "auto")),
    is_flag=False,
    flag_value="auto",
    metavar="SHELL",
    help="Print the completion script for bash, zsh or fish instead (by default for the current "
    "shell); stderr says where to put it.",
)
@options.echo
@click.pass_context
def doctor(ctx: click.Context, shell: str | None, echo: Echo) -> None:
    """Check that everything skviz needs works here.

    Packages, devices, optional extras, caches, the bundled weights, fonts, configuration files,
    the current folder and completion. Each line is ok, warning, missing or failed, with what to
    do about it. Exit code 0 if all that is needed works, else 1.
    """
    from ..installation import checks

    if shell is not None:
        print_completion(ctx.find_root().command, shell, echo)
        return
    parts: dict[str, Callable[[], list[Check]]] = {
        "environment": checks.environment,
        "weights": checks.weights,
        "devices": checks.devices,
        "figures": checks.figures,
        "extras": checks.extras,
        "configuration": lambda: _configuration(ctx.find_root()),
        "folder": checks.folder,
        "caches": checks.caches,
        "completion": _completion,
    }
    found = [check for area, part in parts.items() for check in _examined(area, part)]
    fine = all(check.status != FAILED for check in found)
    echo.document({"ok": fine, "checks": [asdict(check) for check in found]})
    echo.result(_text(found))
    echo.result(_verdict(found))
    if fine:
        echo.next(["attention", "example"])
    ctx.exit(0 if fine else EXIT_FAILED)


def _examined(area: str, part: Callable[[], list[Check]]) -> list[Check]:
    """The checks of a part. One that breaks is a finding: the others go on."""
    try:
        return part()
    except Exception as error:  # Whatever it is, it is what the doctor was asked for.
        reason = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
        return [Check(area, area, FAILED, reason, "fix the failures above, or reinstall")]


def _configuration(root: click.Context) -> list[Check]:
    if root.params.get("no_config"):
        return [Check("configuration", "files", OK, "not read (--no-config, SKVIZ_NO_CONFIG)")]
    group: LazyGroup = root.command  # type: ignore[assignment]
    commands = group.with_defaults(root)
    try:
        files = config_files()
        for name in commands:
            option_defaults(files, name, commands)
    except UsageError as error:
        return [Check("configuration", "files", FAILED, str(error), "mend the file")]
    if not files:
        value = f"none (a skviz.toml here or above it, or {user_file()})"
        return [Check("configuration", "files", OK, value)]
    return [
        Check("configuration", file.shown, OK, f"in force: {', '.join(file.values) or 'empty'}")
        for file in files
    ]


def _completion() -> list[Check]:
    shell = current_shell()
    if shell is None:
        return [Check("completion", "shell", OK, "none: the shell is not bash, zsh or fish")]
    file = installed(shell, Path(os.path.expanduser("~")))
    if file is not None:
        return [Check("completion", shell, OK, f"in {file}")]
    advice = f"`skviz doctor --completion {shell}` prints it and says where to put it"
    return [Check("completion", shell, MISSING, "not installed", advice)]


def _text(found: list[Check]) -> str:
    lines, area = [], ""
    for check in found:
        if check.area != area:
            lines.append(check.area)
            area = check.area
        lines.append(f"  {check.status:7}  {check.name}: {check.value}")
        if check.advice:
            lines.append(f"           -> {check.advice}")
    return "\n".join(lines)


def _verdict(found: list[Check]) -> str:
    counts = {status: sum(c.status == status for c in found) for status in (FAILED, WARNING)}
    if counts[FAILED]:
        return f"\n{counts[FAILED]} failed: skviz does not work here as it should"
    if counts[WARNING]:
        return f"\nskviz works here; {counts[WARNING]} warnings"
    return "\nskviz works here"
