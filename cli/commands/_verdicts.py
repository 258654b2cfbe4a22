"""The verdicts of a suite of controls, for `skviz summary DIR`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skviz.numbers import percent
from skviz.reports.tables import Column, Table

from ..echo import Echo, command_line

if TYPE_CHECKING:
    from skviz.studies.controls.suite import ControlSuite


def conclude(
    suite: ControlSuite, page: Path | None, style: str, overwrite: bool, echo: Echo
) -> dict[str, Any]:
    """Print what each unit's shift is consistent with; return the document.

    `page` is the folder that gets verdicts.md, .json, .csv, .png and .pdf, or None.
    """
    from skviz.inference.judging import JudgeOptions
    from skviz.inference.verdicts import VERDICTS
    from skviz.reports.verdicts import to_document, write_verdicts

    if suite.missing:
        echo.warn(f"not finished, and left out: {', '.join(suite.missing)}")
    files: list[Path] = []
    if page is None:
        how = JudgeOptions()
        document = to_document(suite, suite.verdicts(how), how)
    else:
        files = write_verdicts(suite, page, overwrite, style=style, command=command_line())
        document = json.loads(files[1].read_text(encoding="utf-8"))
    columns = (
        Column("unit"),
        Column("shift", "signed"),
        Column("survives", partial(percent, digits=0)),
        Column("verdict", right=True),
    )
    rows = [
        [claim["unit"], claim["total"]["mean"], claim["survives"], VERDICTS[claim["verdict"]]]
        for claim in document["claims"]
    ]
    echo.result(f"\nverdicts, from the controls in {suite.path}")
    echo.result(Table(columns, rows))
    return {**document, "files": [str(file) for file in files]}
