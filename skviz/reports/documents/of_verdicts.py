"""What a suite of controls adds to a report: the verdicts as a figure and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from skviz.figures.provenance import Provenance
from skviz.inference.judging import JudgeOptions
from skviz.inference.verdicts import Verdict
from skviz.reports.document import FigurePart, TablePart, table_part
from skviz.reports.verdicts import controls_of, verdict_figure
from skviz.runs.records import Run
from skviz.runs.storage.folder import check_same
from skviz.scales import scale_label
from skviz.studies.controls.suite import ControlSuite


def verdict_parts(
    run: Run, controls: Path, resamples: int | None = None
) -> tuple[list[FigurePart], list[TablePart], list[str]]:
    """Return the figure, the tables and the notes of a suite of controls of the run.

    Raises `UsageError` where the folder is no suite, its plain run is not finished, or it is
    about other images or another network than the run.
    """
    suite = ControlSuite(controls)
    plain = suite.plain
    advice = f"make controls for it with `skviz controls`, or report on '{plain.path}'"
    check_same(plain.path, plain.settings, run.settings, f"'{run.path}'", advice)
    options = JudgeOptions() if resamples is None else JudgeOptions(resamples=resamples)
    verdicts = suite.verdicts(options)
    about = Provenance.of_run(plain)
    figure = verdict_figure(verdicts, about)
    notes = []
    if suite.missing:
        notes.append(f"Controls that are unfinished and left out: {', '.join(suite.missing)}.")
    return [figure], [_verdicts(verdicts, about, options), _sentences(verdicts, about)], notes


def _verdicts(verdicts: Sequence[Verdict], about: Provenance, options: JudgeOptions) -> TablePart:
    import pandas as pd

    made = controls_of(verdicts[0])
    rows = []
    for verdict in verdicts:
        numbers = [verdict.total.mean, verdict.total.low, verdict.total.high]
        numbers += [verdict.left[name].mean for name in made]
        rows.append([verdict.unit, verdict.title, *numbers, verdict.survives, verdict.null_p])
    names = ["shift", "low", "high", *(f"without {name}" for name in made)]
    frame = pd.DataFrame(rows, columns=["unit", "verdict", *names, "survives", "p"])
    text = (
        f"Verdict per unit, over {about.source}. shift: mean change of the attention difference"
        f" from 1.0x to {scale_label(verdicts[0].scale)}, paired over images, with its"
        f" {100 * options.confidence:g} % bootstrap interval; p: probability of such a shift in a"
        " random network, after Holm's correction over units."
    )
    further = (
        "Further columns: the shift minus that of each control; survives: the smallest of these as"
        " a share of the whole shift, where that is clearly not zero."
    )
    alt = f"Table of {len(frame)} units with their verdicts."
    return table_part(
        "verdicts", "Verdicts", text, frame, about, alt, (further,),
        heads={"p": "p (random)", "low": "interval from", "high": "interval to"},
        formats={**dict.fromkeys(names, "signed"), "survives": "share", "p": "p"},
        brief=("unit", "verdict", "shift", "low", "high", "p"),
    )  # fmt: skip


def _sentences(verdicts: Sequence[Verdict], about: Provenance) -> TablePart:
    import pandas as pd

    frame = pd.DataFrame({
        "unit": [verdict.unit for verdict in verdicts],
        "what was found": [verdict.sentence for verdict in verdicts],
    })  # fmt: skip
    about, alt = replace(about, scales=()), f"Table of {len(frame)} units with a sentence for each."
    text = "The evidence for each verdict, in words."
    return table_part("findings", "Verdicts in words", text, frame, about, alt, prose=True)
