"""Memory does not grow with the number of images; the benchmark of that name does more."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from skviz.data import ImageSet
from skviz.data.imageset import Names
from skviz.runs.progress import Progress
from skviz.studies.controls.change import analyze


def test_nothing_of_a_batch_stays(
    tiny: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every batch the tensors and arrays alive take no more than at an early one."""
    batches: list[int] = []
    sizes: list[int] = []

    def count(self: Progress, images: int) -> None:
        batches.append(images)
        if len(batches) % 12 == 0:
            gc.collect()
            # `type`, because isinstance would ask every lazy module of PyTorch for its class.
            alive = [thing for thing in gc.get_objects() if type(thing) is torch.Tensor]
            sizes.append(sum(tensor.nbytes for tensor in alive))

    monkeypatch.setattr(Progress, "advance", count)
    data = ImageSet(
        "synthetic",
        None,
        Names(str(index) for index in range(200)),
        np.zeros(200, np.int32),
        ("a",),
        reader=lambda index: Image.new("RGB", (20, 20), (index, 0, 0)),
    )
    analyze(data, tiny, out=tmp_path / "run", workers=0, batch_size=12, shard_size=40)
    assert len(sizes) == 4
    # The views of one batch alone are 9,216 bytes; between two counts there are twelve.
    assert max(sizes) - min(sizes) < 9_216
