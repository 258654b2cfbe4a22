"""Batches measured by the engines of others make the run that `analyze` makes."""

from __future__ import annotations

import importlib
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

import skviz
from skviz.errors import UsageError
from skviz.runs.batches import BatchAnalyzer
from skviz.statistics.moments import compute
from skviz.studies.controls.change import analyze

SCALES = (1.0, 1.5)


@pytest.fixture
def rows(pictures: Path) -> dict[str, list[Any]]:
    files = sorted(pictures.rglob("*.png"))
    return {
        "image": [file.read_bytes() for file in files],
        "label": [file.parent.name for file in files],
        "name": [f"{file.parent.name}/{file.name}" for file in files],
    }


def batches(rows: dict[str, list[Any]], size: int) -> list[dict[str, list[Any]]]:
    count = len(rows["image"])
    return [
        {name: values[start : start + size] for name, values in rows.items()}
        for start in range(0, count, size)
    ]


@pytest.fixture
def analyzer(tiny: torch.nn.Module) -> BatchAnalyzer:
    return BatchAnalyzer(tiny, SCALES, classes=("ant", "bee", "cat"))


def frame_of(analyzer: BatchAnalyzer, rows: dict[str, list[Any]], size: int) -> pd.DataFrame:
    return pd.concat([pd.DataFrame(analyzer(batch)) for batch in batches(rows, size)])


def same(run: skviz.Run, other: skviz.Run) -> None:
    order = ["image", "scale", "unit"]
    one, two = (r.records().astype({"image": str, "unit": str}) for r in (run, other))
    one, two = (f.sort_values(order).reset_index(drop=True) for f in (one, two))
    assert list(one.columns) == list(two.columns)
    for name in one.columns:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], two[name], atol=1e-6, err_msg=name)
        else:
            assert one[name].astype(str).tolist() == two[name].astype(str).tolist(), name
    for name, moments in run.moments().items():
        expected = compute(other.moments()[name])
        np.testing.assert_allclose(compute(moments).mean, expected.mean, atol=1e-6)
        np.testing.assert_allclose(compute(moments).std, expected.std, atol=1e-6)
    assert run.classes == other.classes and run.scales == other.scales
    assert [unit.name for unit in run.units] == [unit.name for unit in other.units]


@pytest.mark.parametrize("size", [7, 60])
def test_batches_make_the_run_of_analyze(
    analyzer: BatchAnalyzer,
    rows: dict[str, list[Any]],
    size: int,
    pictures: Path,
    tiny: torch.nn.Module,
    tmp_path: Path,
) -> None:
    rows["image"][3] = rows["image"][3][:50]  # damaged
    frame = frame_of(analyzer, rows, size).sample(frac=1, random_state=0)
    run = skviz.Run.from_frame(frame, tmp_path / "run")
    assert run.complete and run.check() == []
    assert [error["image"] for error in run.errors] == [rows["name"][3]]
    damaged = tmp_path / "pictures"
    shutil.copytree(pictures, damaged)
    sorted(damaged.rglob("*.png"))[3].write_bytes(rows["image"][3])
    whole = analyze(damaged, tiny, out=tmp_path / "whole", scales=SCALES, progress=False)
    same(run, whole)
    summary, expected = skviz.summarise(run), skviz.summarise(whole)
    np.testing.assert_allclose(summary.to_frame()["mean"], expected.to_frame()["mean"], atol=1e-6)
    assert run.settings["dataset"]["labels"] == whole.settings["dataset"]["labels"]


