"""Files of a shard that were changed, cut, copied over or lost are noticed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from skviz.errors import RunError
from skviz.runs.merge import merge_runs
from skviz.runs.records import Run
from skviz.runs.storage.checksums import shard_file
from tests.helpers.tiny_runs import analyzed


@pytest.fixture
def run(pictures: Path, tiny: torch.nn.Module, tmp_path: Path) -> Run:
    return analyzed(pictures, tiny, tmp_path / "run", scales=(1.0, 2.0))


def middle(file: Path) -> None:
    """Change a byte that neither the size nor the end of a large file shows."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def test_a_run_as_it_was_written(run: Run) -> None:
    assert run.check() == []


@pytest.mark.parametrize("folder", ["shards", "moments", "errors", "channels"])
def test_every_file_is_compared(run: Run, folder: str) -> None:
    file = sorted((run.path / folder).iterdir())[0]
    middle(file)
    (said,) = run.check()
    assert str(file) in said and "it was changed" in said
    file.unlink()
    if folder != "shards":
        assert "it is missing" in run.check()[0]


def test_a_shard_copied_over_another_one(run: Run, tmp_path: Path) -> None:
    for kind in ("shards", "moments"):
        kept = shard_file(run.path, kind, 1).read_bytes()
        shutil.copy(shard_file(run.path, kind, 0), shard_file(run.path, kind, 1))
        with pytest.raises(RunError, match=r"00001\.\w+'.*it was changed"):
            _ = run.records(), run.moments()
        with pytest.raises(RunError, match="it was changed"):
            merge_runs([run.path], tmp_path / "merged")
        shard_file(run.path, kind, 1).write_bytes(kept)
    assert run.check() == []


def test_a_truncated_file_is_not_merged(run: Run, tmp_path: Path) -> None:
    file = sorted((run.path / "channels").iterdir())[0]
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(RunError, match="it was changed or cut"):
        merge_runs([run.path], tmp_path / "merged")


def test_a_merged_run_has_checksums_of_its_own(run: Run, tmp_path: Path) -> None:
    merged = merge_runs([run.path], tmp_path / "merged")
    assert merged.check() == []
    middle(shard_file(merged.path, "moments", 0))
    assert len(merged.check()) == 1


def test_older_runs_have_none(run: Run) -> None:
    shutil.rmtree(run.path / "checksums")
    assert len(run.records())
    assert run.check() == [
        f"shard {number} has no checksums: its files cannot be compared" for number in run.done
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "content: expected an object"),
        ('{"files": {"../../x": {"size": 1, "sha256": "", "end": ""}}}', "no file of a shard"),
        ('{"files": {"shards/00000.parquet": {"size": -1}}}', "size: expected a whole number"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_checksums_that_were_edited(run: Run, text: str, said: str) -> None:
    (run.path / "checksums" / "00000.json").write_text(text)
    assert said in run.check()[0]
    with pytest.raises(RunError, match=r"00000.parquet'"):
        run.records()


@pytest.mark.parametrize("name", ["checksums/00000.json", "errors/00000.json"])
def test_pipes_are_not_waited_for(run: Run, name: str) -> None:
    (run.path / name).unlink()
    os.mkfifo(run.path / name)
    assert "it is a device or pipe" in run.check()[0]
    with pytest.raises(RunError, match="it is a device or pipe"):
        _ = run.records(), run.errors
