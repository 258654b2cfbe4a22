"""`skviz models`: the networks that skviz can build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from skviz.reports.tables import Table

from . import options
from .echo import Echo
from .options import candidates
from .options.network import Network, named_network

if TYPE_CHECKING:
    from skviz.models import ModelCard


@click.command()
@click.argument("name", metavar="[NAME]", required=False, shell_complete=candidates.models)
@named_network
@options.as_json
def models(name: str | None, network: Network, as_json: bool) -> None:
    """List the networks that skviz can build, or the units of one of any kind.

    Without NAME: learnable parameters, multiply-adds for one image of the input size (in the
    paper: FLOPs), SK units per stage and the weights that come with a network.

    NAME is one of these, timm:NAME, package.module:factory or path/to/file.py:factory. Then the
    units are listed: branches, kernels, channels, and how each was found. A kernel is shown by
    its effective size; in brackets how it is made. Notes tell of what is odd: a softmax over a
    wrong axis, constant attention, null branches, unknown kernel sizes.
    """
    from skviz.models import known_models

    from .unit_table import show_units

    echo = Echo(as_json=as_json)
    if name is not None:
        show_units(name, network, echo)
        return
    if network != Network():
        raise click.UsageError("expected NAME with options of a network, got none")
    cards = known_models()
    echo.document([_document(card) for card in cards])
    head = ["network", "parameters", "multiply-adds", "input", "units per stage", "weights"]
    echo.result(Table.of(head, map(_row, cards)))


def _document(card: ModelCard) -> dict[str, object]:
    return {
        "name": card.name,
        "parameters": card.parameters,
        "macs": card.macs,
        "input_size": card.input_size,
        "units": list(card.units),
        "weights": card.weights,
        "description": card.description,
    }


def _row(card: ModelCard) -> list[str]:
    return [
        card.name,
        f"{card.parameters:,}",
        f"{card.macs / 1e9:.3f} G",
        f"{card.input_size} px",
        units_per_stage(card.units),
        card.weights or "none",
    ]


def units_per_stage(names: list[str]) -> str:
    """Return how many units each stage has, as "3, 4, 6, 3", from names such as "SK_2_1"."""
    counts: dict[str, int] = {}
    for name in names:
        stage = name.removeprefix("SK_").split("_")[0]
        counts[stage] = counts.get(stage, 0) + 1
    return ", ".join(str(count) for count in counts.values())
