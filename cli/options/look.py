"""The options that say what of an image the network sees, taken together."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from .. import options

if TYPE_CHECKING:
    from skviz.reports.single import Look

Command = TypeVar("Command", bound=Callable[..., Any])


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """So many numbers with commas between them: "10,20,110,120"."""

    name = "numbers"

    def __init__(self, words: str) -> None:
        self.words = words

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Return the numbers as a tuple; fails on anything else."""
        if isinstance(value, tuple):
            return value
        try:
            numbers = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != self.words.count(",") + 1:
            self.fail(f"expected {self.words} in pixels of the image, got '{value}'", param, ctx)
        return numbers


_OPTIONS = options.together(
    click.option(
        "--box",
        type=Numbers("L,T,R,B"),
        metavar="L,T,R,B",
        help="The object, in pixels of the image: left, top, right, bottom.",
    ),
    click.option(
        "--center",
        type=Numbers("X,Y"),
        metavar="X,Y",
        help="Where the object is, in pixels of the image.  [default: in the middle]",
    ),
    click.option(
        "--control",
        metavar="NAME",
        help="Show it as a control does, such as blur, object-constant, object-blurred or masked "
        "(see `skviz controls --help`).",
    ),
)


def look(command: Command) -> Command:
    """Add the options; the command gets them as one `look`."""

    @functools.wraps(command)
    def run(*args: Any, **others: Any) -> Any:
        names = ("box", "center", "control")
        return command(*args, look=_look(**{name: others.pop(name) for name in names}), **others)

    return _OPTIONS(cast(Command, run))


def _look(**given: Any) -> Look:
    from skviz.reports.single import Look

    return Look(**given)
