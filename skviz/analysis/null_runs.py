"""The runs of random networks, found in the folders that a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from skviz.analysis.measurements import RunMeasurements
from skviz.analysis.records import Run
from skviz.errors import UsageError


def random_runs(folders: Iterable[str | os.PathLike[str]]) -> list[RunMeasurements]:
    """Return the measurements of random networks; each folder is a suite of controls or a run.

    Of a suite its finished random networks are taken. Raises `UsageError` for a folder that
    is neither, or has no random network.
    """
    from skviz.analysis.controls.suite import FILE, Suite

    found: list[RunMeasurements] = []
    for folder in map(Path, folders):
        if (folder / FILE).is_file():
            runs = Suite(folder).random
        else:
            run = Run(folder)
            control = run.settings.get("control") or {}
            runs = (run,) if control.get("kind") == "random" else ()
        if not runs:
            raise UsageError(
                f"expected runs of random networks in '{folder}', got none; make some with"
                " `skviz controls DATASET --out DIR`"
            )
        found += [RunMeasurements(run) for run in runs]
    return found
