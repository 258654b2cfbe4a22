"""The training recipe: every number that decides how a network is trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from skviz.errors import UsageError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Recipe:
    """The paper's ImageNet recipe (section 4.1) adapted to small data sets.

    Sizes are in pixels, `crop_area` is the range of the share of the picture's area that a
    random-resized crop keeps, `zoom_out` the probability that the picture is instead shrunk
    onto another photograph, whose side is up to `zoom_out_side` times the picture's. Together
    they set the range of object sizes that the network learns from. `attention_decay` is the
    weight decay of the attention's two layers: the usual one keeps their logits near zero,
    and the selection near uniform. `start_size` below
    `size` trains the first epochs on smaller pictures. `balance` is the power of the class
    size by which classes are evened out: 0 keeps the data's frequencies, 1 makes all
    classes equally frequent.
    """

    epochs: int = 60
    batch_size: int = 64
    size: int = 128
    start_size: int | None = None
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 3e-4
    attention_decay: float = 0.0
    warmup_epochs: float = 3.0
    label_smoothing: float = 0.1
    crop_area: tuple[float, float] = (0.08, 1.0)
    zoom_out: float = 0.3
    zoom_out_side: float = 2.5
    flip: float = 0.5
    colour: float = 0.3
    erase: float = 0.0
    mixup: float = 0.0
    balance: float = 0.5
    ema_decay: float = 0.998
    clip_norm: float = 5.0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.epochs >= 1, "epochs", "at least 1", self.epochs)
        _check(self.batch_size >= 2, "batch size", "at least 2", self.batch_size)
        _check(self.size >= 16, "size", "at least 16 pixels", self.size)
        start = self.start_size
        _check(start is None or 16 <= start <= self.size, "start size", "16 to the size", start)
        rate = self.learning_rate
        _check(math.isfinite(rate) and rate > 0, "learning rate", "above 0", rate)
        _check(0 <= self.momentum < 1, "momentum", "0 to below 1", self.momentum)
        _check(self.weight_decay >= 0, "weight decay", "0 or more", self.weight_decay)
        decay = self.attention_decay
        _check(decay >= 0, "attention weight decay", "0 or more", decay)
        _check(self.warmup_epochs >= 0, "warm-up epochs", "0 or more", self.warmup_epochs)
        _check(0 <= self.label_smoothing < 1, "label smoothing", "0 to 1", self.label_smoothing)
        low, high = self.crop_area
        _check(0 < low <= high <= 1, "crop area", "two shares, 0 < low <= high <= 1", (low, high))
        _check(self.zoom_out_side >= 1, "zoom-out side", "1 or more", self.zoom_out_side)
        for name in ("zoom_out", "flip", "erase", "balance"):
            value = getattr(self, name)
            _check(0 <= value <= 1, name.replace("_", "-"), "0 to 1", value)
        _check(0 <= self.colour < 1, "colour", "0 to below 1", self.colour)
        _check(self.mixup >= 0, "mixup", "0 or more", self.mixup)
        _check(0 <= self.ema_decay < 1, "EMA decay", "0 (off) to below 1", self.ema_decay)
        _check(self.clip_norm > 0, "clip norm", "above 0", self.clip_norm)
        choices = ", ".join(PRECISIONS)
        _check(self.precision in PRECISIONS, "precision", f"one of {choices}", self.precision)

    def size_at(self, epoch: int) -> int:
        """Side of the training pictures in an epoch, in pixels, a multiple of 16 until the last.

        The size grows evenly over the first three quarters of the run.
        """
        if self.start_size is None or self.start_size == self.size:
            return self.size
        share = min(1.0, epoch / max(1.0, 0.75 * self.epochs))
        grown = self.start_size + share * (self.size - self.start_size)
        return self.size if share >= 1.0 else min(self.size, 16 * round(grown / 16))

    def learning_rate_at(self, progress: float) -> float:
        """Learning rate after a number of epochs: linear warm-up, then a cosine down to 0."""
        if progress < self.warmup_epochs:
            return self.learning_rate * (0.01 + 0.99 * progress / self.warmup_epochs)
        span = max(self.epochs - self.warmup_epochs, 1e-9)
        share = min(1.0, (progress - self.warmup_epochs) / span)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values that JSON can hold."""
        fields = asdict(self)
        fields["crop_area"] = list(self.crop_area)
        return fields

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Recipe:
        """Rebuild a recipe from `to_dict`."""
        return cls(**{**fields, "crop_area": tuple(fields["crop_area"])})


def _check(holds: bool, what: str, expected: str, came: object) -> None:
    if not holds:
        raise UsageError(f"{what}: expected {expected}, got {came}")
