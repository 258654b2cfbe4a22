"""The page of verdicts, written from a suite of controls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skviz.errors import OutputError, UsageError
from skviz.inference.judging import judge
from skviz.reports.verdicts import NAMES, write_verdicts
from skviz.studies.controls.evidence import evidence_of
from skviz.studies.controls.suite import ControlSuite
from tests.helpers.synthetic_suite import make_suite

SHIFTS = {
    "plain": (0.05, 0.05, 0.05, 0.0),
    "blur": (0.0, 0.05, 0.0, 0.0),
    "object-constant": (0.0, 0.0, 0.05, 0.0),
    "object-blurred": (0.0, 0.0, 0.05, 0.0),
    "masked": (0.05, 0.05, 0.0, 0.0),
    "zoom-out-mean": (0.04, 0.04, 0.04, 0.0),
    "resample-bilinear": (0.05, 0.05, 0.05, 0.0),
    "cascade:SK_5_1:0": (0.05, 0.05, 0.05, 0.01),
}
TITLES = [
    "larger objects get the larger kernel",
    "rises, but is consistent with blur alone",
    "rises, but is consistent with lost context alone",
    "no clear change",
]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> ControlSuite:
    return ControlSuite(make_suite(tmp_path_factory.mktemp("suite"), SHIFTS))


def test_page_says_the_same_in_every_file(suite: ControlSuite, tmp_path: Path) -> None:
    files = write_verdicts(suite, tmp_path / "page")
    assert [file.name for file in files] == list(NAMES)
    text = files[0].read_text()
    document = json.loads(files[1].read_text())
    frame = pd.read_csv(files[2])
    assert list(frame["verdict"]) == TITLES
    assert [claim["title"] for claim in document["claims"]] == TITLES
    for title in TITLES:
        assert title in text
    assert frame["shift"][0] == pytest.approx(document["claims"][0]["total"]["mean"], rel=1e-5)
    assert frame["zoom-out-mean"][0] == pytest.approx(0.04, abs=1e-4)
    assert frame["cascade-SK_5_1"][3] == pytest.approx(0.01, abs=1e-4)
    assert files[3].read_bytes().startswith(b"\x89PNG")
    assert files[4].read_bytes().startswith(b"%PDF")


def test_costs_are_listed_and_unknown_ones_too(suite: ControlSuite, tmp_path: Path) -> None:
    files = write_verdicts(suite, tmp_path)
    text, document = files[0].read_text(), json.loads(files[1].read_text())
    assert document["costs"]["blur"] == 1.5
    assert document["costs"]["random-05"] is None
    assert "| blur | 1.50 |" in text
    assert "| random-05 | \N{EN DASH} |" in text


def test_numbers_are_those_of_the_runs(suite: ControlSuite) -> None:
    evidence = evidence_of(suite)
    assert len(evidence.random) == 6
    assert "masked" in evidence.controls
    assert list(evidence.others) == ["cascade-SK_5_1"]
    plain, blur = evidence.plain.difference, evidence.controls["blur"].difference
    left = (plain[:, 2] - plain[:, 0]) - (blur[:, 2] - blur[:, 0])
    claims = judge(evidence)
    for unit, claim in enumerate(claims):
        assert claim.left["blur"].mean == pytest.approx(left[:, unit].mean(), abs=1e-6)


def test_missing_controls_are_named(tmp_path: Path) -> None:
    shifts = {"plain": SHIFTS["plain"]}
    suite = ControlSuite(make_suite(tmp_path / "suite", shifts, seeds=0))
    text = write_verdicts(suite, tmp_path / "page")[0].read_text()
    assert "**Not made: random networks, blur, object.** The verdict needs them." in text
    assert TITLES[0] not in text.split("## Units")[1]


def test_nothing_is_overwritten_unasked(suite: ControlSuite, tmp_path: Path) -> None:
    (tmp_path / "verdicts.csv").write_text("mine")
    with pytest.raises(OutputError, match="already exists"):
        write_verdicts(suite, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["verdicts.csv"]
    write_verdicts(suite, tmp_path, overwrite=True)
    assert (tmp_path / "verdicts.csv").read_text() != "mine"


def test_names_are_no_markup(tmp_path: Path) -> None:
    folder = make_suite(tmp_path / "suite", {"plain": SHIFTS["plain"]}, seeds=0)
    for file in folder.glob("*/run.json"):
        settings = json.loads(file.read_text())
        settings["model"]["name"] = "<b>x</b> | *y*"
        file.write_text(json.dumps(settings))
    text = write_verdicts(ControlSuite(folder), tmp_path / "page")[0].read_text()
    assert r"\<b\>x\</b\> \| \*y\*" in text


def test_high_resolution_images_are_chosen_by_their_crop(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = make_suite(tmp_path / "suite", {"plain": SHIFTS["plain"]}, seeds=0)
    (file,) = (folder / "plain" / "shards").glob("*.parquet")
    table = pq.read_table(file)
    images = len(table) // 12
    # The input has 64 pixels: of every second image the crop at 2.0x has as many.
    sides = np.where(np.arange(images) % 2, 128.0, 127.0)[:, None] / np.array([1, 1.5, 2])
    column = pa.array(np.repeat(sides.ravel(), 4).astype(np.float32))
    if "crop" in table.column_names:
        table = table.drop(["crop"])
    pq.write_table(table.append_column("crop", column), file)
    shutil.rmtree(folder / "plain" / "checksums")
    evidence = evidence_of(ControlSuite(folder))
    assert evidence.high_resolution is not None
    np.testing.assert_array_equal(evidence.high_resolution, np.arange(images) % 2 == 1)
    text = write_verdicts(ControlSuite(folder), tmp_path / "page")[0].read_text()
    assert f"{images // 2} images without interpolation" in text


def test_runs_of_different_images_are_refused(tmp_path: Path) -> None:
    shifts = {name: SHIFTS[name] for name in ("plain", "blur")}
    folder = make_suite(tmp_path / "suite", shifts, seeds=0)
    file = folder / "blur" / "run.json"
    settings = json.loads(file.read_text())
    settings["dataset"]["digest"] = "other"
    file.write_text(json.dumps(settings))
    with pytest.raises(
        UsageError, match=r"of the same data set as .*plain', those in .*blur' are of"
    ):
        evidence_of(ControlSuite(folder))
