"""A suite of controls on disk without a network: made-up runs whose shifts are known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from skviz.studies.controls.control import Control, parse_control
from tests.helpers.synthetic import make_run, stage_units

SCALES = (1.0, 1.5, 2.0)
RANDOM = 0.004  # deviation of the random networks' shifts


def make_suite(
    folder: Path,
    shifts: Mapping[str, Sequence[float]],
    *,
    per_stage: Sequence[int] = (1, 1, 1, 1),
    seeds: int = 6,
    classes: int = 12,
    per_class: int = 4,
    channels: int = 16,
) -> Path:
    """Write "plain" and the named controls, each shifting its units so far, and random networks.

    Time was measured for all but the last random network.
    """
    random = np.random.default_rng(0)
    units = stage_units(per_stage, channels=channels)
    runs = {name: np.asarray(values) for name, values in shifts.items()}
    runs |= {f"random:{seed}": RANDOM * random.normal(size=len(units)) for seed in range(seeds)}
    labels = np.repeat(np.arange(classes), per_class)
    own = 0.05 * random.normal(size=(len(labels), 1, len(units)))
    entries = []
    for number, (text, values) in enumerate(runs.items()):
        control = None if text == "plain" else parse_control(text)
        name = "plain" if control is None else control.name
        scales = tuple(1 / s for s in SCALES) if text.startswith("zoom-out") else SCALES
        dose = np.abs(np.array(scales) - 1) / max(abs(s - 1) for s in scales)
        sign = -1 if text.startswith("zoom-out") else 1
        noise = 0.004 * np.random.default_rng(number + 1).normal(size=(len(labels), 3, len(units)))
        difference = own + sign * dose[:, None] * values + noise - noise.mean(axis=0)
        attention = np.stack([(1 - difference) / 2, (1 + difference) / 2], axis=-1)
        make_run(
            folder / name, units, scales, [f"class {k}" for k in range(classes)],
            attention=attention, labels=labels, shard_size=100,
        )  # fmt: skip
        entries.append(_entry(folder, name, control, known=number < len(runs) - 1))
    document = {"format": "skviz controls", "version": 1, "runs": entries}
    (folder / "controls.json").write_text(json.dumps(document))
    return folder


def _entry(folder: Path, name: str, control: Control | None, known: bool) -> dict[str, object]:
    file = folder / name / "run.json"
    settings = json.loads(file.read_text())
    settings["control"] = None if control is None else control.to_dict()
    file.write_text(json.dumps(settings))
    seconds = 2.0 if name == "plain" else 3.0
    return {
        "name": name, "control": settings["control"],
        "seconds": seconds if known else 0.0, "measured": 48 if known else 0,
    }  # fmt: skip
