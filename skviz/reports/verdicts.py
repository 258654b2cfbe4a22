"""The page of verdicts: what may be said of each unit, from a suite of controls."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skviz.analysis.claim import BLUR, OBJECTS, Claim, Part, claim_to_dict
from skviz.analysis.claim_words import interval, number, p_value, percent, sentence, title
from skviz.analysis.claims import ClaimOptions, Evidence, weigh
from skviz.analysis.measurements import RunMeasurements
from skviz.errors import UsageError
from skviz.files import check_output, output_folder, write_json, write_text
from skviz.scaling import scale_label

if TYPE_CHECKING:
    import pandas as pd

    from skviz.analysis.controls.suite import Suite
    from skviz.analysis.records import Run

FORMAT = "skviz verdicts"
NAMES = ("verdicts.md", "verdicts.json", "verdicts.csv", "verdicts.png", "verdicts.pdf")
INTRODUCTION = """\
Each unit's shift is the change of its attention difference (largest minus smallest kernel) from \
1.0x to {scale}, paired over images, with {confidence:g} % bootstrap intervals over {drawn}. \
Enlarging does three things at once: the object grows, resolution is lost, and context is lost. \
The controls do one of the last two alone; what is left of the shift without them is what a \
larger object may account for, if the effects add up. Random networks say how far a network \
shifts that has learned nothing.

"Larger objects get the larger kernel" is said only where the shift, what is left without blur, \
without context and without both are above zero, the shift is beyond that of random networks \
(p at most {alpha:g} after Holm's correction over units, also for random networks whose attention \
would vary as much over images), and it goes the same way from every scale to the next. It is a \
statement about these images and this network. Every other verdict says what the shift is \
consistent with; that is no proof of it."""


def evidence_of(suite: Suite) -> Evidence:
    """Return the measurements of a suite's finished runs.

    Raises `UsageError` where the plain run is not finished, or the runs are not of one data
    set and one network.
    """
    plain = suite.plain
    _check_same(suite, plain)
    views: dict[str, RunMeasurements] = {}
    others: dict[str, RunMeasurements] = {}
    for name in suite.names:
        control = suite.control(name)
        if control is None or control.kind == "random":
            continue
        (others if control.on_network else views)[name] = RunMeasurements(suite.run(name))
    random = [RunMeasurements(run) for run in suite.random]
    return Evidence(RunMeasurements(plain), views, random, others, _sharp(plain))


def write_verdicts(
    suite: Suite,
    folder: Path,
    overwrite: bool = False,
    options: ClaimOptions | None = None,
    style: str = "default",
    command: str | None = None,
) -> list[Path]:
    """Write verdicts.md, .json, .csv, .png and .pdf into a folder; return their paths.

    The figures hold their caption and the `command` that is said to have made them.
    Nothing is written unless all of them may be. Raises `OutputError`, and what `evidence_of`
    and `weigh` raise.
    """
    from skviz.figures.captions import About, caption_of
    from skviz.figures.footer import with_note
    from skviz.figures.metadata import figure_metadata
    from skviz.figures.save import save_figure
    from skviz.figures.style import figure_style
    from skviz.figures.verdicts import VerdictRows

    output_folder(folder)
    files = [folder / name for name in NAMES]
    for file in files:
        check_output(file, overwrite)
    options = options or ClaimOptions()
    claims = weigh(evidence_of(suite), options)
    document = to_document(suite, claims, options)
    text, data, table, png, pdf = files
    rows = VerdictRows.from_claims(claims)
    caption = caption_of(rows, About.of_run(suite.plain))
    metadata = figure_metadata(caption, command)
    with figure_style(style):
        figure = with_note(rows.plot, caption)
        for file in (png, pdf):
            save_figure(figure, file, metadata, overwrite=overwrite)
    write_text(table, to_frame(claims).to_csv(index=False), overwrite=overwrite)
    write_text(text, markdown(document, claims), overwrite=overwrite)
    write_json(data, document, overwrite=overwrite)
    return files


def to_document(suite: Suite, claims: Sequence[Claim], options: ClaimOptions) -> dict[str, Any]:
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
        "claims": [claim_to_dict(claim) for claim in claims],
    }


def to_frame(claims: Sequence[Claim]) -> pd.DataFrame:
    """Return one row per unit: the verdict, and every number as columns.

    A mean with its interval has the columns NAME, NAME_low and NAME_high.
    """
    import pandas as pd

    rows = []
    for claim in claims:
        row: dict[str, Any] = {
            "unit": claim.unit,
            "verdict": title(claim),
            "paired_test": claim.paired,
            "scale": claim.scale,
            "images": claim.images,
            "steady": claim.steady,
            **_columns("shift", claim.total),
        }
        for name, part in claim.shifts.items():
            row |= _columns(name, part)
        for name, part in claim.left.items():
            row |= _columns(f"shift - {name.replace(' + ', ' - ')}", part)
        for name, part in claim.others.items():
            row |= _columns(name, part)
        if claim.high_resolution is not None:
            row |= _columns("high resolution", claim.high_resolution)
        for kind, spot in (("null", claim.raw), ("matched null", claim.matched)):
            if spot is not None:
                row |= {f"{kind} {key}": value for key, value in asdict(spot).items()}
        rows.append({**row, "paired_p": claim.paired_p, "missing": ", ".join(claim.missing)})
    return pd.DataFrame(rows)


