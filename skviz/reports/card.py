"""The model card for a reader: Markdown from the numbers of `skviz.studies.card`.

Cards of format 1, which were made without controls, are told as they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from skviz.files import check_output, output_folder, write_json, write_text
from skviz.inference.verdicts import OBJECTS
from skviz.numbers import (
    count,
    counted,
    estimate,
    file_size,
    giga,
    interval,
    number,
    percent,
    signed,
    significant,
)
from skviz.reports.markdown import escaped, markdown_table, text_table
from skviz.reports.tables import Column, Table
from skviz.scales import scale_label
from skviz.studies.card_words import PAPER

SURROUND = OBJECTS[0]
_table = partial(text_table, escape=str)  # of texts that are Markdown already
NULL = (
    "The column of random networks gives the range of 95 % of their shifts, estimated from {seeds} "
    "networks of the same architecture with BN statistics re-estimated on the same photographs at "
    "1.0x, unchanged or scaled to this network's variation over the photographs."
)
RULE = (
    'A unit gets the verdict "larger objects get the larger kernel" only if its shift from 1.0x '
    "to the largest scale, and what remains of it without blur, without context and without both, "
    "are above zero (bootstrap intervals), the shift is beyond that of random networks (Holm's "
    "correction over units), and the mean rises from every scale to the next. Every other verdict "
    "names the first check that fails."
)
OLDER = "skviz model card 1"
OLDER_NULL = (
    "The column of untrained networks gives the smallest and largest mean change in {seeds} "
    "untrained networks of the same architecture, with BN statistics re-estimated on the same "
    "photographs at 1.0x."
)
OLDER_RULE = (
    "A unit counts as rising if the mean change from 1.0x to the largest scale is at least two "
    "standard errors (over class means) above zero, the mean rises from every scale to the next, "
    "more than half of the photographs and of the classes rise, and the change exceeds that of "
    "every untrained network."
)


def check_card(out: Path, model: str, overwrite: bool = False) -> list[Path]:
    """Return the two files of a card, its numbers and its text, where they may be written.

    That is checked before any work. Raises `OutputError`.
    """
    output_folder(out)
    return [check_output(out / f"{model}.card.{kind}", overwrite) for kind in ("json", "md")]


def write_card(card: dict[str, Any], out: Path, overwrite: bool = False) -> tuple[Path, Path]:
    """Write a card as JSON and as Markdown; return both paths. Raises `OutputError`."""
    numbers, text = check_card(out, card["model"], overwrite)
    write_json(numbers, card, overwrite=overwrite)
    write_text(text, markdown(card), overwrite=overwrite)
    return numbers, text


def markdown(card: dict[str, Any]) -> str:
    """Return a card as a Markdown document."""
    parts = [
        f"# Model card: {card['model']}",
        "`skviz report --card` made every number and sentence below from measurements, except the "
        f"credits{', what was tried' if card.get('tried') else ''} and notes.",
        *_about(card),
        *_data(card),
        *_training(card),
        *_accuracy(card),
        *_attention(card),
        *_surround(card.get("verdicts", ())),
        *_replaced(card.get("replaced")),
    ]
    if card.get("tried"):
        tried = card["tried"]
        table = Table.of([Column(head) for head in tried["columns"]], tried["rows"])
        parts += ["## What was tried", markdown_table(table, escaped).rstrip()]
    if card["notes"].strip():
        parts += ["## Notes", card["notes"].strip()]
    return "\n\n".join(parts) + "\n"


def _about(card: dict[str, Any]) -> list[str]:
    weights, speed, seen = card["weights"], card["speed"], card["input"]
    cores = speed["cores"]
    where = f"{cores} CPU core{'s' if cores > 1 else ''}" if cores else speed["device"]
    half = " (float16)" if card["description"].get("half") else ""
    rows = [
        ["parameters", count(card["parameters"])],
        ["multiply-adds, one image", giga(card["macs"])],
        ["input", f"{seen['size']} x {seen['size']} pixels, crop {seen['crop']:g}"],
        ["file", f"`{weights['file']}`, {file_size(weights['bytes'])}{half}"],
        ["SHA-256", f"`{weights['sha256']}`"],
        ["speed", f"{speed['images_per_second']:g} images/s in float32 on {where}"],
        ["classes", str(len(card["description"].get("classes", ())))],
    ]
    return ["## The network", _table(["", ""], rows)]


def _data(card: dict[str, Any]) -> list[str]:
    data = card["description"].get("data", {})
    credits = card["description"].get("credits", ())
    parts = ["## Data and credits"]
    if data.get("images"):
        name = f" (folder `{data['folder']}`)" if data.get("folder") else ""
        parts.append(f"Trained on {counted(data['images'], 'photograph')}{name}.")
    parts.append("\n".join(f"- {credit}" for credit in credits) or "No credits are recorded.")
    return parts


def _training(card: dict[str, Any]) -> list[str]:
    recipe = card["description"].get("recipe", {})
    if not recipe:
        return ["## Training", "The file does not describe its training."]
    rows = [[name.replace("_", " "), _value(value)] for name, value in recipe.items()]
    return [
        "## Training",
        "To repeat the training:",
        f"```\n{card['command']}\n```",
        _table(["recipe", "value"], rows),
    ]


def accuracy_table(card: dict[str, Any]) -> Table:
    """Return top-1 and top-5 per scale."""
    columns = (Column("scale"), Column("top-1", "share"), Column("top-5", "share"))
    found = card["accuracy"].items()
    return Table(columns, [[label, values["top1"], values["top5"]] for label, values in found])


def _accuracy(card: dict[str, Any]) -> list[str]:
    seen = card["photographs"]
    left_out = f" ({len(seen['unreadable'])} unreadable, left out)" if seen["unreadable"] else ""
    return [
        "## Accuracy",
        f"On the {seen['images']} photographs{left_out} of `{seen['folder']}`, {seen['classes']} "
        f"of the network's {len(card['description'].get('classes', ()))} classes, "
        "with the central object at several scales:",
        markdown_table(accuracy_table(card), str).rstrip(),
    ]


def _attention(card: dict[str, Any]) -> list[str]:
    labels = list(card["accuracy"])
    paper = {u: v for u, v in card["units"].items() if v[labels[0]]["published"] is not None}
    judged = _judged(card)
    told = "\n".join(f"- {sentence}" for sentence in card["summary"])
    if card.get("unfinished"):
        told += f"\n- Unfinished and left out: {', '.join(card['unfinished'])}."
    shown = [text for (unit, _), (_, text) in judged.items() if unit in paper]
    found = "\n".join(f"- {text}" for text in shown or [text for _, text in judged.values()])
    older = card["format"] == OLDER
    null, rule = (OLDER_NULL, OLDER_RULE) if older else (NULL, RULE)
    seeds = len(next(iter(card["units"].values()))[labels[-1]].get("untrained_change", ()))
    heads = ["unit", "scale", "change", *([] if older else ["95 % interval"])]
    heads += ["images", "classes", "untrained" if older else "random networks", "verdict"]
    return [
        "## Attention and object scale",
        "The analysis of the paper's section 4.4 on the "
        f"{card['photographs']['images']} photographs: attention difference (largest minus "
        "smallest kernel, mean over channels), mean and standard deviation over the photographs.",
        _table(["unit", *labels, *(f"paper {label}" for label in labels)], _published_rows(paper)),
        "The change from 1.0x, and the shares of photographs and of classes whose difference "
        "rises. " + null.format(seeds=seeds),
        _table(heads, _change_rows(card, judged)),
        "### Where the paper's pattern appears",
        told,
        rule,
        found,
    ]


def _judged(card: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return the verdict and its sentence by unit and scale."""
    if card["format"] == OLDER:
        return {(f["unit"], f["scale"]): (f["verdict"], f["sentence"]) for f in card["findings"]}
    return {
        (v["unit"], scale_label(v["scale"])): (v["title"], v["sentence"]) for v in card["verdicts"]
    }


