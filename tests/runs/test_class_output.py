"""A class output of nan or inf: nothing is predicted from it, anywhere."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from skviz.cli.main import cli
from skviz.errors import CaptureError, UsageError
from skviz.runs.classes import check_output, finite_output, top_classes
from skviz.studies.controls.change import analyze
from skviz.studies.image import ImageAnalysis
from skviz.studies.interventions.measure import intervene_dataset

BAD = [math.nan, math.inf]


def broken(network: nn.Module, value: float) -> Any:
    """The network with one logit of that value, for every image."""
    with torch.no_grad():
        network.fc.bias[1] = value  # type: ignore[union-attr, index, operator]
    return network


@pytest.mark.parametrize("value", BAD)
def test_a_run_refuses_it(value: float, tiny: nn.Module, pictures: Path, tmp_path: Path) -> None:
    network = broken(tiny, value)
    with pytest.raises(CaptureError, match="expected a finite class output, got nan or infinite"):
        analyze(pictures, network, out=tmp_path / "run")
    assert not list((tmp_path / "run").rglob("*.parquet"))
    run = analyze(pictures, network, out=tmp_path / "other", predictions=False)
    assert run.complete and (run.to_frame()["predicted"] == -1).all()


@pytest.mark.parametrize("value", BAD)
def test_interventions_refuse_it(
    value: float, tiny: nn.Module, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(CaptureError, match="expected a finite class output"):
        intervene_dataset(pictures, broken(tiny, value), out=tmp_path / "out")


@pytest.mark.parametrize("value", BAD)
def test_one_image_has_no_classes_and_a_note(value: float, tiny: nn.Module, photo: Path) -> None:
    tiny.skviz = _trained(tiny)  # type: ignore[assignment]
    result = ImageAnalysis.of(broken(tiny, value))(photo, (1.0, 1.5))
    assert result.classes is None
    assert "the class output is not finite" in " ".join(result.notes)
    json.dumps(result.to_dict(), allow_nan=False)


def _trained(network: nn.Module) -> Any:
    from dataclasses import replace

    from skviz.models import model_info

    return replace(model_info(network), trained=True)


def test_a_class_that_is_masked_out_is_no_fault(
    tiny: nn.Module, pictures: Path, tmp_path: Path
) -> None:
    run = analyze(pictures, broken(tiny, -math.inf), out=tmp_path / "run")
    frame = run.to_frame()
    assert (frame["predicted"] != 1).all() and frame["probability"].between(0, 1).all()


def test_the_command_prints_no_nan(photo: Path, tmp_path: Path) -> None:
    factory = tmp_path / "mine.py"
    factory.write_text(
        "import torch\n"
        "from skviz.models import build\n"
        "def broken():\n"
        "    network = build('sknet50_lite', classes=4)\n"
        "    torch.nn.init.constant_(network.fc.bias, float('nan'))\n"
        "    return network\n"
    )
    words = ["attention", str(photo), "--model", f"{factory}:broken", "--out", str(tmp_path)]
    words += ["--input-size", "32", "--scales", "1"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0 and "nan%" not in result.stdout
    assert "Warning: the class output is not finite" in result.stderr
    document = json.loads(CliRunner().invoke(cli, [*words, "--json", "--overwrite"]).stdout)
    assert document["classes"] is None and "not finite" in document["note"]


@pytest.mark.parametrize("row", [[0, math.nan], [math.inf, 0], [-math.inf, -math.inf]])
def test_probabilities_are_not_made_of_it(row: list[float]) -> None:
    assert not finite_output([[0, 1], row])
    with pytest.raises(UsageError, match="expected finite logits"):
        top_classes([[0, 1], row])
    with pytest.raises(CaptureError, match="for 1 of 2 views"):
        check_output(np.max([[0, 1], row], axis=1))
