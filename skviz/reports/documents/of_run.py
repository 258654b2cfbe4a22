"""The document of a run: which figures and tables, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skviz.displays import DISPLAYS
from skviz.figures.provenance import Provenance, control_in_words
from skviz.figures.redraw import find_display
from skviz.figures.wording import upper_first
from skviz.inference.summary import summarise
from skviz.numbers import count, percent
from skviz.reports.document import Document, figure_part
from skviz.reports.documents.run_tables import tables_of
from skviz.reports.words import short_paths
from skviz.scales import scale_label

if TYPE_CHECKING:
    from skviz.inference.summary import Summary
    from skviz.runs.records import Run


def run_document(
    run: Run, controls: str | Path | None = None, *, resamples: int | None = None
) -> Document:
    """Return the figures and tables of a run; its records are read, no network is touched.

    `controls` is a folder that `skviz controls` made: it adds the table of verdicts and their
    figure. `resamples` is the number of bootstrap resamples (0: no intervals).

    Raises `RunError` for a run without images or with damaged files, and `UsageError` where
    `controls` is no such folder.
    """
    summary: Summary = summarise(run) if resamples is None else summarise(run, resamples=resamples)
    about = Provenance.of_run(run)
    figures = [
        figure_part(name, display, about)
        for kind in DISPLAYS
        for name, display in find_display(kind).in_report(kind, summary)
    ]
    tables = tables_of(summary, about)
    notes = _notes(run)
    if controls is not None:
        from skviz.reports.documents.of_verdicts import verdict_parts

        drawn, judged, more = verdict_parts(run, Path(controls), resamples)
        figures, tables, notes = drawn + figures, judged + tables, notes + more
    data = run.settings["dataset"].get("root") or run.settings["dataset"].get("kind")
    return Document(
        title=f"{about.network} on {data}",
        facts=_facts(run, summary, about),
        figures=figures,
        tables=tables,
        notes=notes,
        images=[],
    )


def _facts(run: Run, summary: Summary, about: Provenance) -> list[tuple[str, str]]:
    settings = run.settings
    model, data = settings["model"], settings["dataset"]
    weights = f"{about.weights}{'' if about.trained else ' (untrained)'}"
    facts = [("Network", about.network), ("Weights", weights)]
    if model.get("sha256"):
        facts.append(("SHA-256 of the weights", str(model["sha256"])))
    facts.append(("Data set", f"{data.get('root') or data.get('kind')}"))
    unreadable = len(run.errors)
    left_out = f" ({unreadable} more could not be read)" if unreadable else ""
    facts.append(("Images", f"{count(about.images)}{left_out}"))
    if len(summary.class_table.labels):
        facts.append(("Classes", count(len(summary.class_table.labels))))
    facts.append(("Scales", ", ".join(scale_label(scale) for scale in summary.scales)))
    facts.append(("Units", f"{len(summary.units)}"))
    right = [
        f"{percent(share)} at {scale_label(scale)}"
        for scale, share in zip(summary.scales, summary.accuracy, strict=True)
        if share is not None
    ]
    if right:
        facts.append(("Classified correctly", ", ".join(right)))
    versions = settings.get("versions") or {}
    made = [f"{name} {version}" for name, version in versions.items() if version]
    for word, value in (
        ("Command", short_paths(settings.get("command") or "")),
        ("Made", settings.get("created")),
        ("Versions", ", ".join(made)),
    ):
        if value:
            facts.append((word, str(value)))
    return facts


def _notes(run: Run) -> list[str]:
    notes = []
    settings = run.settings
    if not run.complete:
        missing, shards = len(run.missing), settings["shards"]
        notes.append(f"The run is not complete: {missing} of {shards} shards are missing.")
    if settings["model"].get("trained") is False:
        notes.append("The network is untrained: this is the attention of random weights.")
    notes += [f"Note: {note}." for note in settings["model"].get("notes") or ()]
    if all(unit.branches == 1 for unit in run.units):
        notes.append("The units are gates of one branch: they have no attention difference.")
    if settings.get("control"):
        notes.append(f"This run is a control: {control_in_words(settings['control'])}.")
    notes += [f"{upper_first(str(note))}." for note in run.notes]
    return notes
