"""`skviz explore`: a page in the browser in which the attention follows a slider."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from skviz.errors import UsageError

from .. import options
from ..echo import Echo
from ..exit_codes import Failure
from ..options.network import Network, network as chosen_network

if TYPE_CHECKING:
    from torch import nn

    from skviz.explorer.session import Session


@click.command()
@click.argument("images", nargs=-1, metavar="[IMAGE...]", type=options.ImagePath())
@chosen_network
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Port of the page.  [default: a free one]",
)
@click.option("--no-browser", is_flag=True, help="Print the address, open no browser.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on. Any address beyond this machine needs --share.",
)
@click.option(
    "--share",
    is_flag=True,
    help="Let others reach the page: anyone with its address sees the pictures and can use this "
    "machine's processor. Nothing is encrypted.",
)
@options.quiet
def explore(
    images: tuple[Path, ...],
    network: Network,
    port: int,
    no_browser: bool,
    host: str,
    share: bool,
    quiet: bool,
) -> None:
    """Open a page: drag a box around the object, enlarge it, watch the attention.

    Without an IMAGE it starts with the photograph that ships with skviz; you can drop others on the
    page. The page shows the numbers of `skviz attention`, and gives the command for each figure. It
    is served to this machine only, until Ctrl-C.
    """
    from skviz.explorer.server import LOOPBACK, address, bind, new_token, serve

    if host not in LOOPBACK and not share:
        raise UsageError(
            f"expected --share with --host {host}: then anyone with the address of the page sees "
            "the pictures and can use this machine's processor, and nothing is encrypted"
        )
    for name in ("starlette", "uvicorn"):
        if importlib.util.find_spec(name) is None:
            raise Failure(f"`skviz explore` needs {name}: pip install 'skviz[explore]'")
    listening = bind(host, port)
    session = _session(images, network)
    token = new_token()
    page = address(listening, token)
    echo = Echo(quiet=quiet)
    echo.result(page)
    if not no_browser:
        _open(page)
    echo.note("Ctrl-C ends it")
    serve(session, listening, token)


def _session(images: tuple[Path, ...], network: Network) -> Session:
    from skviz.data import example_photo
    from skviz.explorer.session import Session
    from skviz.explorer.snippets import Loading

    def untrained() -> nn.Module:
        bare = replace(network, weights=None, weights_key=None, allow_mismatch=False)
        return replace(bare, no_pretrained=True).load()

    example = str(example_photo())
    return Session.of(
        network.load(),
        images or (example_photo(),),
        attention=network.attention_at or None,
        untrained=untrained,
        loading=Loading(network.words(), network.model, network.arguments(), example),
    )


def _open(page: str) -> None:
    """Open the page as soon as it is served: a browser waits, a refused connection does not."""
    import threading
    import webbrowser

    threading.Timer(0.5, webbrowser.open, [page]).start()
