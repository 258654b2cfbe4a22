"""`skviz models`: the networks that skviz can build."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, replace

import click

from skviz.numbers import count, giga
from skviz.reports.tables import Table
from skviz.reports.terminal.units import unit_to_dict, units_table
from skviz.units import notes_of

from .. import options
from ..echo import Echo
from ..options import candidates
from ..options.network import Network, named_network


@click.command()
@click.argument("name", metavar="[NAME]", required=False, shell_complete=candidates.models)
@named_network
@options.echo
def models(name: str | None, network: Network, echo: Echo) -> None:
    """List the networks that skviz can build, or the units of any network.

    Without NAME: learnable parameters, multiply-adds for one image of the input size (in the paper:
    FLOPs), SK units per stage and the bundled weights of each network.

    NAME is one of these, timm:NAME, package.module:factory or path/to/file.py:factory. The table
    then lists its units: branches, kernels, channels, and how each was found. A kernel is shown by
    its effective size, with its convolution in brackets. Notes point out anything unusual: a
    softmax over the wrong axis, constant attention, null branches, unknown kernel sizes.
    """
    from skviz.models import known_models

    if name is not None:
        _show_units(replace(network, model=name), echo)
        return
    if network != Network():
        raise click.UsageError("expected NAME with options of a network, got none")
    cards = known_models()
    echo.document([asdict(card) for card in cards])
    head = ["network", "parameters", "multiply-adds", "input", "units per stage", "weights"]
    rows = [
        (
            card.name,
            count(card.parameters),
            giga(card.macs),
            f"{card.input_size} px",
            units_per_stage(card.units),
            card.weights or "none",
        )
        for card in cards
    ]
    echo.result(Table.of(head, rows))
    echo.next(["models", "sknet50_lite"])


def _show_units(network: Network, echo: Echo) -> None:
    """Print the units of a network as a table, or as the JSON document."""
    from skviz.capture.probe import Probe
    from skviz.models import model_info

    built = network.build()
    probe = Probe(built, attention=network.attention_at or None)
    gates = [unit for unit in probe.gates if unit not in probe.units]
    echo.document(
        {
            "model": network.model,
            "units": [unit_to_dict(unit) for unit in probe.units],
            "gates": [unit_to_dict(unit) for unit in gates],
            "not_units": list(probe.rejected),
            "notes": list(model_info(built).notes),
        }
    )
    echo.result(units_table(probe.units))
    if gates:
        echo.result(f"\nand {len(gates)} squeeze-and-excitation gates, by their paths:")
        echo.result(units_table(gates))
    for note in notes_of(probe.units):
        echo.warn(note)
    echo.next(["attention", "example", *network.words()])


def units_per_stage(names: list[str]) -> str:
    """Return how many units each stage has, as "3, 4, 6, 3", from names such as "SK_2_1"."""
    counts = Counter(name.removeprefix("SK_").split("_")[0] for name in names)
    return ", ".join(map(str, counts.values()))
