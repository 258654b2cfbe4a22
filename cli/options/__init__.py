"""Options that several commands share, each defined once.

Nothing heavier than click is imported here: names and numbers are checked by the library, which
knows them, before any work is done.
"""

from __future__ import annotations

import functools
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from skviz.errors import did_you_mean
from skviz.scales import parse_scales

from ..echo import Echo
from . import candidates

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
FORMATS = ("png", "pdf", "svg")
DATA_FORMATS = ("csv", "json")
DEVICES = ("auto", "cpu", "cuda")
EXAMPLE = "example"
PLACES = ("paper", "thesis", "talk", "poster", "web")


class CommaList(click.ParamType):  # type: ignore[type-arg]
    """Words with commas between them: "png,pdf"; each once, in the given order."""

    name = "list"

    def __init__(self, known: Sequence[str] = ()) -> None:
        self.known = tuple(known)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the words as a tuple; fails on an empty list or an unknown word."""
        if isinstance(value, tuple):
            return value
        words = tuple(dict.fromkeys(word.strip() for word in str(value).split(",")))
        if "" in words:
            self.fail(f"expected comma-separated words, got '{value}'.", param, ctx)
        for word in words:
            if self.known and word not in self.known:
                hint = did_you_mean(word, self.known)
                self.fail(f"expected {' or '.join(self.known)}, got '{word}'.{hint}", param, ctx)
        return words

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the last word of the list."""
        return candidates.listed(self.known, incomplete)


class NearChoice(click.Choice):  # type: ignore[type-arg]
    """A choice that names the nearest word when another one is given."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Say what was expected, and what may have been meant."""
        hint = did_you_mean(str(value), map(str, self.choices))
        return super().get_invalid_choice_message(value, ctx) + hint


class Text(click.ParamType):  # type: ignore[type-arg]
    """What a function makes of a text; its `ValueError` says what was expected."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name, self.read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return what the text means; fails on anything else."""
        try:
            return self.read(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)


def numbers(count: int, expected: str, name: str = "numbers") -> Text:
    """Return the type of so many numbers with commas between them: "0.5,0.5,0.5"."""

    def read(text: str) -> tuple[float, ...]:
        try:
            found = tuple(float(part) for part in text.split(","))
        except ValueError:
            found = ()
        if len(found) != count:
            raise ValueError(f"expected {expected}, got '{text}'")
        return found

    return Text(name, read)


class ImagePath(click.Path):
    """The path of an image; "example" is the photograph that skviz ships."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; a file of the name `example` comes first."""
        if str(value) == EXAMPLE and not Path(EXAMPLE).exists():
            from skviz.data.example import example_photo

            return example_photo()
        return super().convert(value, param, ctx)


def image_word(path: str | Path) -> str:
    """Return the word for an image on a command line: its path, or `example`."""
    from skviz.data.example import example_photo

    return EXAMPLE if Path(path) == example_photo() else str(path)


