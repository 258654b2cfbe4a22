"""The command `skviz`: a group whose commands are imported when they are called.

`skviz --help` and shell completion import click and nothing heavier.
"""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

from skviz import __version__
from skviz.errors import SkvizError, did_you_mean

from .edge import FAILED, INTERRUPTED, WRONG_USAGE, Failure, exit_code

# Name: (module of this package, function in it, one line of help).
COMMANDS = {
    "analyze": ("analyze", "analyze", "Record the attention of a data set at several scales."),
    "merge": ("merge", "merge", "Join runs that were made apart."),
    "attention": ("attention", "attention", "Draw the attention of photographs at several scales."),
    "card": ("card", "card", "Measure a network on photographs and write its model card."),
    "models": ("models", "models", "List the networks that skviz can build."),
    "plot": ("plot", "plot", "Draw a figure of a run; the network is not needed."),
    "summary": ("summary", "summary", "Summarise a run: means, shifts, intervals, tests."),
    "train": ("train", "train", "Train a network on an image folder."),
    "units": ("units", "units", "List the units of a network, and how each was found."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, function, _ = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f".{module}", __package__), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in COMMANDS and not ctx.resilient_parsing:
            hint = did_you_mean(name, COMMANDS) or f" Known are: {', '.join(sorted(COMMANDS))}."
            raise Failure(f"no such command '{name}'.{hint}", WRONG_USAGE)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that help does not import every command.
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SkvizError as error:
            raise Failure(str(error), exit_code(error)) from error


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part, 130 interrupted.",
)
@click.version_option(__version__, prog_name="skviz", message="%(prog)s %(version)s")
def cli() -> None:
    """See which kernel a selective-kernel network chooses, per unit, channel and object scale."""


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    try:
        # Not standalone: click would turn Ctrl-C into "Aborted!" and exit code 1.
        code = cli.main(prog_name="skviz", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone: nothing to say, and Python's last flush must not say it.
        sys.stdout = None
        code = FAILED
    sys.exit(code if isinstance(code, int) else 0)
