"""The options that choose a network, taken together: one object for every command."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..echo import Echo

if TYPE_CHECKING:
    from torch import nn


def _json_object(text: str) -> dict[str, Any]:
    """Return a JSON object, such as '{"num_classes": 10}', as a dictionary."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f'expected a JSON object such as {{"width": 8}}: {error}') from None
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object, got {text}")
    return found


_ARGUMENTS = (
    "weights", "allow_mismatch", "weights_key", "model_args", "input_size", "crop", "mean", "std",
    "example",
)  # fmt: skip


@dataclass(frozen=True)
class Network:
    """Which network to run, with which weights, and where: what the options said."""

    model: str | None = None
    weights: Path | None = None
    allow_mismatch: bool = False
    weights_key: str | None = None
    model_args: dict[str, Any] | None = None
    no_pretrained: bool = False
    input_size: int | None = None
    crop: float | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    example: str | None = None
    attention_at: tuple[str, ...] = ()
    device: str = "auto"

    def words(self) -> list[str]:
        """Return the options as a command line has them."""
        found: list[str] = []
        for field in fields(self):
            value, name = getattr(self, field.name), "--" + field.name.replace("_", "-")
            if value == field.default:
                continue
            name = "--attention" if field.name == "attention_at" else name
            if value is True:
                found.append(name)
            elif field.name == "attention_at":
                found += [word for one in value for word in (name, one)]
            elif isinstance(value, dict):
                found += [name, json.dumps(value)]
            elif isinstance(value, tuple):
                found += [name, ",".join(map(str, value))]
            else:
                found += [name, str(value)]
        return found

    def arguments(self) -> dict[str, Any]:
        """Return what `skviz.load_model` needs besides the name, where it is not the usual."""
        given = {name: getattr(self, name) for name in _ARGUMENTS}
        known = {n: value for n, value in given.items() if value is not None and value is not False}
        if self.no_pretrained:
            known["pretrained"] = False
        return {name: str(v) if isinstance(v, Path) else v for name, v in known.items()}

    def load(self) -> nn.Module:
        """Build the network and put it on its device; see `skviz.load_model`."""
        from skviz.hardware.devices import choose_device

        place = choose_device(self.device)
        return self.build().to(place)

    def build(self) -> nn.Module:
        """Build the network, on the CPU; say what is to be known of its weights."""
        from skviz.models import DEFAULT_MODEL, load_model, model_info

        network = load_model(self.model or DEFAULT_MODEL, **self.arguments())
        for note in model_info(network).notes:
            Echo().warn(note)
        return network


model_args = click.option(
    "--model-args",
    type=options.Text("json", _json_object),
    metavar="JSON",
    help="Arguments of timm's or your own factory: '{\"num_classes\": 10}'.",
)
no_pretrained = click.option(
    "--no-pretrained", is_flag=True, help="Random weights instead of the pretrained ones."
)
attention_at = click.option(
    "--attention",
    "attention_at",
    metavar="PATTERN:AXIS",
    multiple=True,
    help="Where the attention is: module paths, and the branch axis of what they return; "
    "'layer*.*.attn:1'. May be repeated.  [default: found automatically]",
)
input_size = options.count_option(
    "--input-size", "PIXELS", "Side of the network's square input.  [default: the network's own]"
)
crop = click.option(
    "--crop",
    type=float,
    metavar="SHARE",
    help="Share of the shorter side that 1.0x shows.  [default: the network's own]",
)


def _colours(name: str, what: str) -> options.Decorator:
    kind = options.numbers(3, "three comma-separated numbers")
    words = f"Normalisation: {what}.  [default: the network's own]"
    return click.option(name, type=kind, metavar="R,G,B", help=words)


example = click.option(
    "--example",
    metavar="SHAPE[,SHAPE]",
    help="Shapes of the inputs, batch first, for a network that needs certain shapes or several "
    "inputs: '1x3x64x64,1x10'. Images replace the first input with 3 channels and take its size; "
    "the others are random numbers.  [default: found by trial]",
)

_OPTIONS = (
    options.weights, options.weights_key, options.allow_mismatch, model_args, no_pretrained,
    input_size, crop, _colours("--mean", "mean of the colours in [0, 1]"),
    _colours("--std", "standard deviation of the colours"), example, attention_at,
)  # fmt: skip
network = options.gathered("network", Network, options.model, *_OPTIONS, options.device)
named_network = options.gathered("network", Network, *_OPTIONS)
