"""Tuned networks measure the same attention, and the run says how exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from skviz import Probe, load_model
from skviz.runs.analyze import prepare
from skviz.runs.tuning import PLAIN, Arithmetic, apply, choose, rounding
from skviz.studies.controls.change import analyze
from tests.helpers.noise import noise_pictures


@pytest.fixture(scope="module")
def probe() -> Probe:
    return Probe(load_model())


@pytest.fixture(scope="module")
def batch() -> torch.Tensor:
    return torch.randn(3, 3, 128, 128, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = [f"class{number % 2}/{number}" for number in range(5)]
    return noise_pictures(tmp_path_factory.mktemp("pictures"), names, (90, 120))


@pytest.mark.parametrize("order", ["contiguous", "channels_last"])
def test_a_folded_network_attends_alike_in_any_order(
    probe: Probe, batch: torch.Tensor, order: str
) -> None:
    other = apply(probe, Arithmetic(folded=1, memory_format=order), batch)
    assert other.network is not probe.network
    error = rounding(probe, other, batch, None)
    assert error.views == 3
    assert error.attention < 1e-5
    assert error.difference <= error.noise < 1e-6


def test_plain_arithmetic_changes_nothing(probe: Probe, batch: torch.Tensor) -> None:
    assert apply(probe, PLAIN, batch) is probe


def test_the_choice_is_one_that_keeps_attention(probe: Probe, batch: torch.Tensor) -> None:
    chosen = choose(probe, batch)
    assert chosen.folded == 69  # 16 units of four, four shortcuts, the stem
    assert chosen.memory_format in ("contiguous", "channels_last")
    assert chosen.engine == "eager"


def test_a_network_that_folding_would_change_is_not_folded(batch: torch.Tensor) -> None:
    class Twice(torch.nn.Module):
        """Uses what a convolution returns beside its BN too: folding would be wrong."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = load_model("sknet50_lite")
            self.conv, self.norm = torch.nn.Conv2d(3, 3, 1), torch.nn.BatchNorm2d(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            convolved = self.conv(x)
            return self.inner(self.norm(convolved) + convolved)

    network = Twice().eval()
    network.norm.running_mean.fill_(0.7)
    probe = Probe(network, attention="inner.*.attention:1")
    assert choose(probe, batch).folded == 0


def test_a_network_that_needs_the_usual_order_keeps_it(batch: torch.Tensor) -> None:
    class Viewing(torch.nn.Module):
        """Views its features in another shape, which other orders in memory do not allow."""

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.stem = load_model(), torch.nn.Conv2d(3, 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            features = self.stem(x)
            return self.inner(features - features.view(len(x), -1).mean(1)[:, None, None, None])

    probe = Probe(Viewing().eval(), attention="inner.*.attention:1")
    chosen = choose(probe, batch)
    assert (chosen.folded > 0, chosen.memory_format) == (True, "contiguous")


def test_bf16_is_further_off_than_rounding(probe: Probe, batch: torch.Tensor) -> None:
    exact = rounding(probe, probe, batch, None)
    assert (exact.attention, exact.difference) == (0.0, 0.0)
    rough = rounding(probe, probe, batch, torch.bfloat16)
    assert rough.attention > 1e-4


def test_a_run_says_how_it_computed_and_resumes_so(pictures: Path, tmp_path: Path) -> None:
    model = load_model()
    plain = analyze(pictures, model, out=tmp_path / "plain", progress=False)
    assert plain.settings["arithmetic"] == PLAIN.to_dict()
    assert plain.settings["rounding"] is None
    tuned = prepare(
        pictures, model, out=tmp_path / "tuned", options=plain_options(tune=True, shard_size=2)
    )
    settings = tuned.run.settings
    assert settings["arithmetic"]["folded"] == 69
    assert settings["rounding"]["attention"] < 1e-5
    # Begun tuned, it goes on tuned, whatever the options of the next process say.
    again = prepare(pictures, model, out=tmp_path / "tuned", options=plain_options(shard_size=2))
    run = again(progress=False)
    assert again.forward.arithmetic == Arithmetic.of(settings["arithmetic"])
    columns = ["image", "unit", "scale", "difference", "predicted"]
    ours, theirs = run.records(columns), plain.records(columns)
    assert (ours["predicted"] == theirs["predicted"]).all()
    assert np.allclose(ours["difference"], theirs["difference"], atol=1e-6)
    assert np.abs(ours["difference"] - theirs["difference"]).max() > 0


def plain_options(**given: object) -> object:
    from skviz.runs.options import Options

    return Options(**given)  # type: ignore[arg-type]


def test_bf16_reports_its_error(pictures: Path, tmp_path: Path) -> None:
    run = analyze(pictures, load_model(), out=tmp_path / "run", precision="bf16", progress=False)
    assert run.settings["rounding"]["attention"] > 1e-4
    assert run.settings["arithmetic"]["engine"] == "eager"


def test_without_predictions_the_attention_is_the_same(pictures: Path, tmp_path: Path) -> None:
    model = load_model()
    whole = analyze(pictures, model, out=tmp_path / "whole", units="2_3", progress=False)
    short = analyze(
        pictures, model, out=tmp_path / "short", units="2_3", predictions=False, progress=False
    )
    ours, theirs = short.records(), whole.records()
    assert np.array_equal(ours["difference"], theirs["difference"])
    assert (ours["predicted"] == -1).all()
    assert (theirs["predicted"] >= 0).all()
