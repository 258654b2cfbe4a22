"""The tables of a data set's interventions: for the terminal, as CSV, JSON and Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.figures.wording import upper_first
from skviz.files import write_json, write_text
from skviz.frames import csv_text
from skviz.numbers import interval, known, signed
from skviz.reports.markdown import escaped, markdown_table
from skviz.reports.tables import Column, Table
from skviz.scales import scale_label
from skviz.studies.interventions.kinds import KINDS
from skviz.studies.interventions.result import ALL, QUANTITIES

if TYPE_CHECKING:
    import pandas as pd

    from skviz.studies.interventions.result import InterventionRun

_three = partial(signed, digits=3)
STAR = "* the 95 % interval excludes zero"


def unit_table(frame: pd.DataFrame, scale: float) -> Table:
    """Return the change of the probability at a scale: a row per unit, a column per kind."""
    part = frame[frame["scale"] == scale]
    kinds = list(dict.fromkeys(part["kind"]))
    found = {
        (row["unit"], row["kind"]): _estimate(row, "probability_change")
        for _, row in part.iterrows()
    }
    units = dict.fromkeys(part["unit"])
    rows = [[str(unit), *(found.get((unit, kind)) for kind in kinds)] for unit in units]
    return Table((Column("unit"), *(Column(kind, _starred) for kind in kinds)), rows)


def target_table(frame: pd.DataFrame, target: str, scale: float) -> Table:
    """Return everything about one target at a scale: a row per kind."""
    columns = (
        Column("kind"),
        Column("logit", _three),
        Column("interval", _ends),
        Column("probability", "signed"),
        Column("interval", _ends),
        Column("top-1 before", "share"),
        Column("top-1 after", "share"),
        Column("divergence", "plain"),
    )
    part = frame[(frame["scale"] == scale) & (frame["unit"] == target)]
    rows = []
    for _, row in part.iterrows():
        logit, *logit_ends = _estimate(row, "logit_change")
        chance, *chance_ends = _estimate(row, "probability_change")
        shares = (row["top1_before"], row["top1_after"])
        rows.append(
            [row["kind"], logit, logit_ends, chance, chance_ends, *shares, row["divergence"]]
        )
    return Table(columns, rows)


def about(run: InterventionRun, frame: pd.DataFrame) -> list[str]:
    """Return sentences: what was run, and what the table means."""
    settings = run.baseline.settings
    truth = (
        "the true class is the label"
        if run.labelled
        else "not all images have labels: the class predicted by the unchanged network counts as"
        " the true class"
    )
    images = int(frame["images"].max())
    rows = [f"{target}: {group_label(run, target)}" for target in run.together]
    return [
        f"{settings['model']['name']}, weights: {settings['model']['weights']}; {images} images, "
        f"{len(run.errors)} unreadable; {truth}",
        f"{len(run.targets)} targets x {len(run.kinds)} kinds: {passes(run)} "
        "passes over every view, each from the first replaced unit on",
        *rows,
    ]


def group_label(run: InterventionRun, target: str) -> str:
    """Return a target in words: "all 16 units", "the 4 chosen units", or the unit's name."""
    count = len(run.together.get(target, ()))
    if not count:
        return target
    return f"all {count} units together" if target == ALL else f"the {count} chosen units together"


def groups(run: InterventionRun) -> tuple[str, ...]:
    """Return the targets that are shown in full: those of several units, or the only unit."""
    return tuple(run.together) or run.targets


def passes(run: InterventionRun) -> int:
    """Return how often the network runs on every view, the unchanged passes included."""
    return 2 + len(run.targets) * len(run.kinds)


def write_results(run: InterventionRun, frame: pd.DataFrame) -> list[Path]:
    """Write interventions.csv, .json and .md into the folder of a complete run.

    They follow from its records, and replace what an earlier call wrote. Raises `OutputError`.
    """
    files = [run.path / f"interventions.{kind}" for kind in ("csv", "json", "md")]
    write_text(files[0], csv_text(frame), overwrite=True)
    write_json(files[1], to_dict(run, frame), overwrite=True)
    write_text(files[2], _markdown(run, frame), overwrite=True)
    return files


def to_dict(run: InterventionRun, frame: pd.DataFrame) -> dict[str, Any]:
    """Return the table and what it is about as JSON can hold it; None for what is not known."""
    rows = [
        {key: None if _missing(value) else value for key, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]
    settings = run.baseline.settings
    return {
        "interventions": str(run.path.name),
        "model": {
            **{key: settings["model"][key] for key in ("name", "weights", "sha256")},
            "notes": list(settings["model"].get("notes") or ()),
        },
        "truth": "label" if run.labelled else "predicted",
        "images": int(frame["images"].max()),
        "unreadable": len(run.errors),
        "scales": list(run.scales),
        "reference": run.scales[run.reference],
        "seed": run.settings["seed"],
        "passes": passes(run),
        "together": {target: list(names) for target, names in run.together.items()},
        "rows": rows,
    }


def _markdown(run: InterventionRun, frame: pd.DataFrame) -> str:
    parts = ["# Interventions", "", *(f"{sentence}." for sentence in about(run, frame)), ""]
    parts += [f"- {kind}: {what}" for kind, what in KINDS.items() if kind in run.settings["kinds"]]
    for scale in run.scales:
        parts += ["", f"## {scale_label(scale)}", "", f"Change of the probability; {STAR}.", ""]
        parts.append(markdown_table(unit_table(frame, scale), escaped).rstrip())
        for target in groups(run):
            parts += ["", f"{upper_first(group_label(run, target))}:", ""]
            parts.append(markdown_table(target_table(frame, target, scale), escaped).rstrip())
    parts += ["", f"Every number with its interval ({', '.join(QUANTITIES)}): interventions.csv."]
    return "\n".join(parts) + "\n"


def _ends(ends: Sequence[float]) -> str:
    low, high = ends
    return interval(low, high, _three)


def _starred(found: Sequence[float] | None) -> str:
    """Return a change, with a star where its interval leaves out zero."""
    if found is None:
        return ""
    change, low, high = found
    return f"{signed(change)}{'*' if known(low) and (low > 0 or high < 0) else ' '}"


def _estimate(row: Any, quantity: str) -> tuple[float, float, float]:
    return row[quantity], row[f"{quantity}_low"], row[f"{quantity}_high"]


def _missing(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