def test_a_folder_of_parquet_files_is_a_run(
    analyzer: BatchAnalyzer, rows: dict[str, list[Any]], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    for number, batch in enumerate(batches(rows, 20)):
        pq.write_table(pa.table(analyzer(batch)), tmp_path / "out" / f"{number}.parquet")
    run = skviz.Run.from_frame(tmp_path / "out")
    assert run.images == 60 and run.complete
    folder = run.path
    del run
    assert not folder.exists()


def test_it_can_be_pickled_and_takes_what_cells_hold(
    analyzer: BatchAnalyzer, rows: dict[str, list[Any]], tmp_path: Path
) -> None:
    copy = pickle.loads(pickle.dumps(analyzer))
    file = tmp_path / "a.png"
    file.write_bytes(rows["image"][0])
    array = np.asarray(skviz.read_image(file))
    image = Image.open(file)
    cells = [rows["image"][0], {"bytes": rows["image"][0], "path": None}, array, image, file]
    found = pd.DataFrame(copy({"image": cells, "name": list("abcde")}))
    values = [part["difference"].tolist() for _, part in found.groupby("image")]
    assert len(values) == 5
    np.testing.assert_allclose(values, [values[0]] * 5, atol=1e-6)
    assert (found["label"] == -1).all()
    bad = [None, b"", b"x", np.zeros((2, 2), np.float32), "missing.png", {"bytes": None}]
    said = copy({"image": bad, "name": list("abcdef")})
    assert len(said["error"]) == 6 and all(said["error"])
    assert said["unit"] == [None] * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="moments"), "without moments there is no run"),
        (lambda f: f.iloc[1:], "expected all rows of batch"),
        (lambda f: f[f["moments"].isna()], "expected all rows of batch"),
        (lambda f: f.iloc[:0], "got none"),
        (lambda f: f.assign(settings=[str(n) for n in range(len(f))]), "rows of one analyzer"),
    ],
)
def test_rows_that_make_no_run(
    change: Any, message: str, analyzer: BatchAnalyzer, rows: dict[str, list[Any]], tmp_path: Path
) -> None:
    frame = change(frame_of(analyzer, rows, 30))
    with pytest.raises(UsageError, match=message):
        skviz.Run.from_frame(frame, tmp_path / "run")


def test_names_that_are_there_twice(
    analyzer: BatchAnalyzer, rows: dict[str, list[Any]], tmp_path: Path
) -> None:
    rows["name"][40] = rows["name"][0]
    with pytest.raises(UsageError, match="1 names are there twice"):
        skviz.Run.from_frame(frame_of(analyzer, rows, 30), tmp_path / "run")


def test_labels_and_columns_that_are_not_there(analyzer: BatchAnalyzer) -> None:
    with pytest.raises(UsageError, match="expected a column 'image' in the batch, got picture"):
        analyzer({"picture": []})
    with pytest.raises(UsageError, match="got 'dog'; name all classes"):
        analyzer({"image": [b"x"], "label": ["dog"]})


def test_datasets_map(analyzer: BatchAnalyzer, rows: dict[str, list[Any]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "image": datasets.Image(decode=False),
            "label": datasets.ClassLabel(names=["ant", "bee", "cat"]),
            "name": datasets.Value("string"),
        }
    )
    images = [{"bytes": data, "path": None} for data in rows["image"]]
    given = datasets.Dataset.from_dict({**rows, "image": images}, features=features)
    done = given.map(analyzer, batched=True, batch_size=16, remove_columns=given.column_names)
    run = skviz.Run.from_frame(done, tmp_path / "run")
    same(run, skviz.Run.from_frame(frame_of(analyzer, rows, 60), tmp_path / "other"))


@pytest.mark.slow
def test_ray_with_a_worker_that_is_killed(
    tiny_weights: Path, rows: dict[str, list[Any]], tmp_path: Path, analyzer: BatchAnalyzer
) -> None:
    ray = pytest.importorskip("ray")
    importlib.import_module("ray.data")

    marker = tmp_path / "killed"

    class Dies:
        """The analyzer, whose first process is killed in the midst of its work."""

        def __init__(self) -> None:
            self.analyzer = analyzer

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            import os
            import signal

            found = self.analyzer(batch)
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return {name: list(values) for name, values in found.items()}
            os.kill(os.getpid(), signal.SIGKILL)
            return found

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        items = [
            dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)
        ]
        data = ray.data.from_items(items, override_num_blocks=4)
        done = data.map_batches(
            Dies, batch_size=8, compute=ray.data.ActorPoolStrategy(size=2), num_cpus=1
        )
        frame = done.to_pandas()
    finally:
        ray.shutdown()
    assert marker.exists()
    run = skviz.Run.from_frame(frame, tmp_path / "run")
    same(run, skviz.Run.from_frame(frame_of(analyzer, rows, 60), tmp_path / "other"))