def markdown(document: Mapping[str, Any], claims: Sequence[Claim]) -> str:
    """Return the page for a reader."""
    model, data, options = document["model"], document["dataset"], document["options"]
    about = (
        f"{model['name']}, weights: {model['weights']}; {data['images']} images of"
        f" {data['root'] or data['kind']}; {document['random_networks']} random networks."
    )
    words = INTRODUCTION.format(
        scale=scale_label(claims[0].scale),
        confidence=100 * options["confidence"],
        drawn=document["drawn"],
        alpha=options["alpha"],
    )
    parts = ["# Verdicts", _plain(about), words, "![Verdicts](verdicts.png)"]
    if claims[0].missing:
        parts.append(f"**Not made: {', '.join(claims[0].missing)}.** The verdict needs them.")
    if document["unfinished"]:
        parts.append(f"Not finished, and left out: {', '.join(document['unfinished'])}.")
    parts += ["## Units", _summary(claims), "## What survives which control", _left(claims)]
    parts += _more(claims)
    parts += ["## In words", *(f"**{_plain(c.unit)}: {title(c)}.** {sentence(c)}" for c in claims)]
    parts += ["## What the controls cost", _costs(document["costs"])]
    return "\n\n".join(parts) + "\n"


def _summary(claims: Sequence[Claim]) -> str:
    rows = [["unit", "verdict", "shift", "p, random networks", "paired test alone"]]
    for claim in claims:
        places = [spot.p_holm for spot in (claim.raw, claim.matched) if spot is not None]
        largest = max((p for p in places if p is not None), default=None)
        alone = f"{claim.paired} (p {p_value(claim.paired_p)})"
        rows.append([claim.unit, title(claim), interval(claim.total), p_value(largest), alone])
    return _table(rows)


def _left(claims: Sequence[Claim]) -> str:
    names = [name for name in (BLUR, *OBJECTS) if name in claims[0].shifts]
    names += [name for name in claims[0].left if " + " in name]
    minus = " \N{MINUS SIGN} "
    heads = [f"shift{minus}{name.replace(' + ', minus)}" for name in names]
    rows = [["unit", *heads, "survives"]]
    for claim in claims:
        cells = [interval(claim.left[name]) for name in names]
        rows.append([claim.unit, *cells, percent(claim.survives)])
    note = (
        "*survives*: the smallest of these by the whole shift, where that is clearly not zero;"
        " below 0 % or above 100 % a control gives more than the whole shift, or works against it."
    )
    return f"{_table(rows)}\n\n{note}"


def _more(claims: Sequence[Claim]) -> list[str]:
    """Return the tables of what no verdict needs: other controls, and parts of the network."""
    parts = []
    shown = (BLUR, *OBJECTS)
    names = [name for name in claims[0].shifts if name not in shown]
    sharp = claims[0].high_resolution is not None
    if names or sharp:
        count = claims[0].sharp_images
        head = ["unit", *names, *([f"{count} images without interpolation"] if sharp else [])]
        rows = [head]
        for claim in claims:
            more = [interval(claim.high_resolution)] if claim.high_resolution is not None else []
            rows.append([claim.unit, *(interval(claim.shifts[name]) for name in names), *more])
        note = "Zooming out goes from the smallest scale to 1.0x, all others as the whole shift."
        parts += ["## Other controls", note, _table(rows)]
    if claims[0].others:
        rows = [["unit", *claims[0].others]]
        rows += [[c.unit, *(number(part.mean) for part in c.others.values())] for c in claims]
        note = "The whole shift after some weights were drawn anew; see the controls' names."
        parts += ["## Networks that are random in part", note, _table(rows)]
    return parts


def _costs(costs: Mapping[str, float | None]) -> str:
    rows = [["run", "time as a multiple of the plain run's"]]
    rows += [[name, "-" if cost is None else f"{cost:.2f}"] for name, cost in costs.items()]
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = ([_plain(cell) for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is: names come from anywhere."""
    # An underscore within a word is no mark.
    text = re.sub(r"([\\`*{}\[\]<>|]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z]))", r"\\\1", text)
    return " ".join(text.split())


def _columns(name: str, part: Part) -> dict[str, float]:
    return {name: part.mean, f"{name}_low": part.low, f"{name}_high": part.high}


def _classes(labels: Any) -> bool:
    return labels is not None and (labels >= 0).all() and len(np.unique(labels)) >= 5


def _sharp(plain: Run) -> Any:
    """Return which images need no interpolation at the largest scale; None where unknown."""
    try:
        crop = plain.table(["crop"])["crop"].to_numpy()
    except UsageError:  # a run of an earlier version
        return None
    units, scales = len(plain.units), plain.scales
    sides = crop.reshape(-1, len(scales), units)[:, int(np.argmax(scales)), 0]
    return sides >= plain.settings["spec"]["size"]


def _check_same(suite: Suite, plain: Run) -> None:
    own = plain.settings
    for name in suite.names:
        other = suite.run(name).settings
        if other["dataset"]["digest"] != own["dataset"]["digest"]:
            raise UsageError(
                f"expected runs of one data set in '{suite.path}', '{name}' is of another one;"
                " make the controls again"
            )
