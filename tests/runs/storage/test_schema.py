"""An edited run.json is answered with the field that is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from skviz.errors import RunError
from skviz.runs.records import Run
from tests.helpers.synthetic import make_run

EDITS: dict[str, tuple[list[Any], Any, str]] = {
    "shards": (["shards"], 10**12, "shards: expected a whole number from 0 to 1e+07"),
    "text": (["shards"], "x", "shards: expected a whole number from 0 to 1e+07, got 'x'"),
    "truth": (["shard_size"], True, "shard_size: expected a whole number"),
    "nan": (["scales", 1], float("nan"), "scales[1]: expected a number"),
    "units": (["units"], 1.5, "units: expected a list, got 1.5"),
    "unit": (["units", 0], None, "units[0]: expected an object, got None"),
    "kernel": (["units", 0, "kernels", 1, "size"], "big", "units[0].kernels[1].size: expected"),
    "channels": (["units", 1, "channels"], -3, "units[1].channels: expected a whole number"),
    "classes": (["dataset", "classes"], [1], "dataset.classes[0]: expected text, got 1"),
    "escape": (["dataset", "classes"], "\x1b[31m" + 99 * "a", r"got '\x1b[31maaa"),
    "model": (["model"], [], "model: expected an object, got []"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_field_is_named(name: str, tmp_path: Path) -> None:
    place, value, said = EDITS[name]
    folder = tmp_path / "run"
    make_run(folder)
    file = folder / "run.json"
    settings = json.loads(file.read_text())
    holder = settings
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    file.write_text(json.dumps(settings))
    with pytest.raises(RunError, match=rf"run\.json': .*{re.escape(said)}") as caught:
        Run(folder)
    assert "it was edited or is damaged" in str(caught.value)
    assert len(str(caught.value)) < 400 + len(str(file))


@pytest.mark.parametrize("key", ["units", "scales", "dataset", "shards", "model"])
def test_a_missing_field_is_named(key: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    make_run(folder)
    file = folder / "run.json"
    settings = json.loads(file.read_text())
    del settings[key]
    file.write_text(json.dumps(settings))
    with pytest.raises(RunError, match=f"{key}: it is missing"):
        Run(folder)


def test_lists_in_lists_in_lists(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    make_run(folder)
    (folder / "run.json").write_text('{"format": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(RunError, match="cannot read"):
        Run(folder)


def test_fewer_classes_than_labels(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    from tests.helpers.tiny_runs import analyzed

    run = analyzed(pictures, tiny, tmp_path / "run", scales=(1.0, 2.0))
    file = run.path / "run.json"
    settings = json.loads(file.read_text())
    settings["dataset"]["classes"] = settings["dataset"]["classes"][:1]
    file.write_text(json.dumps(settings))
    with pytest.raises(RunError, match=r"expected labels below 1, .* found 2; it was edited"):
        _ = Run(run.path).present
    with pytest.raises(RunError, match="expected labels below 1"):
        Run(run.path).class_moments()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda d: d["runs"][0].update(measured=[]),
            r"runs\[0\].measured: expected a whole number",
        ),
        (lambda d: d["runs"][1].update(control=3), r"runs\[1\].control: expected"),
        (lambda d: d["runs"][0].pop("name"), r"runs\[0\].name: it is missing"),
        (lambda d: d.update(runs={}), "runs: expected a list"),
    ],
)
def test_edited_suites(change: Any, said: str, tmp_path: Path) -> None:
    from skviz.studies.controls.suite import ControlSuite
    from tests.helpers.synthetic_suite import make_suite

    shifts = {"plain": (0.1, 0.1, 0.1, 0.1), "blur": (0.0, 0.0, 0.0, 0.0)}
    folder = make_suite(tmp_path / "suite", shifts, seeds=0)
    file = folder / "controls.json"
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(RunError, match=said):
        ControlSuite(folder)
