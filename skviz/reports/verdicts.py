"""The page of verdicts: what may be said of each unit, from a suite of controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skviz.files import check_output, output_folder, write_json, write_text
from skviz.frames import csv_text
from skviz.inference.judging import JudgeOptions
from skviz.inference.verdicts import BLUR, OBJECTS, Estimate, Verdict, interval, p_value
from skviz.numbers import number, percent, signed
from skviz.reports.document import FigurePart, figure_part
from skviz.reports.markdown import escaped, text_table
from skviz.runs.measurements import RunMeasurements
from skviz.scales import scale_label

if TYPE_CHECKING:
    import pandas as pd

    from skviz.figures.provenance import Provenance
    from skviz.studies.controls.suite import ControlSuite

FORMAT = "skviz verdicts"
NAMES = ("verdicts.md", "verdicts.json", "verdicts.csv", "verdicts.png", "verdicts.pdf")
INTRODUCTION = """\
Each unit's shift is the change of its attention difference (largest minus smallest kernel) from \
1.0x to {scale}, paired over images, with {confidence:g} % bootstrap intervals over {drawn}. \
Enlarging does three things at once: the object grows, resolution is lost, and context is lost. \
Each control isolates one of the last two; what remains of the shift without them is what a \
larger object may account for, if the effects add up. Random networks show how far a network \
shifts that has learned nothing.

