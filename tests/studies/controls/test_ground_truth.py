"""Each control tells apart networks whose attention depends on one known thing (issue, 2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skviz.inference.judging import judge
from skviz.runs.measurements import RunMeasurements
from skviz.runs.options import Options
from skviz.studies.controls.evidence import evidence_of
from skviz.studies.controls.making import controls
from skviz.studies.controls.suite import ControlSuite
from tests.helpers.controls_ground_truth import (
    EXPECTED,
    SCALES,
    SILENT,
    WEIGHTS,
    Network,
    draw_pictures,
)

# A control shows the plain shift when it has most of it, and does not when it has little.
MOST, LITTLE = (0.8, 1.2), 0.2


@pytest.fixture(scope="module")
def suites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ControlSuite]:
    """A suite of every network; the null from three seeds."""
    folder = tmp_path_factory.mktemp("ground-truth")
    pictures = draw_pictures(folder / "pictures")
    return {
        name: controls(
            pictures,
            Network(name),
            out=folder / name,
            scales=SCALES,
            options=Options(workers=0),
            seeds=3,
            skip=["resample-*"],
            progress=False,
        )
        for name in WEIGHTS
    }


def shift(suite: ControlSuite, name: str) -> float:
    """Mean over images of the view with the largest object minus that at 1.0x."""
    measured = RunMeasurements(suite.run(name))
    one = measured.scales.index(1.0)
    last = 0 if name.startswith("zoom-out") else -1
    paired = measured.difference[:, last, 0] - measured.difference[:, one, 0]
    return float(paired.mean())


def failures(
    suite: ControlSuite, looks_at: str, exchanged: dict[str, str] | None = None
) -> list[str]:
    """Say which controls do not show what they must; `exchanged` reads one for another."""
    shows, hides = EXPECTED[looks_at]
    plain = shift(suite, "plain")
    found = []
    for name in sorted(shows | hides):
        part = shift(suite, (exchanged or {}).get(name, name)) / plain
        good = MOST[0] < part < MOST[1] if name in shows else abs(part) < LITTLE
        if not good:
            found.append(f"{name}: {part:.2f} of the plain shift")
    return found


@pytest.mark.parametrize("looks_at", EXPECTED)
def test_controls_show_what_the_network_looks_at(
    suites: dict[str, ControlSuite], looks_at: str
) -> None:
    assert shift(suites[looks_at], "plain") > 0.3
    assert failures(suites[looks_at], looks_at) == []


def test_a_network_that_looks_at_nothing_shifts_nowhere(suites: dict[str, ControlSuite]) -> None:
    suite = suites["nothing"]
    names = [name for name in suite.names if not name.startswith("random")]
    assert max(abs(shift(suite, name)) for name in names) < SILENT


@pytest.mark.parametrize(
    ("looks_at", "one", "other"),
    [
        ("blur", "blur", "object-constant"),
        ("blur", "masked", "object-constant"),
        ("background", "blur", "object-constant"),
        ("background", "masked", "object-constant"),
        ("background", "object-blurred", "object-constant"),
        ("size", "masked", "blur"),
        ("size", "masked", "object-constant"),
    ],
)
def test_exchanged_controls_are_noticed(
    suites: dict[str, ControlSuite], looks_at: str, one: str, other: str
) -> None:
    found = failures(suites[looks_at], looks_at, {one: other, other: one})
    assert [line.split(":")[0] for line in found] == sorted([one, other])


def test_every_network_has_its_own_pattern(suites: dict[str, ControlSuite]) -> None:
    """What the tables expect of one network is not what they expect of another."""
    for looks_at in EXPECTED:
        for other in set(EXPECTED) - {looks_at}:
            assert failures(suites[looks_at], other), f"{looks_at} passes for {other}"


def test_zooming_out_is_a_dose_for_the_size_alone(suites: dict[str, ControlSuite]) -> None:
    measured = RunMeasurements(suites["size"].run("zoom-out-mean"))
    curve = measured.difference[:, :, 0].mean(axis=0)
    assert measured.scales == pytest.approx((0.5, 2 / 3, 1.0))
    assert np.all(np.diff(curve) > 0.02)
    assert abs(shift(suites["blur"], "zoom-out-mean")) < SILENT


def test_random_networks_shift_less_than_those_that_look(suites: dict[str, ControlSuite]) -> None:
    for looks_at in EXPECTED:
        suite = suites[looks_at]
        null = [shift(suite, f"random-{seed:02d}") for seed in range(3)]
        assert max(map(abs, null)) < 0.5 * shift(suite, "plain")
        assert len(set(null)) == 3


@pytest.mark.parametrize(
    ("looks_at", "verdict"),
    [
        ("size", "larger"),
        ("blur", "rises, blur"),
        ("background", "rises, context"),
        ("nothing", "rises, matched"),
    ],
)
def test_the_verdict_is_what_the_network_looks_at(
    tmp_path: Path, looks_at: str, verdict: str
) -> None:
    """Twenty random networks, so that a shift beyond all of them has p below 0.05."""
    pictures = draw_pictures(tmp_path / "pictures")
    suite = controls(
        pictures,
        Network(looks_at),
        out=tmp_path / "suite",
        options=Options(workers=0),
        seeds=20,
        skip=["resample-*", "zoom-out-*"],
        progress=False,
    )
    (judged,) = judge(evidence_of(suite))
    assert judged.outcome == verdict
