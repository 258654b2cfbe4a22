"""The recipe: its limits, its schedules, and that it survives being written down."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from skviz.errors import UsageError
from skviz.training import Recipe


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", 0, "epochs: expected at least 1, got 0"),
        ("batch_size", 1, "batch size: expected at least 2, got 1"),
        ("size", 8, "size: expected at least 16 pixels, got 8"),
        ("start_size", 256, "start size: expected 16 to the size, got 256"),
        ("learning_rate", 0.0, "learning rate: expected above 0, got 0.0"),
        ("learning_rate", math.nan, "learning rate: expected above 0, got nan"),
        ("momentum", 1.0, "momentum: expected 0 to below 1, got 1.0"),
        ("weight_decay", -1e-4, "weight decay: expected 0 or more, got -0.0001"),
        ("attention_decay", -1.0, "attention weight decay: expected 0 or more, got -1.0"),
        ("warmup_epochs", -1.0, "warm-up epochs: expected 0 or more, got -1.0"),
        ("label_smoothing", 1.0, "label smoothing: expected 0 to 1, got 1.0"),
        ("crop_area", (0.5, 0.1), r"crop area: expected two shares, 0 < low <= high <= 1, got \("),
        ("crop_area", (0.0, 1.0), "crop area: expected two shares"),
        ("zoom_out_side", 0.5, "zoom-out side: expected 1 or more, got 0.5"),
        ("zoom_out", 1.5, "zoom-out: expected 0 to 1, got 1.5"),
        ("flip", -0.1, "flip: expected 0 to 1, got -0.1"),
        ("erase", 2, "erase: expected 0 to 1, got 2"),
        ("balance", 2, "balance: expected 0 to 1, got 2"),
        ("colour", 1.0, "colour: expected 0 to below 1, got 1.0"),
        ("mixup", -1.0, "mixup: expected 0 or more, got -1.0"),
        ("ema_decay", 1.0, r"EMA decay: expected 0 \(off\) to below 1, got 1.0"),
        ("clip_norm", 0.0, "clip norm: expected above 0, got 0.0"),
        ("precision", "int8", "precision: expected one of auto, fp32, bf16, fp16, got int8"),
    ],
)
def test_what_cannot_be_is_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recipe(**{field: value})


def test_written_down_and_read_again() -> None:
    recipe = Recipe(epochs=7, crop_area=(0.2, 0.9), start_size=64)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(epochs=20, warmup_epochs=4, learning_rate=0.4)
    rates = [recipe.learning_rate_at(epoch / 2) for epoch in range(41)]
    assert rates[0] == pytest.approx(0.004)
    assert rates[8] == pytest.approx(0.4)
    assert rates[24] == pytest.approx(0.2)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    assert sorted(rates[:9]) == rates[:9]
    assert sorted(rates[8:], reverse=True) == rates[8:]


def test_size_grows_over_three_quarters_of_the_run() -> None:
    sizes = [Recipe(epochs=20, size=120, start_size=64).size_at(epoch) for epoch in range(20)]
    assert sizes[0] == 64
    assert set(sizes[15:]) == {120}
    assert sorted(sizes) == sizes
    assert all(size % 16 == 0 for size in sizes[:15] if size != 120)
    assert {Recipe(size=120).size_at(epoch) for epoch in range(20)} == {120}
