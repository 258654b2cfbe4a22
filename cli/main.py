"""The command `skviz`: a group whose commands are imported when they are called.

`skviz --help` and shell completion import click and nothing heavier.
"""

from __future__ import annotations

import errno
import importlib
import io
import shlex
import sys
from typing import NoReturn

import click

from skviz.errors import SkvizError, asked_for, did_you_mean, out_of_memory

from .config.defaults import WITHOUT_CONFIG, option_defaults, options_of, take_environment
from .config.files import config_files
from .echo import COMMAND_LINE, say
from .exit_codes import (
    DONE,
    INTERRUPTED,
    WRONG_USAGE,
    Failure,
    exit_code,
    open_streams,
    stream_failure,
)

# Group of the help: name: (module in commands/, one line of help).
GROUPS = {
    "Look": {
        "attention": ("attention", "Draw the attention of photographs."),
        "explore": ("explore", "Open a page: a picture, a box, a slider."),
        "models": ("models", "List the networks, or the units of one."),
        "plot": ("plot", "Draw a figure of a run; the network is not needed."),
    },
    "Measure": {
        "analyze": ("analyze", "Record the attention of a data set."),
        "merge": ("merge", "Join runs made in parts."),
        "controls": ("controls", "Make a run and its controls: is the effect real?"),
        "intervene": ("intervene", "Replace the attention, measure the output."),
        "receptive-field": ("receptive_field", "Measure effective receptive fields."),
    },
    "Conclude": {
        "summary": ("summary", "Summarise a run or its controls; describe a file of skviz."),
        "compare": ("compare", "Compare two runs, or a run with the paper's values."),
        "report": ("report", "Make a page, slides, a PDF, a folder or a model card."),
    },
    "Set up": {
        "train": ("train", "Train a network on an image folder."),
        "doctor": ("doctor", "Check that everything skviz needs works; shell completion."),
    },
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}
# Options whose lower values take less memory.
LESS_MEMORY = ("--batch-size", "--workers", "--size", "--input-size", "--max-pixels", "--limit")
# What older versions called commands.
RENAMED = {
    "card": "report CONTROLS --card --to DIR",
    "completion": "doctor --completion SHELL",
    "field": "receptive-field",
    "info": "summary PATH --about",
    "units": "models NAME",
    "verdicts": "summary DIR",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, line = COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f".commands.{module}", __package__), module)
        assert isinstance(command, click.Command)
        command.short_help = line  # For shells that show it beside the word.
        take_environment(cmd_name, command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        ctx.meta[COMMAND_LINE] = shlex.join(["skviz", *args])
        if not word.startswith("-") and word not in COMMANDS and not ctx.resilient_parsing:
            hint = did_you_mean(word, COMMANDS) or f" Known are: {', '.join(sorted(COMMANDS))}."
            if word in RENAMED:
                raise Failure(f"'skviz {word}' is now 'skviz {RENAMED[word]}'", WRONG_USAGE)
            raise Failure(f"no such command '{word}'.{hint}", WRONG_USAGE)
        name, command, rest = super().resolve_command(ctx, args)
        if not ctx.resilient_parsing and name is not None and name not in WITHOUT_CONFIG:
            self._take_defaults(ctx, name, rest)
        return name, command, rest

    def _take_defaults(self, ctx: click.Context, name: str, rest: list[str]) -> None:
        """Put what configuration files say of a command where click looks for defaults."""
        if ctx.params["no_config"]:
            return
        wants_help = bool({"-h", "--help"} & set(rest))
        try:
            files = config_files()
            found = option_defaults(files, name, self.with_defaults(ctx)) if files else {}
        except SkvizError as error:
            if not wants_help:  # Who reads help may be about to mend the file.
                raise
            say(f"Warning: {error}", err=True)
            return
        ctx.default_map = {name: found}
        quiet = found.get("quiet") or {"-q", "--quiet"} & set(rest)
        if found and not quiet and not wants_help:
            words: dict[click.Option, str] = {}
            for word, option in options_of(self.with_defaults(ctx)[name]).items():
                words.setdefault(option, word)
            said = ", ".join(word for option, word in words.items() if option.name in found)
            shown = " and ".join(f"'{file.shown}'" for file in files)
            say(f"defaults from {shown}: {said}", err=True)

    def with_defaults(self, ctx: click.Context) -> dict[str, click.Command]:
        """The commands that take defaults from configuration files."""
        names = [name for name in self.list_commands(ctx) if name not in WITHOUT_CONFIG]
        found = {name: self.get_command(ctx, name) for name in names}
        return {name: command for name, command in found.items() if command is not None}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that help does not import every command.
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            missing_fonts()  # What was drawn before in this process is not this command's.
            try:
                return super().invoke(ctx)
            finally:
                for line in missing_fonts():
                    say(f"Warning: {line}", err=True)
        except SkvizError as error:
            raise Failure(str(error), exit_code(error)) from error
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            raise Failure(
                f"{error.strerror}; raise the limit with `ulimit -n`, or lower --workers"
            ) from error
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            known = [] if command is None else [word for p in command.params for word in p.opts]
            lower = [word for word in LESS_MEMORY if word in known]
            raise Failure(_memory_words(error, lower)) from error


def missing_fonts() -> tuple[str, ...]:
    """Name what no font could draw; nothing is imported for it where nothing was drawn."""
    fonts = sys.modules.get("skviz.figures.style.fonts")
    return fonts.missing_fonts() if fonts else ()


def _memory_words(error: BaseException, lower: list[str]) -> str:
    where = "graphics card" if "CUDA" in str(error) else "machine"
    advice = f"lower {' or '.join(lower)}" if lower else "use smaller pictures or fewer of them"
    done = "; a run goes on with the same command" if "--workers" in lower else ""
    asked = asked_for(error)
    return f"the memory of this {where} is full: {asked} could not be allocated; {advice}{done}"


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from .installation.versions import version_text

    say(version_text())
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done in part, 130 interrupted.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of skviz, Python, torch and the bundled weights, and exit.",
)
@click.option(
    "--no-config",
    is_flag=True,
    envvar="SKVIZ_NO_CONFIG",
    show_envvar=True,
    help="Take no defaults from configuration files.",
)
def cli(no_config: bool) -> None:
    """See which kernel a selective-kernel network chooses, per unit, channel and object scale."""


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    open_streams()
    try:
        code = _run()
    except OSError as error:
        code = stream_failure(error)
    sys.exit(code)


def _run() -> int:
    try:
        # Not standalone: click would turn Ctrl-C into "Aborted!" and exit code 1.
        code = cli.main(prog_name="skviz", standalone_mode=False)
    except click.ClickException as error:
        # It may quote a file's name or content, also where click itself wrote it.
        text = io.StringIO()
        error.show(text)
        say(text.getvalue(), err=True, nl=False)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else DONE