"Larger objects get the larger kernel" requires that the shift and what remains of it without \
blur, without context and without both are above zero, that the shift exceeds that of random \
networks (p at most {alpha:g} after Holm's correction over units, also for random networks whose \
attention would vary as much over images), and that it has the same direction from every scale to \
the next. It is a statement about these images and this network. Every other verdict says what \
the shift is consistent with, which is not proof."""


def write_verdicts(
    suite: ControlSuite,
    folder: Path,
    overwrite: bool = False,
    options: JudgeOptions | None = None,
    style: str = "default",
    command: str | None = None,
) -> list[Path]:
    """Write verdicts.md, .json, .csv, .png and .pdf into a folder; return their paths.

    The figures hold their caption and the `command` that is said to have made them.
    Nothing is written unless all of them may be. Raises `OutputError`, and what `evidence_of`
    and `judge` raise.
    """
    from skviz.figures.provenance import Provenance

    output_folder(folder)
    files = [folder / name for name in NAMES]
    for file in files:
        check_output(file, overwrite)
    options = options or JudgeOptions()
    verdicts = suite.verdicts(options)
    document = to_document(suite, verdicts, options)
    text, data, table, png, pdf = files
    figure = verdict_figure(verdicts, Provenance.of_run(suite.plain))
    figure.save((png, pdf), style, command, overwrite)
    write_text(table, csv_text(to_frame(verdicts)), overwrite=overwrite)
    write_text(text, markdown(document, verdicts), overwrite=overwrite)
    write_json(data, document, overwrite=overwrite)
    return files


def verdict_figure(verdicts: Sequence[Verdict], about: Provenance) -> FigurePart:
    """Return the figure of verdicts, a row per unit."""
    from skviz.figures.studies.verdicts import VerdictRows

    rows = VerdictRows.from_verdicts(verdicts)
    return figure_part("verdicts", rows, about, lambda: to_frame(verdicts))


def to_document(
    suite: ControlSuite, verdicts: Sequence[Verdict], options: JudgeOptions
) -> dict[str, Any]:
    """Return the page as one JSON document."""
    settings = suite.plain.settings
    costs = {name: None if math.isnan(cost) else cost for name, cost in suite.costs.items()}
    labels = RunMeasurements(suite.plain).labels
    return {
        "format": FORMAT,
        "version": 1,
        "model": {
            key: settings["model"].get(key) for key in ("name", "weights", "trained", "notes")
        },
        "dataset": {key: settings["dataset"].get(key) for key in ("kind", "root", "images")},
        "scales": list(suite.plain.scales),
        "options": asdict(options),
        "drawn": "classes" if _classes(labels) else "images",
        "random_networks": len(suite.random),
        "unfinished": list(suite.missing),
        "costs": costs,
        "claims": [verdict.to_dict() for verdict in verdicts],
    }


def to_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """Return one row per unit: the verdict, and every number as columns.

    A mean with its interval has the columns NAME, NAME_low and NAME_high.
    """
    import pandas as pd

    rows = []
    for verdict in verdicts:
        row: dict[str, Any] = {
            "unit": verdict.unit,
            "verdict": verdict.title,
            "paired_test": verdict.paired,
            "scale": verdict.scale,
            "images": verdict.images,
            "steady": verdict.steady,
            **_columns("shift", verdict.total),
        }
        left = {f"shift - {name.replace(' + ', ' - ')}": p for name, p in verdict.left.items()}
        for name, part in (*verdict.shifts.items(), *left.items(), *verdict.others.items()):
            row |= _columns(name, part)
        if verdict.high_resolution is not None:
            row |= _columns("high resolution", verdict.high_resolution)
        for kind, spot in (("null", verdict.raw), ("matched null", verdict.matched)):
            if spot is not None:
                row |= {f"{kind} {key}": value for key, value in asdict(spot).items()}
        rows.append({**row, "paired_p": verdict.paired_p, "missing": ", ".join(verdict.missing)})
    return pd.DataFrame(rows)


def markdown(document: Mapping[str, Any], verdicts: Sequence[Verdict]) -> str:
    """Return the page for a reader."""
    model, data, options = document["model"], document["dataset"], document["options"]
    about = (
        f"{model['name']}, weights: {model['weights']}; {data['images']} images of"
        f" {data['root'] or data['kind']}; {document['random_networks']} random networks."
    )
    words = INTRODUCTION.format(
        scale=scale_label(verdicts[0].scale),
        confidence=100 * options["confidence"],
        drawn=document["drawn"],
        alpha=options["alpha"],
    )
    parts = ["# Verdicts", escaped(about), words, "![Verdicts](verdicts.png)"]
    if verdicts[0].missing:
        parts.append(f"**Not made: {', '.join(verdicts[0].missing)}.** The verdict needs them.")
    if document["unfinished"]:
        parts.append(f"Unfinished and left out: {', '.join(document['unfinished'])}.")
    parts += ["## Units", _summary(verdicts), "## What survives which control", _left(verdicts)]
    parts += _more(verdicts)
    parts += ["## In words", *(f"**{escaped(c.unit)}: {c.title}.** {c.sentence}" for c in verdicts)]
    parts += ["## What the controls cost", _costs(document["costs"])]
    return "\n\n".join(parts) + "\n"


def controls_of(verdict: Verdict) -> list[str]:
    """Return the controls, alone and together, without which something is left of the shift."""
    made = [name for name in (BLUR, *OBJECTS) if name in verdict.left]
    return made + [name for name in verdict.left if " + " in name]


def _summary(verdicts: Sequence[Verdict]) -> str:
    heads = ["unit", "verdict", "shift", "p, random networks", "paired test alone"]
    rows = []
    for v in verdicts:
        alone = f"{v.paired} (p {p_value(v.paired_p)})"
        rows.append([v.unit, v.title, interval(v.total), p_value(v.null_p), alone])
    return text_table(heads, rows)


def _left(verdicts: Sequence[Verdict]) -> str:
    names, minus = controls_of(verdicts[0]), " \N{MINUS SIGN} "
    heads = [f"shift{minus}{name.replace(' + ', minus)}" for name in names]
    rows = []
    for verdict in verdicts:
        cells = [interval(verdict.left[name]) for name in names]
        rows.append([verdict.unit, *cells, percent(verdict.survives, 0)])
    note = (
        "*survives*: the smallest of these as a share of the whole shift, where that is clearly not"
        " zero; below 0 % or above 100 %, a control gives more than the whole shift or opposes it."
    )
    return f"{text_table(['unit', *heads, 'survives'], rows)}\n\n{note}"


def _more(verdicts: Sequence[Verdict]) -> list[str]:
    """Return the tables of what no verdict needs: other controls, and parts of the network."""
    parts = []
    shown = (BLUR, *OBJECTS)
    names = [name for name in verdicts[0].shifts if name not in shown]
    heads = ["unit", *names]
    rows = [[v.unit, *(interval(v.shifts[name]) for name in names)] for v in verdicts]
    if verdicts[0].high_resolution is not None:
        heads.append(f"{verdicts[0].sharp_images} images without interpolation")
        for row, verdict in zip(rows, verdicts, strict=True):
            row += [interval(part) for part in [verdict.high_resolution] if part is not None]
    if len(heads) > 1:
        note = (
            "Zooming out: from the smallest scale to 1.0x. Others: from 1.0x to the largest scale."
        )
        parts += ["## Other controls", note, text_table(heads, rows)]
    if verdicts[0].others:
        heads = ["unit", *verdicts[0].others]
        rows = [[c.unit, *(signed(part.mean) for part in c.others.values())] for c in verdicts]
        note = "The whole shift after some weights were randomised; see the names of the controls."
        parts += ["## Partly random networks", note, text_table(heads, rows)]
    return parts


def _costs(costs: Mapping[str, float | None]) -> str:
    rows = [[name, number(cost, 2)] for name, cost in costs.items()]
    return text_table(["run", "time as a multiple of the plain run's"], rows)


def _columns(name: str, part: Estimate) -> dict[str, float]:
    return {name: part.mean, f"{name}_low": part.low, f"{name}_high": part.high}


def _classes(labels: Any) -> bool:
    return labels is not None and (labels >= 0).all() and len(np.unique(labels)) >= 5
