"""The same pictures as folder, tar, zip, Parquet and a saved data set are the same run."""

from __future__ import annotations

import functools
import http.server
import io
import json
import os
import pickle
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from skviz.data import DataSource, ImageSet, Subset, open_dataset
from skviz.data.archives import tar_index, tars
from skviz.data.archives.storage import expand
from skviz.errors import ImageError, UsageError
from skviz.runs.records import Run
from skviz.studies.controls.change import analyze
from tests.helpers.kinds_of_sources import (
    KINDS,
    Files,
    add,
    as_folder,
    as_parquet,
    as_saved,
    as_tar,
)
from tests.helpers.tiny_runs import tiny, tiny_weights

__all__ = ["tiny", "tiny_weights"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Thirty-three pictures of three classes, one of them damaged."""
    rng, found = np.random.default_rng(0), []
    for number in range(33):
        label = ("ant", "bee", "cat")[number % 3]
        buffer = io.BytesIO()
        pixels = rng.integers(0, 255, (24, 20 + number % 3, 3), np.uint8)
        Image.fromarray(pixels).save(buffer, "PNG")
        data = buffer.getvalue() if number != 7 else buffer.getvalue()[:60]
        found.append((f"{number:03d}", label, data))
    return sorted(found, key=lambda one: (one[1], one[0]))


def numbers(run: Run) -> dict[str, np.ndarray]:
    frame = run.records()
    return {name: frame[name].to_numpy() for name in ("label", "difference", "predicted", "crop")}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_gives_the_same_run(
    kind: str, workers: int, files: Files, tiny: torch.nn.Module, tmp_path: Path
) -> None:
    source = KINDS[kind](files, tmp_path / "data")
    how: dict[str, Any] = {"shard_size": 8, "progress": False}
    run = analyze(source, tiny, out=tmp_path / "run", workers=workers, **how)
    assert run.complete and run.classes == ("ant", "bee", "cat")
    assert (len(run.errors) == 1 and "007" in run.errors[0]["reason"]) or kind == "saved"
    folder = as_folder(files, tmp_path / "plain")
    other = analyze(folder, tiny, out=tmp_path / "other", workers=0, **how)
    for name, values in numbers(other).items():
        np.testing.assert_array_equal(numbers(run)[name], values, err_msg=name)


@pytest.mark.parametrize("kind", list(KINDS))
def test_subsets_and_parts(kind: str, files: Files, tmp_path: Path) -> None:
    source = KINDS[kind](files, tmp_path / "data")
    whole = open_dataset(source)
    chosen = open_dataset(DataSource(source, subset=Subset(per_class=2, shuffle=1, part=(2, 2))))
    assert len(chosen) == 3
    for index in range(len(chosen)):
        number = list(whole.names).index(chosen.names[index])
        if "007" not in files[number][0]:
            assert chosen.read(index).tobytes() == whole.read(number).tobytes()
        assert chosen.labels[index] == whole.labels[number]
    again = pickle.loads(pickle.dumps(whole))
    assert again.read(0).tobytes() == whole.read(0).tobytes()
    assert again.digest() == whole.digest()


def tar_of(path: Path, members: dict[str, bytes]) -> ImageSet:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            add(archive, name, data)
    return open_dataset(str(path))


def test_members_that_are_no_samples(files: Files, tmp_path: Path) -> None:
    data = files[0][2]
    images = tar_of(
        tmp_path / "odd.tar",
        {
            "a.png": data,
            "a.json": json.dumps({"label": "ant", "bbox": [1, 2, 9, 8]}).encode(),
            "b.cls": b"bee",
            "../c.png": data,
            "/d.png": data,
            "e.png": data,
            "e.json": b"[" * 1000,
            ".hidden": b"",
        },
    )
    assert list(images.names) == ["../c.png", "/d.png", "a.png", "b", "e.png"]
    assert images.classes == ("ant", "bee") and images.labels.tolist() == [-1, -1, 0, 1, -1]
    assert images.box(2) == (1, 2, 9, 8) and images.box(4) is None
    assert images.read(2).size and images.read(4).size
    for index, said in ((0, "leaves the archive"), (1, "leaves"), (3, "no picture beside b.cls")):
        with pytest.raises(ImageError, match=said):
            images.read(index)
    folders = tar_of(tmp_path / "folders.tar", {"v/ant/1.png": data, "v/bee/1.png": data})
    assert folders.classes == ("ant", "bee") and list(folders.names) == [
        "v/ant/1.png", "v/bee/1.png",
    ]  # fmt: skip


def test_an_archive_that_ends_early(files: Files, tmp_path: Path) -> None:
    path = Path(expand(as_tar(files, tmp_path / "data", 1))[0])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    images = open_dataset(str(path))
    errors = []
    for index in range(len(images)):
        try:
            images.read(index)
        except ImageError as error:
            errors.append(str(error))
    assert 10 < len(images) < 33
    assert any("ends early" in error for error in errors)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.tar", b"\x1f\x8b\x08" + bytes(600), "is compressed"),
        ("x.tar", bytes(10_240), "expected pictures in .* found none"),
        ("x.tar", b"no tar at all" * 100, "cannot read .* as a tar archive"),
        ("x.zip", b"PK\x03\x04" + bytes(100), "cannot read .* as a zip archive"),
        ("missing-{00..01}.tar", None, "cannot open .*missing-00.tar"),
        ("missing-*.tar", None, "expected files that are called"),
    ],
)
def test_archives_that_are_none(name: str, data: bytes | None, said: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError, match=said):
        open_dataset(str(tmp_path / name))


def test_a_zip_that_claims_or_leaves(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", files[0][2])
        archive.writestr("../../b/2.png", files[0][2])
        archive.writestr("__MACOSX/a/1.png", b"x")
    images = open_dataset(str(path))
    assert len(images) == 2
    with pytest.raises(ImageError, match="leaves the archive"):
        images.read(0)
    assert images.read(1).size


def test_ranges_and_patterns(tmp_path: Path) -> None:
    assert expand("s3://b/v-{08..11}.tar") == [f"s3://b/v-{n:02d}.tar" for n in range(8, 12)]
    assert expand("{0..1}/{0..1}.tar") == ["0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"]
    with pytest.raises(UsageError, match="expected a range such as"):
        expand("v-{9..1}.tar")
    for name in ("b.tar", "a.tar"):
        (tmp_path / name).touch()
    assert [Path(p).name for p in expand(str(tmp_path / "*.tar"))] == ["a.tar", "b.tar"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An HTTP server of a folder that knows ranges."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            file = tmp_path / "served" / self.path.strip("/")
            if not file.is_file():
                self.send_error(404)
                return
            data, asked = file.read_bytes(), self.headers.get("range")
            first, last = 0, len(data) - 1
            if asked:
                start, _, end = asked.removeprefix("bytes=").partition("-")
                first, last = int(start), min(int(end or last), last)
            self.send_response(206 if asked else 200)
            self.send_header("accept-ranges", "bytes")
            self.send_header("content-length", str(last - first + 1))
            if asked:
                self.send_header("content-range", f"bytes {first}-{last}/{len(data)}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data[first : last + 1])

        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "served").mkdir()
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler))
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}", tmp_path / "served"
    served.shutdown()
    thread.join()


@pytest.mark.parametrize("kind", ["tar", "zip", "parquet"])
@pytest.mark.parametrize("where", ["memory", "http"])
def test_addresses(
    kind: str, where: str, files: Files, tmp_path: Path, server: tuple[str, Path]
) -> None:
    fsspec = pytest.importorskip("fsspec")
    if where == "http":
        pytest.importorskip("aiohttp")
    name = KINDS[kind](files, tmp_path / "data")
    for path in expand(name):
        if where == "memory":
            fsspec.filesystem("memory").pipe(f"/{Path(path).name}", Path(path).read_bytes())
        else:
            shutil.copy(path, server[1])
    base = "memory:/" if where == "memory" else server[0]
    images, local = open_dataset(f"{base}/{Path(name).name}"), open_dataset(name)
    assert list(images.names) == list(local.names)
    np.testing.assert_array_equal(images.labels, local.labels)
    for index in (0, 20, len(images) - 1):
        assert images.read(index).tobytes() == local.read(index).tobytes()
    with pytest.raises(UsageError, match="cannot open"):
        open_dataset(f"{base}/nothing.{'tar' if kind == 'parquet' else kind}")


@pytest.mark.slow
def test_the_hub_without_a_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"cannot open 'hf:nobody/nothing@test': .*HF_HUB_OFFLINE"):
        open_dataset("hf:nobody/nothing@test")


def test_splits_of_a_saved_dictionary(files: Files, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    one = datasets.load_from_disk(as_saved(files, tmp_path / "one"))
    folder = tmp_path / "both"
    datasets.DatasetDict({"train": one, "test": one.select(range(5))}).save_to_disk(str(folder))
    assert len(open_dataset(str(folder))) == 5
    assert len(open_dataset(DataSource(folder, split="train"))) == 33
    with pytest.raises(UsageError, match=r"expected a split out of train, test in .* got 'dev'"):
        open_dataset(DataSource(folder, split="dev"))


def test_a_manifest_stays_a_manifest(files: Files, tmp_path: Path) -> None:
    as_folder(files, tmp_path / "data")
    table = pa.table({"path": [f"{label}/{name}.png" for name, label, _ in files]})
    pq.write_table(table, tmp_path / "data" / "list.parquet")
    assert open_dataset(str(tmp_path / "data" / "list.parquet")).kind == "manifest"
    folder = tmp_path / "tables"
    folder.mkdir()
    shutil.copy(as_parquet(files, tmp_path / "p"), folder / "a.parquet")
    assert open_dataset(str(folder)).kind == "parquet"


def test_archives_are_gone_through_once(
    files: Files, tiny: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = as_tar(files, tmp_path / "data")
    how: dict[str, Any] = {"out": tmp_path / "run", "workers": 0, "progress": False}
    run = analyze(source, tiny, **how)
    index = tmp_path / "run" / tar_index.FILE
    plain, gone_through = open_dataset(source), []
    original = tars._index
    monkeypatch.setattr(tars, "_index", lambda *a: gone_through.append(a[0]) or original(*a))
    again = open_dataset(source, tmp_path / "run")
    assert not gone_through and again.digest() == plain.digest() and again.notes == plain.notes
    for number in (0, 7, 32):
        assert again.reader is not None and again.reader(number) == plain.reader(number)  # type: ignore[misc]
    assert analyze(source, tiny, **how).images == run.images
    assert not gone_through
    # Another archive under the same name, and an index that is damaged: both are made again.
    os.utime(expand(source)[0], (1, 1))
    assert len(open_dataset(source, tmp_path / "run")) == 33
    assert len(gone_through) == 3
    assert analyze(source, tiny, **how).images == run.images
    index.write_bytes(index.read_bytes()[:-20])
    gone_through.clear()
    assert open_dataset(source, tmp_path / "run").digest() == plain.digest()
    assert len(gone_through) == 3
    with pytest.raises(UsageError, match="cannot open"):
        open_dataset(str(tmp_path / "none.tar"), tmp_path / "run")


def test_an_index_keeps_faults_and_boxes(files: Files, tmp_path: Path) -> None:
    images = tar_of(
        tmp_path / "odd.tar",
        {"a.png": files[0][2], "a.json": b'{"label": 3, "bbox": [1, 2, 9, 8]}', "b.cls": b"bee"},
    )
    assert images.index is not None
    images.index(tmp_path)
    again = open_dataset(str(tmp_path / "odd.tar"), tmp_path)
    assert again.digest() == images.digest() and again.box(0) == (1, 2, 9, 8)
    with pytest.raises(ImageError, match=r"no picture beside b\.cls"):
        again.read(1)
