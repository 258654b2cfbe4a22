"""What a file or folder of skviz is, and where it comes from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skviz.errors import UsageError
from skviz.figures.metadata import figure_info
from skviz.figures.save import FORMATS
from skviz.notes import Note
from skviz.numbers import count
from skviz.runs.records import RUN, Run
from skviz.studies.interventions.result import INTERVENTIONS, InterventionRun

# Folders are known by one of these files, the first that is there.
_FOLDER_FILES = ("controls.json", "run.json", "settings.json")
_MOST_BYTES = 200_000_000
_WORDS = {
    "skviz run": "run",
    "skviz controls": "controls",
    "skviz verdicts": "verdicts",
    "skviz interventions": "interventions",
    "skviz receptive field 1": "receptive field",
    "skviz model card 1": "model card",
    "skviz model card 2": "model card",
}


@dataclass(frozen=True)
class Description:
    """What something is: `kind` in words, and `facts` about it, names and values."""

    path: Path
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dictionary for JSON."""
        return {"path": str(self.path), "kind": self.kind, **self.facts}


def describe(path: str | Path) -> Description:
    """Say what a figure (PNG, PDF, SVG), a folder or a JSON file of skviz is.

    Raises `UsageError` for what skviz did not make, and `FigureFileError` for a damaged figure.
    """
    path = Path(path)
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise UsageError(f"expected a file or folder of skviz, but there is no '{path}'")
    ending = path.suffix.lower().removeprefix(".")
    if ending in FORMATS:
        facts = figure_info(path).to_dict()
        made_here = str(facts["creator"] or "").startswith("skviz")
        kind = f"{facts.pop('format').upper()} figure" + ("" if made_here else " of another tool")
        return Description(path, kind, facts)
    if ending == "json":
        return _document(path, path)
    raise UsageError(
        f"expected a figure (.png, .pdf, .svg), a folder or a JSON file of skviz, got '{path}'"
    )


def check_files(path: Path) -> list[str]:
    """Compare the files of a run, or of every run in a folder, with their checksums.

    Returns a sentence per fault. Raises `UsageError` where there is no run.
    """
    names = (RUN.file, INTERVENTIONS.file)
    inside = path.iterdir() if path.is_dir() else ()
    folders = [p for p in (path, *sorted(inside)) if any((p / name).is_file() for name in names)]
    if not folders:
        raise UsageError(f"expected a run, or a folder of runs, to check, got '{path}'")
    faults = []
    for folder in folders:
        is_run = (folder / RUN.file).is_file()
        found: Run | InterventionRun = Run(folder) if is_run else InterventionRun(folder)
        faults += found.check()
        if not found.complete:
            lacking = f"{len(found.missing)} of {found.shards} shards are missing"
            faults.append(f"'{folder}' is not finished: {lacking}")
    return faults


def _folder(path: Path) -> Description:
    for name in _FOLDER_FILES:
        if (path / name).is_file():
            return _document(path / name, path)
    raise UsageError(
        f"expected a folder of skviz, with {', '.join(_FOLDER_FILES)} in it, got '{path}'"
    )


def _document(file: Path, shown: Path) -> Description:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it has more than {count(_MOST_BYTES)} bytes")
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"cannot read '{file}' as JSON: {error}") from error
    kind = _kind(document)
    if kind is None:
        raise UsageError(f"expected a JSON file of skviz, got another one: '{file}'")
    facts = _facts(document)
    if kind == "run" and file.name == "run.json":
        facts |= _progress(file.parent)
    return Description(shown, kind, facts)


def _kind(document: object) -> str | None:
    if not isinstance(document, Mapping):
        return None
    given = document.get("format")
    if isinstance(given, str) and given.startswith("skviz"):
        return _WORDS.get(given, given.removeprefix("skviz").strip())
    if {"image", "model", "units", "scales"} <= set(document):
        return "attention of an image"
    return None


def _facts(document: Mapping[str, Any]) -> dict[str, Any]:
    """Pick what the documents of skviz have in common; what is not there is left out."""
    model, data, weights = (_part(document, key) for key in ("model", "dataset", "weights"))
    # The notes of a run; other documents have notes of another kind.
    noted = _list(document.get("notes")) if document.get("format") == "skviz run" else []
    facts = {
        "image": document.get("image"),
        "network": model.get("name") or _text(document.get("model")),
        "weights": model.get("weights") or weights.get("name") or _text(document.get("weights")),
        "trained": model.get("trained", weights.get("trained")),
        "dataset": data.get("root") or data.get("kind"),
        "images": data.get("images", _count(document.get("images"))),
        "classes": _count(data.get("classes")),
        "scales": document.get("scales"),
        "units": _count(document.get("units")),
        "control": document.get("control"),
        "runs": [run.get("name") for run in _list(document.get("runs")) if isinstance(run, dict)],
        "kinds": document.get("kinds"),
        "notes": [
            *(_list(model.get("notes")) or _list(weights.get("notes"))),
            *(str(Note.from_dict(note)) for note in noted),
        ],
        "command": document.get("command"),
        "versions": document.get("versions"),
        "created": document.get("created"),
    }
    return {name: value for name, value in facts.items() if value not in (None, [], {}, "")}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _progress(folder: Path) -> dict[str, Any]:
    run = Run(folder)
    if not run.done:
        return {"measured": 0, "complete": run.complete}
    # Of the classes named in run.json some may have no image among those measured.
    return {"measured": run.images, "complete": run.complete, "classes": len(run.present) or None}


def _part(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return len(value) if isinstance(value, list | dict) else None


def in_words(value: Any) -> str:
    """Return a fact as a reader would write it: "yes", lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        return ", ".join(in_words(part) for part in value)
    return str(value)
