"""How a data set is analyzed: options that the commands which run networks share."""

from __future__ import annotations

import click

from .. import options
from . import candidates


def _auto(name: str, least: int, help: str) -> options.Decorator:
    """Return an option that takes a whole number of at least `least`, or "auto", which is None."""

    def read(text: str) -> int | None:
        if text == "auto":
            return None
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"expected a whole number or auto, got '{text}'.") from None
        if number < least:
            raise ValueError(f"expected at least {least}, got {number}.")
        return number

    kind = options.Text("number", read)
    return click.option(name, type=kind, metavar="N", default="auto", show_default=True, help=help)


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
    options.word_option(
        "--resample",
        candidates.RESAMPLE,
        "bicubic",
        "Filter: nearest, box, bilinear, hamming, bicubic or lanczos.",
    ),
    options.word_option(
        "--fill",
        candidates.FILL,
        "mean",
        "Fill outside the image: mean, black, white, edge or reflect.",
    ),
)
kept = options.together(
    options.list_option(
        "--channels",
        "Units whose whole attention vectors are kept (float16).",
        shell_complete=candidates.units,
        default=(),
    ),
    click.option(
        "--class-channels", is_flag=True, help="Keep moments of every channel for every class."
    ),
)
running = options.together(
    _auto("--batch-size", 1, "Views per batch, over images and scales."),
    options.word_option(
        "--precision",
        candidates.PRECISION,
        "fp32",
        "Arithmetic of the network: fp32, bf16 or fp16.",
    ),
    _auto("--workers", 0, "Processes that read images; 0 reads in the main one."),
    _auto("--shard-size", 1, "Images per shard: the most that a killed process loses."),
)
computing = options.together(
    options.word_option(
        "--engine",
        candidates.ENGINE,
        "auto",
        "Engine: eager (the network as it is), tuned (batch normalisation folded, the faster "
        "memory format), compile (torch.compile), openvino, or auto (the one that finishes first). "
        "The attention changes only by rounding, which the run records.",
    ),
    click.option("--tune/--no-tune", default=None, help="The same as --engine tuned or eager."),
    click.option("--compile", "compiled", is_flag=True, help="The same as --engine compile."),
    click.option(
        "--predictions/--no-predictions",
        default=True,
        show_default=True,
        help="Record the predicted class. Without it the network runs only as far as the deepest "
        "requested unit.",
    ),
)


def run_options(*groups: options.Decorator) -> options.Decorator:
    """Add groups of the options above; the command gets them as one `how`."""
    return options.gathered("how", "skviz.runs.options:Options", *groups)
