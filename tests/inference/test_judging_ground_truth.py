"""Networks whose attention depends on one known thing get the verdict that names it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from skviz.capture.probe import Probe
from skviz.data import open_dataset
from skviz.data.loading import ViewMaker
from skviz.inference.judging import Evidence, judge
from skviz.runs.measurements import Measurements
from skviz.studies.controls.control import parse_control
from skviz.studies.controls.views import control_views
from tests.helpers import controls_ground_truth as truth

CONTROLS = ("blur", "object-constant", "object-blurred", "masked")
EXPECTED = {
    "size": "larger",
    "blur": "rises, blur",
    "background": "rises, context",
    "nothing": "rises, random",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The views of every control, (N, V, size, size, 3)."""
    images = open_dataset(truth.draw_pictures(tmp_path_factory.mktemp("pictures"), count=40))
    plain = ViewMaker(truth.SCALES, truth.SPEC)
    makers = {"plain": plain}
    makers |= {name: control_views(parse_control(name), plain) for name in CONTROLS}
    return {
        name: torch.from_numpy(
            np.stack([maker(images.read(number), None)[0] for number in range(len(images))])
        )
        for name, maker in makers.items()
    }


def measure(network: torch.nn.Module, pixels: torch.Tensor) -> Measurements:
    mean, std = (torch.tensor(v)[:, None, None] for v in (truth.SPEC.mean, truth.SPEC.std))
    views = pixels.flatten(0, 1).permute(0, 3, 1, 2).float().div(255)
    probe = Probe(network)
    attention = probe((views - mean) / std)
    cube = attention.difference(probe.units[0].name).reshape(*pixels.shape[:2], 1)
    labels = np.arange(len(pixels)) % 8
    return Measurements(probe.units, truth.SCALES, cube, np.full_like(cube, np.nan), labels)


def random_network(seed: int) -> torch.nn.Module:
    """Looks at the shade as all the others do, and hardly at what enlarging changes."""
    network = truth.Network("nothing", seed)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        network.select.logits.weight[:, :3] = 0.02 * torch.randn(1, 3, generator=random)
        half = len(network.select.logits.weight) // 2
        network.select.logits.weight[:half, :3] *= -1
    return network


@pytest.fixture(scope="module")
def random(pictures: dict[str, torch.Tensor]) -> list[Measurements]:
    return [measure(random_network(seed), pictures["plain"]) for seed in range(10)]


@pytest.fixture(scope="module")
def evidence(pictures: dict[str, torch.Tensor], random: list[Measurements]) -> dict[str, Evidence]:
    found = {}
    for name in EXPECTED:
        network = truth.Network(name)
        runs = {control: measure(network, pictures[control]) for control in CONTROLS}
        found[name] = Evidence(measure(network, pictures["plain"]), runs, random)
    return found


def verdict(given: Evidence) -> str:
    return judge(given)[0].outcome


@pytest.mark.parametrize("name", EXPECTED)
def test_the_verdict_names_what_the_network_looks_at(
    evidence: dict[str, Evidence], name: str
) -> None:
    assert verdict(evidence[name]) == EXPECTED[name]


@pytest.mark.parametrize(
    ("name", "one", "other", "expected"),
    [
        ("blur", "blur", "object-constant", "rises, context"),
        ("background", "blur", "object-constant", "rises, blur"),
        ("size", "masked", "blur", "rises, both"),
        ("size", "masked", "object-constant", "rises, both"),
    ],
)
def test_exchanged_controls_give_another_verdict(
    evidence: dict[str, Evidence], name: str, one: str, other: str, expected: str
) -> None:
    given = evidence[name]
    runs = dict(given.controls)
    runs[one], runs[other] = runs[other], runs[one]
    found = verdict(replace(given, controls=runs))
    assert found == expected
    assert found != EXPECTED[name]


@pytest.mark.parametrize("name", ["size", "blur", "background"])
def test_the_paired_test_alone_says_the_same_of_all(
    evidence: dict[str, Evidence], name: str
) -> None:
    assert judge(evidence[name])[0].paired == "rises"


def test_random_networks_of_the_null_have_no_effect_beyond_it(
    evidence: dict[str, Evidence], random: list[Measurements]
) -> None:
    """What the null is made of is no more than the null."""
    given = evidence["nothing"]
    for index, one in enumerate(random):
        others = [run for other, run in enumerate(random) if other != index]
        assert verdict(Evidence(one, given.controls, others)) not in ("larger", "smaller")
