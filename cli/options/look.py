"""The options that say what of an image the network sees, taken together."""

from __future__ import annotations

import click

from .. import options

look = options.gathered(
    "look",
    "skviz.reports.single:Look",
    click.option(
        "--box",
        type=options.numbers(4, "L,T,R,B in pixels of the image"),
        metavar="L,T,R,B",
        help="The object, in pixels of the image: left, top, right, bottom.",
    ),
    click.option(
        "--center",
        type=options.numbers(2, "X,Y in pixels of the image"),
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
