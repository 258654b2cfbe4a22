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


_OPTIONS = options.together(
    click.option(
        "--box",
        type=options.Numbers(4, "L,T,R,B in pixels of the image"),
        metavar="L,T,R,B",
        help="The object, in pixels of the image: left, top, right, bottom.",
    ),
    click.option(
        "--center",
        type=options.Numbers(2, "X,Y in pixels of the image"),
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
