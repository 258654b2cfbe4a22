"""A run of the tiny network: its numbers against plain NumPy, its folder, its refusals."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

from skviz.capture.probe import Probe
from skviz.data import DataSource, open_dataset
from skviz.errors import OutputError, RunError, UsageError
from skviz.files import hold, remove_leftovers
from skviz.models import model_info
from skviz.pictures.scaling import enlarge
from skviz.runs.analyze import prepare
from skviz.runs.options import Options
from skviz.runs.records import Run
from skviz.runs.storage.checksums import shard_file
from skviz.runs.storage.shards import table_file
from skviz.statistics.moments import compute
from skviz.studies.controls.change import analyze
from tests.helpers.permissions import permissions_hold

SCALES = (1.0, 1.5, 2.0)


@pytest.fixture
def run(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> Run:
    """The 60 pictures in uneven shards and batches."""
    return analyze(
        pictures,
        tiny,
        out=tmp_path / "run",
        shard_size=14,
        batch_size=13,
        workers=0,
        channels="3_1",
        class_channels=True,
        progress=False,
    )


def whole_vectors(folder: Path, network: torch.nn.Module) -> tuple[dict[str, np.ndarray], ...]:
    """Every attention vector, by unit (n, S, M, C) in float64, and logits; one image at a time."""
    images = open_dataset(folder)
    probe = Probe(network)
    vectors: dict[str, list[np.ndarray]] = {unit.name: [] for unit in probe.units}
    logits = []
    for index in range(len(images)):
        views = enlarge(images.path(index), SCALES, model_info(network).spec)
        attention = probe(views, logits=True)
        for name in vectors:
            vectors[name].append(attention[name].astype(np.float64))
        logits.append(attention.logits)
    return {name: np.stack(found) for name, found in vectors.items()}, {"": np.stack(logits)}


def test_numbers_equal_plain_numpy(run: Run, pictures: Path, tiny: torch.nn.Module) -> None:
    vectors, outputs = whole_vectors(pictures, tiny)
    labels = open_dataset(pictures).labels
    table = run.records()
    classes = run.class_moments()
    np.testing.assert_array_equal(classes.labels, [0, 1, 2])
    per_class, gaps = compute(classes.attention), compute(classes.difference)
    total = run.moments()
    for number, (name, whole) in enumerate(vectors.items()):
        # The check would see nothing if the attention hardly changed.
        assert whole.std(axis=0).mean() > 0.01
        found = compute(total[name])
        assert found.count == len(whole)
        np.testing.assert_allclose(found.mean, whole.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(found.std, whole.std(axis=0, ddof=1), atol=1e-6)
        means = whole.mean(axis=-1)
        gap = means[:, :, 1] - means[:, :, 0]
        own = table[table["unit"] == name]
        columns = own[["attention_0", "attention_1"]].to_numpy().reshape(means.shape)
        np.testing.assert_allclose(columns, means, atol=1e-6)
        np.testing.assert_allclose(own["difference"], gap.reshape(-1), atol=1e-6)
        expected = 3 * means[:, :, 0] + 5 * means[:, :, 1]
        np.testing.assert_allclose(own["expected_kernel"], expected.reshape(-1), atol=1e-5)
        for label in range(3):
            mine = labels == label
            np.testing.assert_allclose(
                per_class.mean[label, :, number], means[mine].mean(axis=0), atol=1e-6
            )
            np.testing.assert_allclose(
                per_class.std[label, :, number], means[mine].std(axis=0, ddof=1), atol=1e-6
            )
            np.testing.assert_allclose(
                gaps.mean[label, :, number], gap[mine].mean(axis=0), atol=1e-6
            )
            np.testing.assert_allclose(
                gaps.std[label, :, number], gap[mine].std(axis=0, ddof=1), atol=1e-6
            )
        _, moments = run.class_channel_moments(name)
        np.testing.assert_allclose(moments.mean[2], whole[labels == 2].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(run.channels("3_1"), vectors["SK_3_1"], atol=1e-3)
    logits = outputs[""]
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    odds /= odds.sum(axis=-1, keepdims=True)
    first = table[table["unit"] == "SK_2_1"]
    best = logits.argmax(axis=-1).reshape(-1)
    assert len(set(best)) > 1, "the check needs different predictions"
    np.testing.assert_array_equal(first["predicted"], best)
    np.testing.assert_allclose(first["probability"], odds.max(axis=-1).reshape(-1), atol=1e-6)
    right = (logits.argmax(axis=-1) == labels[:, None]).reshape(-1)
    np.testing.assert_array_equal(first["correct"].to_numpy(bool), right)


def test_rows_are_sorted_and_complete(run: Run, pictures: Path) -> None:
    images = open_dataset(pictures)
    table = run.table()
    assert table.num_rows == 60 * 3 * 2
    assert run.images == 60
    assert table["image"].to_pylist()[::6] == list(images.names)
    assert table["scale"].to_pylist()[:6] == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]
    assert table["unit"].to_pylist()[:2] == ["SK_2_1", "SK_3_1"]
    np.testing.assert_array_equal(table["label"].to_numpy()[::6], images.labels)


def test_what_was_done(run: Run, tiny: torch.nn.Module) -> None:
    settings = json.loads((run.path / "run.json").read_text())
    assert settings["model"]["name"] == "tiny"
    assert len(settings["model"]["sha256"]) == len(settings["model"]["state"]) == 64
    assert settings["scales"] == list(SCALES)
    assert settings["dataset"]["classes"] == ["ant", "bee", "cat"]
    assert settings["dataset"]["labels"] == "index"
    assert settings["shards"] == 5
    assert settings["versions"]["torch"] == torch.__version__.split("+")[0]
    assert run.complete
    assert run.missing == []
    assert run.errors == []
    assert [unit.short for unit in run.units] == ["2_1", "3_1"]
    assert run.units == Probe(tiny).units
    assert run.classes == ("ant", "bee", "cat")
    assert repr(run) == f"Run({str(run.path)!r})"


def test_finished_run_is_left_alone(run: Run, pictures: Path, tiny: torch.nn.Module) -> None:
    before = {file: file.stat().st_mtime_ns for file in run.path.rglob("*")}
    options = Options(shard_size=14, channels=("3_1",), class_channels=True)
    analysis = prepare(pictures, tiny, out=run.path, options=options)
    assert analysis.resumed
    assert analysis.missing == ()
    assert analysis().complete
    assert {file: file.stat().st_mtime_ns for file in run.path.rglob("*")} == before


@pytest.mark.parametrize("workers", [0, 2])
def test_missing_shards_are_done_again(
    run: Run, pictures: Path, tiny: torch.nn.Module, workers: int
) -> None:
    before = {file: file.read_bytes() for file in run.path.rglob("0*")}
    table_file(run.path, 1).unlink()
    table_file(run.path, 4).unlink()
    shard_file(run.path, "moments", 4).unlink()
    left, young = (run.path / "shards" / f".skviz-{name}.tmp" for name in ("left", "young"))
    left.write_text("of a process that was killed just now")
    young.write_text("of a process that is at work")
    at_work = open(young)  # noqa: SIM115
    assert hold(at_work.fileno())
    assert run.missing == [1, 4]
    again = analyze(
        pictures,
        tiny,
        out=run.path,
        shard_size=14,
        batch_size=13,
        workers=workers,
        channels="3_1",
        class_channels=True,
        progress=False,
    )
    assert again.complete
    assert {file: file.read_bytes() for file in run.path.rglob("0*")} == before
    assert list(run.path.rglob(".skviz*")) == [young]
    at_work.close()
    remove_leftovers(young.parent)
    assert not young.exists()


def test_other_settings_are_refused(run: Run, pictures: Path, tiny: torch.nn.Module) -> None:
    options = Options(shard_size=14, channels=("3_1",), class_channels=True)
    with pytest.raises(UsageError, match=r"scales: \[1.0, 1.5, 2.0\] in the run, \[1.0, 2.0\]"):
        prepare(pictures, tiny, out=run.path, scales=(1.0, 2.0), options=options)
    tiny.fc.bias.data += 1.0  # type: ignore[operator, union-attr]
    with pytest.raises(UsageError, match=r"model.state: .*\nUse the same settings to resume it"):
        prepare(pictures, tiny, out=run.path, options=options)


def test_another_projects_folder(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("mine")
    with pytest.raises(OutputError, match=r"holds other things such as 'chapter.tex'"):
        analyze(pictures, tiny, out=other)
    assert [file.name for file in other.iterdir()] == ["chapter.tex"]
    (other / "run.json").write_text('{"format": "other"}')
    with pytest.raises(UsageError, match="it describes other work"):
        analyze(pictures, tiny, out=other)
    assert sorted(file.name for file in other.iterdir()) == ["chapter.tex", "run.json"]
    with pytest.raises(OutputError, match="which is a file"):
        analyze(pictures, tiny, out=other / "chapter.tex")
    with pytest.raises(OutputError, match="cannot write into '/proc/skviz'"):
        analyze(pictures, tiny, out="/proc/skviz")


def test_what_cannot_be_read_of_a_run(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the folder of a run, with a run.json"):
        Run(tmp_path / "nothing")
    with pytest.raises(UsageError, match=r"expected columns out of image, label.*got wrong"):
        run.records(["wrong"])
    with pytest.raises(UsageError, match="the name of one unit, got 'all', which means 2_1, 3_1"):
        run.channels("all")
    with pytest.raises(RunError, match=r"expected the vectors of SK_2_1.*--channels 2_1"):
        run.channels("2_1")
    table_file(run.path, 1).write_bytes(b"damaged")
    with pytest.raises(RunError, match=r"cannot read '.*00001.parquet'.*remove the files"):
        run.records()
    shard_file(run.path, "moments", 0).unlink()
    with pytest.raises(RunError, match=r"moments/00000.npz': it is missing"):
        run.moments()
    settings = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps({**settings, "class_channels": False}))
    with pytest.raises(RunError, match="analyze with --class-channels"):
        Run(run.path).class_channel_moments("2_1")
    (run.path / "run.json").write_text(json.dumps({**settings, "version": 99}))
    with pytest.raises(UsageError, match=r"expected a run of format 1 .* got 99"):
        Run(run.path)
    (run.path / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"cannot read '.*run.json'"):
        Run(run.path)


def test_a_run_without_records(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    run = prepare(pictures, tiny, out=tmp_path / "run").run
    with pytest.raises(RunError, match="there are none yet"):
        run.records()
    assert not run.complete


def bomb(side: int) -> bytes:
    """A PNG of a hundred bytes that claims to have `side` squared pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_broken_files_are_listed(
    picture: Callable[..., Path], tiny: torch.nn.Module, tmp_path: Path
) -> None:
    folder = tmp_path / "set"
    for number in range(40):
        picture(folder / f"{number:03d}.png", number)
    good = (folder / "000.png").read_bytes()
    (folder / "005.png").write_bytes(b"")
    (folder / "011.png").write_bytes(good[: len(good) // 2])
    (folder / "017.png").write_text("no picture")
    (folder / "023.png").write_bytes(b"%PDF-1.4 another kind of file")
    (folder / "029.png").write_bytes(bomb(40_000))
    picture(folder / "035.png", 1, (1, 40))
    reasons = {"005": "empty", "011": "truncated", "017": "not an image", "023": "not an image"}
    reasons |= {"029": "decompression bomb", "035": "too large for"}
    (folder / "037.png").chmod(0)
    reasons["037"] = "permission denied"
    with permissions_hold():
        run = analyze(folder, tiny, out=tmp_path / "run", workers=0, batch_size=12, progress=False)
    assert run.complete
    found = {error["image"][:3]: error["reason"] for error in run.errors}
    assert found.keys() == reasons.keys()
    for number, reason in reasons.items():
        assert reason in found[number]
    assert run.images == 40 - len(reasons)
    images = run.table(["image", "correct", "label"])
    assert not {name[:3] for name in images["image"].to_pylist()} & found.keys()
    assert images["correct"].null_count == images.num_rows
    assert set(images["label"].to_pylist()) == {-1}
    assert run.classes == ()
    np.testing.assert_array_equal(run.class_moments().labels, [-1])


def test_nothing_readable(tiny: torch.nn.Module, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_text("no picture")
    run = analyze(
        tmp_path / "set", tiny, out=tmp_path / "run", workers=0, channels="2_1", progress=False
    )
    assert run.complete
    assert run.images == 0
    assert len(run.errors) == 1
    assert run.channels("2_1").shape == (0, 3, 2, 8)
    with pytest.raises(RunError, match="every one of them was unreadable"):
        run.moments()


def test_a_box_off_the_picture_is_an_unreadable_image(
    pictures: Path, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        "path,left,top,right,bottom\nant/000.png,900,900,950,950\nant/001.png,2,2,20,20\n"
    )
    source = DataSource(manifest, root=pictures)
    run = analyze(source, tiny, out=tmp_path / "run", workers=0, progress=False)
    assert [error["image"] for error in run.errors] == ["ant/000.png"]
    assert "within or across a picture" in run.errors[0]["reason"]
    assert run.settings["dataset"]["boxes"] == 2


def test_boxes_move_the_crop(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    box = (3.0, 4.0, 15.0, 14.0)
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,left,top,right,bottom\nant/000.png,3,4,15,14\n")
    source = DataSource(manifest, root=pictures)
    run = analyze(source, tiny, out=tmp_path / "run", workers=0, progress=False)
    spec = model_info(tiny).spec
    views = enlarge(pictures / "ant" / "000.png", SCALES, spec, box=box)
    expected = Probe(tiny)(views).difference("3_1")
    found = run.records(["unit", "difference"])
    own = found[found["unit"] == "SK_3_1"]["difference"]
    np.testing.assert_allclose(own, expected, atol=1e-6)
    centred = Probe(tiny)(enlarge(pictures / "ant" / "000.png", SCALES, spec))
    assert np.abs(centred.difference("3_1") - expected).max() > 1e-3


def test_labels_by_name(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    tiny.skviz = replace(model_info(tiny), classes=("cat", "dog", "ant", "bee"))  # type: ignore
    run = analyze(pictures, tiny, out=tmp_path / "run", workers=0, progress=False)
    assert run.settings["dataset"]["labels"] == "name"
    table = run.records(["label", "predicted", "correct"])
    output = table["label"].map({0: 2, 1: 3, 2: 0})
    np.testing.assert_array_equal(table["correct"].to_numpy(bool), output == table["predicted"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "expected batch_size of at least 1, got 0"),
        ({"shard_size": -1}, "expected shard_size of at least 1, got -1"),
        ({"workers": -1}, "expected workers of 0 or more, got -1"),
        ({"resample": "sharp"}, "expected resample to be one of nearest"),
        ({"fill": "pink"}, "expected fill to be one of mean"),
        ({"precision": "fp8"}, "expected precision fp32, bf16, fp16, got 'fp8'"),
    ],
)
def test_wrong_options(
    pictures: Path,
    tiny: torch.nn.Module,
    tmp_path: Path,
    options: dict[str, object],
    message: str,
) -> None:
    with pytest.raises(UsageError, match=message):
        analyze(pictures, tiny, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_half_precision(run: Run, pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> None:
    half = analyze(
        pictures, tiny, out=tmp_path / "half", precision="bf16", workers=0, progress=False
    )
    gap = (half.records()["difference"] - run.records()["difference"]).abs()
    assert 0 < gap.max() < 0.2


def test_plain_readers_open_it(run: Run) -> None:
    """PyArrow alone reads the folder as one table."""
    table = pq.read_table(run.path / "shards", columns=["image", "difference"])
    assert len(pd.read_parquet(run.path / "shards")) == 360
    assert table.num_rows == 360
