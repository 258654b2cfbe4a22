"""Texts of the explorer: terms, what the weights are known to do, the paper's values."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skviz.models import ModelInfo

TERMS = {
    "attention": "In a selective-kernel unit every channel has one weight per kernel. The weights "
    "of a channel sum to 1. The lines show the weight of the largest kernel, channel by channel.",
    "attention difference": "The weight of the largest kernel minus that of the smallest, averaged "
    "over the channels of a unit. Above zero the unit prefers the large kernel (section 4.4 of the "
    "paper).",
    "scale": "The factor by which the object is enlarged. At 1.0x the network sees its usual crop; "
    "at 2.0x it sees the middle half of it, resized to the same input.",
    "unit": "SK_3_4 is the fourth selective-kernel unit of stage 3. Each unit has its own weights.",
    "kernel": "3x3 is the usual convolution. 5x5 is a 3x3 convolution with dilation 2, which "
    "covers 5x5 pixels of its input.",
    "blurred by the same factor": "The 1.0x view, reduced by the scale and resized back: detail is "
    "lost as in enlarging, but nothing is larger. A shift that appears here too is due to blur, "
    "not size.",
    "surround": "What the enlarged view shows, at its size in the 1.0x view, on a blank or blurred "
    "ground: context is lost as in enlarging, but nothing is larger.",
    "untrained network": "The same architecture with random weights. A shift that appears here too "
    "was not learned.",
}


def known_of(model: ModelInfo) -> str:
    """Return one line on the weights: what they are, and what was measured of them."""
    if not model.trained:
        return "Untrained: random weights. Nothing here was learned."
    card = json.loads(
        files("skviz.assets").joinpath("sknet50_lite.card.json").read_text(encoding="utf-8")
    )
    if model.sha256 is not None and model.sha256 == card["weights"].get("sha256"):
        return " ".join(card["summary"][:1])
    return "Whether its attention follows the object's size is unknown; `skviz controls` tests it."


def published() -> dict[str, Any]:
    """Return the paper's figure 3 (c), right: the attention difference by unit and scale."""
    path = files("skviz.assets").joinpath("published/figure3.json")
    figure = json.loads(path.read_text(encoding="utf-8"))
    right = figure["right"]
    curves = right["c_all_validation_images"]
    scales = [float(label.removesuffix("x")) for label in curves]
    return {
        "source": figure["source"],
        "scales": scales,
        "units": [
            {"name": f"SK_{unit}", "values": [values[index] for values in curves.values()]}
            for index, unit in enumerate(right["units"])
        ],
    }
