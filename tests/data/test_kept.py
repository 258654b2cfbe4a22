"""Views that several runs share are made once, and are the same as if they were made again."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from skviz.data import open_dataset
from skviz.data.kept import KeptViews
from skviz.data.loading import Chunk, ChunkReader, ViewMaker
from skviz.pictures.scaling import InputSpec

SPEC = InputSpec(size=16)


@pytest.fixture
def views() -> ViewMaker:
    return ViewMaker((1.0, 2.0), SPEC)


def test_what_is_kept_is_what_was_made(views: ViewMaker, tmp_path: Path) -> None:
    kept = KeptViews(views, tmp_path)
    random = np.random.default_rng(0)
    made = {
        number: (
            random.integers(0, 256, (2, 16, 16, 3), dtype=np.uint8),
            random.random(2, dtype=np.float32),
        )
        for number in (0, 5)
    }
    for number, one in made.items():
        kept.put(number, one)
    assert kept.get(3) is None  # In between nothing was put.
    assert kept.get(6) is None
    for number, (pixels, sides) in made.items():
        found = kept.get(number)
        assert found is not None
        assert np.array_equal(found[0], pixels)
        assert np.array_equal(found[1], sides)
    assert list(tmp_path.iterdir()) == []  # The file has no name.
    kept.close()
    assert kept.get(0) is None


def test_where_there_is_no_room_nothing_is_kept(
    views: ViewMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skviz.data.kept._MOST", 2000)
    kept = KeptViews(views, tmp_path)
    one = (np.zeros((2, 16, 16, 3), np.uint8), np.ones(2, np.float32))
    kept.put(0, one)
    kept.put(1, one)
    assert kept.get(0) is not None
    assert kept.get(1) is None
    assert KeptViews(views, tmp_path / "missing").get(0) is None


def test_a_process_that_is_started_anew_reads_for_itself(views: ViewMaker, tmp_path: Path) -> None:
    kept = KeptViews(views, tmp_path)
    kept.put(0, (np.zeros((2, 16, 16, 3), np.uint8), np.ones(2, np.float32)))
    assert pickle.loads(pickle.dumps(kept)).get(0) is None


def test_a_reader_takes_what_is_kept_of_the_same_views(
    views: ViewMaker, pictures: Path, tmp_path: Path
) -> None:
    from dataclasses import replace

    images = open_dataset(str(pictures))
    shared = replace(images, kept=KeptViews(views, tmp_path))
    chunk = Chunk(0, 0, 4, True)
    plain, first = ChunkReader(images, views)[chunk], ChunkReader(shared, views)[chunk]
    # Where pictures can no longer be read, what was kept is all there is.
    gone = replace(shared, root=tmp_path)
    second = ChunkReader(gone, views)[chunk]
    for batch in (first, second):
        assert np.array_equal(batch.index, plain.index)
        assert np.array_equal(batch.pixels, plain.pixels)
        assert np.array_equal(batch.crops, plain.crops)
    other = ChunkReader(gone, ViewMaker((1.0, 1.5), SPEC))[chunk]
    assert len(other.errors) == 4
    assert shared.select(np.array([1, 0])).kept is None
