"""The model card for a reader: Markdown from the numbers of `skviz.analysis.card`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skviz.files import check_output, output_folder, write_json, write_text


def card_files(out: Path, model: str) -> tuple[Path, Path]:
    """Name the two files of a card: its numbers and its text."""
    return out / f"{model}.card.json", out / f"{model}.card.md"


def check_card(out: Path, model: str, overwrite: bool = False) -> None:
    """Check, before any work, that a card may be written; raises `OutputError`."""
    output_folder(out)
    for path in card_files(out, model):
        check_output(path, overwrite)


def write_card(card: dict[str, Any], out: Path, overwrite: bool = False) -> tuple[Path, Path]:
    """Write a card as JSON and as Markdown; return both paths. Raises `OutputError`."""
    numbers, text = card_files(out, card["model"])
    check_card(out, card["model"], overwrite)
    write_json(numbers, card, overwrite=overwrite)
    write_text(text, markdown(card), overwrite=overwrite)
    return numbers, text


def markdown(card: dict[str, Any]) -> str:
    """Return a card as a Markdown document."""
    parts = [
        f"# Model card: {card['model']}",
        "Every number and sentence below is made by `skviz card` from measurements, but for the "
        "credits and notes.",
        *_about(card),
        *_data(card),
        *_training(card),
        *_accuracy(card),
        *_attention(card),
    ]
    if card["notes"].strip():
        parts += ["## Notes", card["notes"].strip()]
    return "\n\n".join(parts) + "\n"


def _about(card: dict[str, Any]) -> list[str]:
    weights, speed, seen = card["weights"], card["speed"], card["input"]
    cores = speed["cores"]
    where = f"{cores} CPU core{'s' if cores > 1 else ''}" if cores else speed["device"]
    half = " (float16)" if card["description"].get("half") else ""
    rows = [
        ["parameters", f"{card['parameters']:,}"],
        ["multiply-adds, one image", f"{card['macs'] / 1e9:.3f} G"],
        ["input", f"{seen['size']} x {seen['size']} pixels, crop {seen['crop']:g}"],
        ["file", f"`{weights['file']}`, {weights['bytes'] / 1e6:.2f} MB{half}"],
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
        parts.append(f"Trained on {data['images']:,} photographs{name}.")
    parts.append("\n".join(f"- {credit}" for credit in credits) or "No credits are recorded.")
    return parts


def _training(card: dict[str, Any]) -> list[str]:
    recipe = card["description"].get("recipe", {})
    if not recipe:
        return ["## Training", "The file does not say how it was trained."]
    rows = [[name.replace("_", " "), _value(value)] for name, value in recipe.items()]
    return [
        "## Training",
        "The command that repeats it:",
        f"```\n{card['command']}\n```",
        _table(["recipe", "value"], rows),
    ]


def _accuracy(card: dict[str, Any]) -> list[str]:
    seen = card["photographs"]
    rows = [
        [label, f"{values['top1']:.1%}", f"{values['top5']:.1%}"]
        for label, values in card["accuracy"].items()
    ]
    left_out = f" ({len(seen['unreadable'])} unreadable, left out)" if seen["unreadable"] else ""
    return [
        "## Accuracy",
        f"On the {seen['images']} photographs{left_out} of `{seen['folder']}`, {seen['classes']} "
        f"classes of the {len(card['description'].get('classes', ()))} that the network knows, "
        "with the central object at several scales:",
        _table(["scale", "top-1", "top-5"], rows),
    ]


def _attention(card: dict[str, Any]) -> list[str]:
    labels = list(card["accuracy"])
    seeds = len(next(iter(card["units"].values()))[labels[0]]["untrained_mean"])
    paper = {u: v for u, v in card["units"].items() if v[labels[0]]["published"] is not None}
    compared = [
        f"The network's own section 4.4, over the {card['photographs']['images']} photographs: "
        "attention difference (mean over channels of the largest minus the smallest kernel), "
        "mean and standard deviation over the photographs.",
        _table(["unit", *labels, *(f"paper {label}" for label in labels)], _published_rows(paper)),
        "The change from 1.0x, and the shares of photographs and of classes whose difference "
        "rises. The column of untrained networks has the mean change in "
        f"{seeds} untrained networks of the same architecture, their BN statistics re-estimated "
        "on the same photographs at 1.0x: the least to the greatest.",
        _table(
            ["unit", "scale", "change", "images", "classes", "untrained", "verdict"],
            _change_rows(card),
        ),
    ]
    told = "\n".join(f"- {sentence}" for sentence in card["summary"])
    shown = [finding for finding in card["findings"] if finding["published"] is not None]
    findings = "\n".join(f"- {finding['sentence']}" for finding in shown or card["findings"])
    return [
        "## Attention and object scale",
        *compared,
        "### Where the paper's pattern appears, and where not",
        told,
        "A unit counts as rising if the mean change from 1.0x to the largest scale is at least "
        "two standard errors (over class means) above zero, the mean rises from every scale to "
        "the next, more than half of the photographs and of the classes rise, and the change "
        "exceeds that of every untrained network.",
        findings,
    ]


def _published_rows(units: dict[str, Any]) -> list[list[str]]:
    rows = []
    for unit, scales in units.items():
        own = [f"{v['mean']:+.4f} ± {v['deviation']:.4f}" for v in scales.values()]
        paper = [
            "" if v["published"] is None
            else f"{v['published']:+.4f} ± {v['published_deviation']:.4f}"
            for v in scales.values()
        ]  # fmt: skip
        rows.append([unit, *own, *paper])
    return rows


def _change_rows(card: dict[str, Any]) -> list[list[str]]:
    verdicts = {(f["unit"], f["scale"]): f["verdict"] for f in card["findings"]}
    rows = []
    for unit, scales in card["units"].items():
        for label, values in scales.items():
            if label == "1.0x":
                continue
            others = values["untrained_change"]
            rows.append(
                [
                    unit,
                    label,
                    f"{values['change']:+.4f}",
                    f"{values['images_rising']:.0%}",
                    f"{values['classes_rising']:.0%}",
                    f"{min(others):+.4f} to {max(others):+.4f}" if others else "",
                    verdicts.get((unit, label), ""),
                ]
            )
    return rows


def _value(value: object) -> str:
    if isinstance(value, list):
        return " to ".join(f"{item:g}" for item in value)
    return "as size" if value is None else str(value)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
