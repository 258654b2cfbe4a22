"""Training checkpoints: everything that an interrupted run needs to go on exactly."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from skviz.errors import WeightsError, first_line
from skviz.files import write_bytes

FORMAT = "skviz training checkpoint 1"
# The files of a run, in its folder.
CHECKPOINT, METRICS, WEIGHTS = "checkpoint.pt", "metrics.json", "model.safetensors"


@dataclass
class Checkpoint:
    """The state after a number of whole epochs.

    `settings` says what is trained on what (network, recipe, classes, data); a run resumes
    only where they are the same. `history` has one entry of metrics per epoch.
    """

    epoch: int
    settings: dict[str, Any]
    model: dict[str, Any]
    averaged: dict[str, Any]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    history: list[dict[str, Any]]

    def save(self, path: Path) -> None:
        """Write the checkpoint whole, or leave the old one; raises `OutputError`."""
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, **vars(self)}, buffer)
        write_bytes(path, buffer.getvalue(), overwrite=True)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint; raises `WeightsError` for anything else. Executes nothing."""
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise WeightsError(
                f"expected a training checkpoint at {path}, could not read it: {first_line(error)}"
            ) from None
        if not isinstance(state, dict) or state.pop("format", None) != FORMAT:
            raise WeightsError(
                f"expected a checkpoint that 'skviz train' wrote, {path} is something else"
            )
        expected = {field.name for field in fields(cls)}
        if state.keys() != expected:
            differing = ", ".join(sorted(str(key) for key in state.keys() ^ expected))
            raise WeightsError(
                f"expected {path} to hold {', '.join(sorted(expected))}; missing or unknown: "
                f"{differing}"
            )
        return cls(**state)

    def check_settings(self, settings: dict[str, Any], path: Path) -> None:
        """Raise `WeightsError` naming every setting in which two runs differ."""
        there, here = _flat(self.settings), _flat(settings)
        differing = [
            f"{key}: {there.get(key)!r} there, {here.get(key)!r} now"
            for key in sorted(there.keys() | here.keys())
            if there.get(key) != here.get(key)
        ]
        if differing:
            short = (text if len(text) <= 160 else f"{text[:157]}..." for text in differing[:5])
            shown = "; ".join(short)
            raise WeightsError(
                f"{path} was written by a run with other settings ({shown}); resume with the "
                "same settings, or train into another folder"
            )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings under dotted names: "recipe.epochs"."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        inner = _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {}
        flat.update(inner or {f"{prefix}{key}": value})
    return flat
