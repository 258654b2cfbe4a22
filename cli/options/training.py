"""The options of `skviz train` that make up the recipe, named like the recipe's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from . import NearChoice, numbers

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SHARES = numbers(2, "two numbers such as 0.12,1", "range")


# Field of the recipe: (type, default as help shows it, help). Numbers are checked by `Recipe`,
# and a test compares the defaults with it.
RECIPE_FIELDS: dict[str, tuple[Any, str, str]] = {
    "epochs": (int, "60", "Passes over the data."),
    "batch_size": (int, "64", "Images per step."),
    "size": (int, "128", "Side of the training pictures in pixels, at the end."),
    "start_size": (int, "--size", "Side of the training pictures at the start; grows evenly."),
    "learning_rate": (float, "0.1", "Learning rate after warm-up; decays to 0 by a cosine."),
    "momentum": (float, "0.9", "Momentum of SGD (Nesterov)."),
    "weight_decay": (float, "0.0003", "Weight decay, except for BN and biases."),
    "attention_decay": (float, "0.0", "Weight decay of the attention's two layers."),
    "warmup_epochs": (float, "3.0", "Warm-up epochs, in which the learning rate rises."),
    "label_smoothing": (float, "0.1", "Probability spread over all classes (label smoothing)."),
    "crop_area": (SHARES, "0.08,1.0", "Shares of the picture that random crops keep."),
    "zoom_out": (float, "0.3", "Probability to shrink the picture onto another photograph."),
    "zoom_out_side": (float, "2.5", "Largest side of that photograph, in sides of the picture."),
    "flip": (float, "0.5", "Probability to mirror the picture."),
    "colour": (float, "0.3", "Range of changes in brightness, contrast and saturation."),
    "erase": (float, "0.0", "Probability to erase a part of the picture."),
    "mixup": (float, "0.0", "Mixup's alpha; 0 blends no pictures."),
    "balance": (float, "0.5", "0 keeps the frequencies of classes, 1 makes them all equal."),
    "ema_decay": (float, "0.998", "Decay of the averaged weights per step; 0 averages nothing."),
    "clip_norm": (float, "5.0", "Largest norm of the gradients."),
    "precision": (NearChoice(PRECISIONS), "auto", "Arithmetic: auto is the fastest safe one."),
    "seed": (int, "0", "Random seed."),
}


def option_name(field: str) -> str:
    """Return the option that sets a field of the recipe: crop_area becomes --crop-area."""
    return "--" + field.replace("_", "-")


def recipe_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for every field of the recipe; None where it is not given."""
    for field, (kind, default, text) in reversed(RECIPE_FIELDS.items()):
        help_text = f"{text}  [default: {default}]"
        command = click.option(option_name(field), field, type=kind, help=help_text)(command)
    return command