def _published_rows(units: dict[str, Any]) -> list[list[str]]:
    rows = []
    for unit, scales in units.items():
        own = [_moments(v["mean"], v["deviation"]) for v in scales.values()]
        paper = [_moments(v["published"], v["published_deviation"]) for v in scales.values()]
        rows.append([unit, *own, *paper])
    return rows


def _change_rows(
    card: dict[str, Any], judged: dict[tuple[str, str], tuple[str, str]]
) -> list[list[str]]:
    rows = []
    for unit, scales in card["units"].items():
        for label, values in scales.items():
            if label == "1.0x" or "change" not in values:
                continue
            others = values.get("untrained_range") or values.get("untrained_change")
            ends = [interval(values["low"], values["high"])] if "low" in values else []
            rows.append([
                unit,
                label,
                signed(values["change"]),
                *ends,
                *(percent(values[f"{what}_rising"], 0) for what in ("images", "classes")),
                interval(min(others), max(others)) if others and None not in others else "",
                judged.get((unit, label), ("", ""))[0],
            ])  # fmt: skip
    return rows


def _surround(verdicts: Sequence[dict[str, Any]]) -> list[str]:
    """Return how far a blank surround alone moves the paper's units, or all of another network."""
    made = [verdict for verdict in verdicts if SURROUND in verdict["shifts"]]
    rows = []
    for verdict in [v for v in made if v["unit"] in PAPER] or made:
        blank, whole = verdict["shifts"][SURROUND], verdict["total"]
        means = [estimate(part["mean"], part["low"], part["high"]) for part in (blank, whole)]
        clear = whole["low"] is not None and whole["low"] * whole["high"] > 0
        times = significant(abs(blank["mean"] / whole["mean"]), 2) if clear else ""
        rows.append([verdict["unit"], *means, times])
    if not rows:
        return []
    scale = scale_label(made[0]["scale"])
    return [
        "### A blank surround compared with enlarging",
        f"How far the attention difference moves when everything outside the {scale} crop is blank "
        f"and the object keeps its size, and when the object is enlarged to {scale}. The last "
        "column is their ratio, where enlarging clearly moves the unit.",
        _table(["unit", "blank surround", f"enlarged to {scale}", "times"], rows),
    ]


def _replaced(replaced: dict[str, Any] | None) -> list[str]:
    if replaced is None:
        return []
    rows = []
    for row in replaced["rows"]:
        change = f"{_points(row['change'])} points"
        change += "" if row["low"] is None else f" ({interval(row['low'], row['high'], _points)})"
        shares = (percent(row["before"]), percent(row["after"]))
        rows.append([row["what"], row["scale"], *shares, change])
    return [
        "## Replaced attention in all units",
        f"Top-1 on {replaced['images']} photographs of `{replaced['folder']}`, with the attention "
        f"of {replaced['replaced']} replaced at once.",
        _table(["replaced by", "scale", "top-1 before", "after", "change"], rows),
    ]


def _moments(mean: float | None, deviation: float | None) -> str:
    return "" if mean is None else f"{signed(mean)} ± {number(deviation)}"


def _points(share: float | None) -> str:
    """Return a change of a share in percentage points."""
    return signed(None if share is None else 100 * share, 1)


def _value(value: object) -> str:
    if isinstance(value, list):
        return " to ".join(f"{item:g}" for item in value)
    return "as size" if value is None else str(value)