def together(*options: Decorator) -> Decorator:
    """Make one decorator of several options; help lists them in the given order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def gathered(name: str, make: str | Callable[..., Any], *options: Decorator) -> Decorator:
    """Make one decorator of several options.

    The command gets what `make` makes of their values, as one argument `name`. `make` may be an
    address, "module:function", which is imported when the command runs.
    """
    chosen = together(*options)
    parameters = click.command("")(chosen(lambda: None)).params

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*args: Any, **given: Any) -> Any:
            values = {one.name: given.pop(one.name) for one in parameters}
            maker = pkgutil.resolve_name(make) if isinstance(make, str) else make
            return command(*args, **{name: maker(**values)}, **given)

        return chosen(run)

    return decorate


def path_option(name: str, metavar: str, help: str, **more: Any) -> Decorator:
    """Return an option that takes a path; `more` are further words of `click.option`."""
    return click.option(name, type=click.Path(path_type=Path), metavar=metavar, help=help, **more)


def count_option(
    name: str, metavar: str | None, help: str, least: int = 1, **more: Any
) -> Decorator:
    """Return an option that takes a whole number of at least `least`."""
    return click.option(name, type=click.IntRange(min=least), metavar=metavar, help=help, **more)


def list_option(name: str, help: str, known: Sequence[str] = (), **more: Any) -> Decorator:
    """Return an option that takes words with commas between them."""
    return click.option(name, type=CommaList(known), metavar="LIST", help=help, **more)


def word_option(name: str, known: Sequence[str], default: str | None, help: str) -> Decorator:
    """Return an option that takes a word; the shell completes those known."""
    return click.option(
        name, metavar="NAME", shell_complete=candidates.one_of(known), default=default,
        show_default=default is not None, help=help,
    )  # fmt: skip


def scales_option(help: str, **more: Any) -> Decorator:
    """Return the option of scales; the command gets them as numbers."""
    return click.option(
        "--scales", metavar="LIST", help=help, **more,
        callback=lambda _ctx, _param, text: None if text is None else parse_scales(text),
    )  # fmt: skip


def units(parameter: str, help: str, *names: str) -> Decorator:
    """Return the option of units to show, which may be repeated; `names` are further words."""
    return click.option(
        "--units", "--stage", *names, parameter, type=CommaList(), metavar="UNIT",
        shell_complete=candidates.units, multiple=True, help=help,
        callback=lambda _ctx, _param, lists: tuple(name for names in lists for name in names),
    )  # fmt: skip


model = click.option(
    "--model",
    metavar="NAME",
    shell_complete=candidates.models,
    help="Network: a name of `skviz models`, timm:NAME, package.module:factory or "
    "path/to/file.py:factory.  [default: sknet50_lite]",
)
weights = path_option("--weights", "FILE", "Checkpoint for the network: .pth, .pt or .safetensors.")
null = path_option(
    "--null",
    "DIR",
    "Random networks to compare the run with: a folder of `skviz controls`, or the run of "
    "one random network; may be repeated.",
    multiple=True,
)
weights_key = click.option(
    "--weights-key",
    metavar="KEY",
    help="Which of several sets of weights in a checkpoint: 'state_dict', 'model_ema'.  "
    "[default: what fits the network best, averaged weights before plain ones]",
)
allow_mismatch = click.option(
    "--allow-mismatch",
    is_flag=True,
    help="Load the tensors that fit from a checkpoint of another network, and list the others.",
)
device = click.option(
    "--device", type=NearChoice(DEVICES), default="auto", show_default=True, help="Where to run."
)
scales = scales_option(
    "Scales of the central object, comma-separated; below 1 zooms out.",
    default="1,1.5,2",
    show_default=True,
)
stages = units(
    "stages",
    "Unit to draw: 3_4, SK_3_4, a pattern such as 3_*, paper or all. May be repeated, or a "
    "list with commas.  [default: 3_4]",
)
group = count_option(
    "--group",
    "N",
    "Consecutive channels that one point of a line averages; 1 shows every channel.  "
    "[default: a sixteenth of the channels]",
)
branch = click.option(
    "--branch",
    type=int,
    metavar="INDEX",
    help="Branch that the lines show, counted from 0.  [default: the largest kernel]",
)
formats = click.option(
    "--format",
    "formats",
    type=CommaList(FORMATS),
    metavar="LIST",
    default="png",
    show_default=True,
    help="Formats of the figure, comma-separated: png, pdf, svg.",
)
data = list_option(
    "--data", "Also write the numbers, comma-separated: csv, json.", DATA_FORMATS, default=()
)
quantity = click.option(
    "--quantity",
    type=NearChoice(("difference", "expected-kernel")),
    default="difference",
    show_default=True,
    callback=lambda _ctx, _param, value: value.replace("-", "_"),
    help="What to follow: the attention difference, or the expected kernel size in pixels.",
)
out = path_option(
    "--out",
    "DIR",
    "Folder for the results; created if needed.  [default: the current folder]",
    default=Path(),
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace results that exist.")
quiet = click.option("--quiet", "-q", is_flag=True, help="Print warnings and errors only.")
echo = gathered(
    "echo",
    Echo,
    click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON document instead of the table."
    ),
    quiet,
)
output = together(out, overwrite, echo)


style = gathered(
    "style",
    "skviz.figures.style.sheets:place_style",
    click.option(
        "--for",
        "place",
        type=NearChoice(PLACES),
        help="What the figure is for; sets width, fonts, lines and resolution.",
    ),
    click.option(
        "--columns",
        type=click.IntRange(1, 2),
        default=1,
        show_default=True,
        help="Columns of a paper that the figure spans: 3.5 or 7.16 inches.",
    ),
    click.option("--dark", is_flag=True, help="Draw light on dark."),
    word_option(
        "--palette",
        candidates.PALETTE,
        None,
        "Colours of the scales: colorblind, paper (the paper's blue, green and red), or any "
        "palette of seaborn.  [default: colorblind]",
    ),
    click.option(
        "--style",
        metavar="NAME",
        shell_complete=candidates.styles,
        default="default",
        show_default=True,
        help="Style of the figure: one of skviz or of Matplotlib, or several, comma-separated.",
    ),
)


def _draws(no_bootstrap: bool, **draws: Any) -> dict[str, Any]:
    return {**draws, "resamples": 0} if no_bootstrap else draws


bootstrap = gathered(
    "bootstrap",
    _draws,
    click.option("--no-bootstrap", is_flag=True, help="Omit the confidence intervals."),
    count_option("--resamples", None, "Bootstrap resamples.", default=2000, show_default=True),
    click.option(
        "--confidence",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.95,
        show_default=True,
        help="Confidence level of the intervals.",
    ),
    count_option("--seed", None, "Seed of the bootstrap.", 0, default=0, show_default=True),
)
