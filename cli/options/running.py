"""How a data set is analyzed: options that the commands which run networks share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import options
from . import candidates

if TYPE_CHECKING:
    from skviz.runs.options import Options

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]


class AutoNumber(click.ParamType):  # type: ignore[type-arg]
    """A whole number of at least `least`, or "auto", which is None."""

    name = "number"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Return the number, or None for "auto"."""
        if value == "auto":
            return None
        try:
            number = int(value)
        except ValueError:
            self.fail(f"expected a whole number or auto, got '{value}'.", param, ctx)
        if number < self.least:
            self.fail(f"expected at least {self.least}, got {number}.", param, ctx)
        return number


units = click.option(
    "--units",
    "--stage",
    "units",
    type=options.CommaList(),
    shell_complete=candidates.units,
    default="all",
    show_default=True,
    metavar="LIST",
    help="Units to record: 3_4, patterns such as 3_*, paper or all, comma-separated.",
)
views = options.together(
    click.option(
        "--resample",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.RESAMPLE),
        default="bicubic",
        show_default=True,
        help="Filter: nearest, box, bilinear, hamming, bicubic or lanczos.",
    ),
    click.option(
        "--fill",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.FILL),
        default="mean",
        show_default=True,
        help="Fill outside the image: mean, black, white, edge or reflect.",
    ),
)
kept = options.together(
    click.option(
        "--channels",
        type=options.CommaList(),
        shell_complete=candidates.units,
        metavar="LIST",
        default=None,
        help="Units whose whole attention vectors are kept (float16).",
    ),
    click.option(
        "--class-channels", is_flag=True, help="Keep moments of every channel for every class."
    ),
)
running = options.together(
    click.option(
        "--batch-size",
        type=AutoNumber(1),
        metavar="N",
        default="auto",
        show_default=True,
        help="Views per batch, over images and scales.",
    ),
    click.option(
        "--precision",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.PRECISION),
        default="fp32",
        show_default=True,
        help="Arithmetic of the network: fp32, bf16 or fp16.",
    ),
    click.option(
        "--workers",
        type=AutoNumber(0),
        metavar="N",
        default="auto",
        show_default=True,
        help="Processes that read images; 0 reads in the main one.",
    ),
    click.option(
        "--shard-size",
        type=AutoNumber(1),
        metavar="N",
        default="auto",
        show_default=True,
        help="Images per shard: the most that a killed process loses.",
    ),
)
computing = options.together(
    click.option(
        "--engine",
        metavar="NAME",
        shell_complete=candidates.one_of(candidates.ENGINE),
        default="auto",
        show_default=True,
        help="Engine: eager (the network as it is), tuned (batch normalisation folded, the faster "
        "memory format), compile (torch.compile), openvino, or auto (the one that finishes first). "
        "The attention changes only by rounding, which the run records.",
    ),
    click.option("--tune/--no-tune", default=None, help="The same as --engine tuned or eager."),
    click.option(
        "--compile",
        "compiled",
        is_flag=True,
        help="The same as --engine compile.",
    ),
    click.option(
        "--predictions/--no-predictions",
        default=True,
        show_default=True,
        help="Record the predicted class. Without it the network runs only as far as the deepest "
        "requested unit.",
    ),
)


class RunOptions:
    """How a data set is analyzed: what the options said."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said

    def settle(self) -> Options:
        """Return the options of the library; raises `UsageError` for what it does not know."""
        from skviz.runs.options import Options

        return Options(**self.said)


def run_options(*groups: Decorator[Any]) -> Decorator[Any]:
    """Add groups of the options above; the command gets them as one `how`."""
    given = [option.name for group in groups for option in _options_of(group)]

    def decorate(command: Any) -> Any:
        @functools.wraps(command)
        def with_options(*args: Any, **others: Any) -> Any:
            said = {name: others.pop(name) for name in given}
            if "channels" in said:
                said["channels"] = said["channels"] or ()
            return command(*args, how=RunOptions(said), **others)

        return options.together(*groups)(with_options)

    return decorate


def _options_of(group: Decorator[Any]) -> list[click.Parameter]:
    def nothing() -> None: ...

    return list(click.command()(group(nothing)).params)
