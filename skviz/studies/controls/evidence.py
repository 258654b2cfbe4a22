"""What suites of controls give to judge a network by."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from skviz.errors import UsageError
from skviz.inference.judging import Evidence
from skviz.runs.measurements import RunMeasurements
from skviz.runs.records import Run
from skviz.runs.storage.folder import check_same
from skviz.studies.controls.suite import SUITE, ControlSuite


def evidence_of(suite: ControlSuite) -> Evidence:
    """Return the measurements of a suite's finished runs.

    Raises `UsageError` where the plain run is not finished, or the runs are not of one data
    set and one network.
    """
    plain, advice = suite.plain, "make the controls again"
    views: dict[str, RunMeasurements] = {}
    others: dict[str, RunMeasurements] = {}
    for name in suite.names:
        run, control = suite.run(name), suite.control(name)
        check_same(run.path, run.settings, plain.settings, f"'{plain.path}'", advice)
        if control is not None and control.kind != "random":
            (others if control.on_network else views)[name] = RunMeasurements(run)
    return Evidence(RunMeasurements(plain), views, suite.null, others, _sharp(plain))


def random_runs(folders: Iterable[str | os.PathLike[str]]) -> list[RunMeasurements]:
    """Return the measurements of random networks; each folder is a suite of controls or a run.

    Of a suite its finished random networks are taken. Raises `UsageError` for a folder that
    is neither, or has no random network.
    """
    found: list[RunMeasurements] = []
    for folder in map(Path, folders):
        if (folder / SUITE.file).is_file():
            runs = ControlSuite(folder).random
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


def _sharp(plain: Run) -> Any:
    """Return which images need no interpolation at the largest scale; None where unknown."""
    try:
        crop = plain.table(["crop"])["crop"].to_numpy()
    except UsageError:  # a run of an earlier version
        return None
    units, scales = len(plain.units), plain.scales
    sides = crop.reshape(-1, len(scales), units)[:, int(np.argmax(scales)), 0]
    return sides >= plain.settings["spec"]["size"]
